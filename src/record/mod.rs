//! The run on disk: `run.json`, `samples.jsonl`, `events.jsonl` and `logs/`, written as it goes and read back anywhere.
//! Every report and comparison is rendered from what is read here and from nothing else.

mod complete;
pub mod convert;
pub mod exit;
pub mod follow;
pub mod journal;
mod logs;
pub mod model;
mod partial;
mod private;
pub mod read;
pub mod redact;
mod reserve;
mod same_text;
pub mod verdict;
pub mod write;

#[cfg(test)]
pub(crate) mod fixture;

pub use crate::measure::sample::Sample;
pub use crate::measure::server::ServerSample;
pub use exit::ExitCode;
pub use follow::Follow;
pub use read::{Lines, Samples, events, read, samples, server};
pub use redact::Redactor;
pub use verdict::{Ending, conclude};
pub use write::{Writer, run_id};

use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The run itself, in a report directory.
pub const RUN_FILE: &str = "run.json";
/// One line a request, in a report directory.
pub const SAMPLES_FILE: &str = "samples.jsonl";
/// One line a sample of a server's levels, in a report directory.
pub const SERVER_FILE: &str = "server.jsonl";
/// One line an event, in a report directory.
pub const EVENTS_FILE: &str = "events.jsonl";

/// One row of `samples.jsonl`: a request and the variant that answered it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// The variant.
    pub variant: String,
    /// The round, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub round: u32,
    /// The request.
    #[serde(flatten)]
    pub sample: Sample,
}

/// One row of `server.jsonl`: a sample of a variant's metrics pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerRow {
    /// The variant.
    pub variant: String,
    /// The round, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub round: u32,
    /// Index of the phase, warm-up included.
    pub phase: u32,
    /// What was there.
    #[serde(flatten)]
    pub sample: ServerSample,
}

fn first() -> u32 {
    1
}

fn is_first(round: &u32) -> bool {
    *round == 1
}

/// One row of `events.jsonl`. Its name and fields are kept as text, so that a record of another version reads as well.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EventRow {
    /// Milliseconds since the run began.
    pub at_ms: f64,
    /// What happened: `phase_started`, ...
    pub event: String,
    /// Its fields.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

impl EventRow {
    /// A field that is text; empty where there is none.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        let value = self.fields.get(field).and_then(|value| value.as_str());
        value.unwrap_or_default()
    }
}

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report directory can't be made or written.
    #[error("failed to write {path}: {source}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can't be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what a record looks like.
    #[error("failed to understand {path}: {why}")]
    Format {
        /// Where; with the line, for files of lines.
        path: String,
        /// Why.
        why: String,
    },
    /// A newer `bench` wrote it.
    #[error(
        "failed to read {path}: it has schema version {found} and this bench knows up to {known}; read it with the newer bench that wrote it"
    )]
    Newer {
        /// Where.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u32,
    },
}
