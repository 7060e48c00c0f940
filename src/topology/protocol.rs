//! What the runner and the warden say to each other: one JSON object a line over a socket. The runner's end closing is an
//! order too: take everything down.

use super::raw::{self, RawText};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Runner to warden.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Start a process.
    Start(Start),
    /// All serve and are about to be measured: from now on, look at nothing.
    StopScanning,
    /// Take everything down in reverse order, with grace; with `keep`, the runner sees to the directories.
    Stop { keep: bool },
    /// Skip what is left of the grace.
    Kill,
}

/// One process to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) name: String,
    pub(super) argv: Vec<RawText>,
    /// The whole environment, or what is added to the warden's own.
    pub(super) env: Vec<(RawText, RawText)>,
    /// Whether it gets the warden's own environment, too.
    pub(super) inherit: bool,
    /// Output is appended here.
    #[serde(with = "raw::path")]
    pub(super) log: PathBuf,
    /// Where standard output goes instead.
    pub(super) output: Option<RawText>,
    /// Processes of a higher stage are stopped first.
    pub(super) stage: u32,
    pub(super) grace_ms: u64,
    /// Removed once everything is gone.
    #[serde(with = "raw::paths")]
    pub(super) directories: Vec<PathBuf>,
}

/// Warden to runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The warden works; the first word.
    Ready,
    /// The containment asked for can't be had here; the last word.
    Unable { reason: String },
    /// A process runs; the pid is the one it has for the runner.
    Started { name: String, pid: i32 },
    /// A process could not be started.
    Refused {
        name: String,
        reason: String,
        /// The system's error, where it is one.
        errno: Option<i32>,
    },
    /// A process ended.
    Exited {
        name: String,
        status: String,
        /// Whether with exit code 0.
        success: bool,
    },
    /// A signal went to a process's group, or to a stray descendant.
    Signalled {
        name: String,
        signal: String,
        at_ms: f64,
    },
    /// No child is left but these, and the directories are removed but these.
    Gone {
        #[serde(with = "raw::paths")]
        leftover: Vec<PathBuf>,
        running: Vec<String>,
    },
}
