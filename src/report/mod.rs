//! A record rendered: for a terminal, as a page, and in the forms that other programs read. Pure renderers; all that a
//! model, a server or a process wrote is untrusted and made harmless for the place it is shown in.

pub mod github;
pub mod html;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod terminal;

mod csv;
mod escape;
mod failures;
mod hdr;
mod junit;
mod llmd;
mod markdown;
mod number;
mod openmetrics;
mod svg;
mod view;

pub use csv::csv;
pub use hdr::hdr;
pub use html::{Detail, html};
pub use junit::junit;
pub use llmd::llmd;
pub use markdown::markdown;
pub use openmetrics::openmetrics;
pub use terminal::{Screen, terminal};

use crate::record::model::Run;
use crate::record::{self, Error};
use std::path::Path;

/// Text of several lines made harmless for a terminal and for whoever reads its log.
#[must_use]
pub fn harmless(text: &str) -> String {
    escape::lines(text)
}

/// A form in which a record is rendered into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One page with charts, for people.
    Html,
    /// For people and pull requests.
    Markdown,
    /// For CI systems.
    Junit,
    /// For spreadsheets and scripts: one row a figure.
    Csv,
    /// For monitoring.
    Openmetrics,
    /// For HdrHistogram's tools: the latencies of every request.
    Hdr,
    /// For llm-d: its Benchmark Report 0.2.1. The file's name keeps the version that it began with, of which 0.2.1 is a superset.
    LlmD,
}

impl Format {
    /// The file it goes into, in a report directory.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
            Self::Junit => "junit.xml",
            Self::Csv => "figures.csv",
            Self::Openmetrics => "metrics.txt",
            Self::Hdr => "latency.hlog",
            Self::LlmD => "benchmark_report_v0_2.yaml",
        }
    }
}

impl Format {
    /// Whether it shows more than `run.json` holds.
    #[must_use]
    pub fn is_detailed(self) -> bool {
        matches!(self, Self::Html | Self::Hdr | Self::LlmD)
    }
}

/// Renders a record. The page, the latencies and the prompts' lengths need more than `run.json` holds.
#[must_use]
pub fn render(run: &Run, detail: &Detail, format: Format) -> String {
    match format {
        Format::Html => html(run, detail),
        Format::Markdown => markdown(run),
        Format::Junit => junit(run),
        Format::Csv => csv(run),
        Format::Openmetrics => openmetrics(run),
        Format::Hdr => hdr(run, detail),
        Format::LlmD => llmd(run, detail),
    }
}

/// What the page shows beyond `run.json`, from a report directory. Files that are not there show nothing: `run.json` may
/// have been moved alone.
///
/// # Errors
/// When one is there and is not what a record looks like.
pub fn detail(run: &Run, dir: &Path) -> Result<Detail, Error> {
    let mut failure = None;
    // The first bad row ends it.
    let samples = record::samples(dir).into_iter().flatten();
    let samples = samples.map_while(|row| row.map_err(|error| failure = Some(error)).ok());
    let mut lost = None;
    let events = record::events(dir).into_iter().flatten();
    let events = events.map_while(|row| row.map_err(|error| lost = Some(error)).ok());
    // A record without it, or with a row of another version in it, shows none of it.
    let levels = record::server(dir)
        .into_iter()
        .flatten()
        .map_while(Result::ok);
    let detail = Detail::gather(run, samples, events).with_levels(run, levels);
    match failure.or(lost) {
        Some(error) => Err(error),
        None => Ok(detail),
    }
}

#[cfg(test)]
mod tests;
