//! The run on disk: `run.json`, `samples.jsonl`, `server.jsonl`, `events.jsonl` and `logs/`,
//! written during the run and readable anywhere. All reports and comparisons are rendered from what
//! is read here.

mod complete;
pub(crate) mod convert;
pub(crate) mod exit;
pub(crate) mod follow;
pub mod journal;
mod logs;
pub(crate) mod model;
mod partial;
mod private;
pub mod read;
pub(crate) mod redact;
mod reserve;
pub(crate) mod resolved;
mod same_text;
pub(crate) mod verdict;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod fixture;

pub use crate::measure::sample::Sample;
pub(crate) use crate::measure::server::ServerSample;
pub(crate) use exit::ExitCode;
pub(crate) use follow::Follow;
pub use read::{Lines, Samples, events, read, samples, server};
pub use redact::Redactor;
pub(crate) use verdict::{Ending, conclude};
pub(crate) use write::{Writer, run_id};

use crate::event::Event;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The file in a report directory that describes the run.
pub const RUN_FILE: &str = "run.json";
/// The file with one line per request.
pub const SAMPLES_FILE: &str = "samples.jsonl";
/// The file with one line per sample of a server's levels.
pub const SERVER_FILE: &str = "server.jsonl";
/// The file with one line per event.
pub const EVENTS_FILE: &str = "events.jsonl";

/// A row of `samples.jsonl`: a request and its variant.
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

/// A row of `server.jsonl`: a sample of a variant's metrics endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerRow {
    /// The variant.
    pub variant: String,
    /// The round, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub round: u32,
    /// Index of the phase, warm-up included.
    pub phase: u32,
    /// The sampled values.
    #[serde(flatten)]
    pub sample: ServerSample,
}

fn first() -> u32 {
    1
}

fn is_first(round: &u32) -> bool {
    *round == 1
}

/// One row of `events.jsonl`.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Milliseconds since the run began.
    pub at_ms: f64,
    /// What happened; absent where another version of `bench` knows an event that this one does not.
    pub event: Option<Event>,
}

/// What is wrong with a file of a record, or with a line of it.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not JSON, or not of this form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The line was changed.
    #[error(transparent)]
    Checksum(#[from] journal::WrongChecksum),
    /// The line lost its checksum.
    #[error("it has no checksum, as the lines before have")]
    Unsealed,
    /// The line is too long.
    #[error("the line has {0} bytes or more")]
    TooLong(u64),
    /// The file is another program's.
    #[error("it has no schema_version, so it is not a record of bench")]
    NoVersion,
}

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report directory cannot be created or written.
    #[error("failed to write {path}: {source}")]
    Write {
        /// Path of the file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not have the form of a record.
    #[error("failed to understand {path}: {why}")]
    Format {
        /// Path of the file, with the line for files of lines.
        path: String,
        /// What is wrong.
        why: Malformed,
    },
    /// A newer `bench` wrote it.
    #[error(
        "failed to read {path}: it has schema version {found} and this bench knows up to {known}; read it with the newer bench that wrote it"
    )]
    Newer {
        /// Path of the file.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u32,
    },
}
