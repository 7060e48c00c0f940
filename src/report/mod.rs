//! Renderers of a record: for a terminal, as an HTML page, and in formats that other programs read. All are pure. Text from
//! models, servers and processes is untrusted; each renderer escapes it for its format.

pub(crate) mod github;
mod html;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod terminal;

mod compared;
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

pub(crate) use csv::csv;
pub(crate) use hdr::hdr;
pub use html::{Detail, html};
pub(crate) use junit::junit;
pub(crate) use llmd::llmd;
pub(crate) use markdown::markdown;
pub(crate) use openmetrics::openmetrics;
pub(crate) use terminal::{Screen, terminal};

use crate::record::model::Run;
use crate::record::{self, Error};
use std::path::Path;

/// Text of several lines without anything that a terminal or a CI system reading its log would act on.
#[must_use]
pub(crate) fn harmless(text: &str) -> String {
    escape::lines(text)
}

/// A file format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
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
    /// Its file name in a report directory.
    #[must_use]
    pub(crate) fn file_name(self) -> &'static str {
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
    /// Whether it needs [`Detail`] as well as `run.json`.
    #[must_use]
    pub(crate) fn is_detailed(self) -> bool {
        matches!(self, Self::Html | Self::Hdr | Self::LlmD)
    }
}

/// Renders a record. Some formats need details beyond `run.json`.
#[must_use]
pub(crate) fn render(run: &Run, detail: &Detail, format: Format) -> String {
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

/// Reads the details of a run beyond `run.json` from a report directory. Missing files are no error, since `run.json` may
/// have been moved alone.
///
/// # Errors
/// If a file exists and is malformed.
pub fn detail(run: &Run, dir: &Path) -> Result<Detail, Error> {
    let mut failure = None;
    // Reading stops at the first bad row.
    let samples = record::samples(dir).into_iter().flatten();
    let samples = samples.map_while(|row| row.map_err(|error| failure = Some(error)).ok());
    let mut lost = None;
    let events = record::events(dir).into_iter().flatten();
    let events = events.map_while(|row| row.map_err(|error| lost = Some(error)).ok());
    // If the file is missing or has rows of another version, its chart is left out.
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
