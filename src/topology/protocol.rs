//! Messages between runner and warden: one JSON object per line over a socket. If the runner's end
//! closes, the warden takes everything down.

use super::raw::{self, RawText};
use crate::measure::lifecycle::StopSignal;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// From runner to warden.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Start a process.
    Start(Start),
    /// All processes are ready and measurements begin: stop scanning for shared memory.
    StopScanning,
    /// Take everything down in reverse order, with grace. With `keep`, the runner removes the
    /// directories.
    Stop { keep: bool },
    /// Skip the rest of the grace.
    Kill,
}

/// A process to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) name: String,
    pub(super) argv: Vec<RawText>,
    /// The whole environment, or additions to the warden's own environment.
    pub(super) env: Vec<(RawText, RawText)>,
    /// Whether it also inherits the warden's environment.
    pub(super) inherit: bool,
    /// Path of the file to which output is appended.
    #[serde(with = "raw::path")]
    pub(super) log: PathBuf,
    /// Where standard output goes instead of the log.
    pub(super) output: Option<RawText>,
    /// Processes of higher stages are stopped first.
    pub(super) stage: u32,
    pub(super) grace_ms: u64,
    /// Directories to remove once everything is gone.
    #[serde(with = "raw::paths")]
    pub(super) directories: Vec<PathBuf>,
}

/// From warden to runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The warden works. Its first report.
    Ready,
    /// The requested containment is not available here. Its last report.
    Unable { reason: String },
    /// A process runs. `pid` is its pid as the runner sees it.
    Started { name: String, pid: i32 },
    /// A process could not be started.
    Refused {
        name: String,
        reason: String,
        /// The system's error number, if there is one.
        errno: Option<i32>,
    },
    /// A process ended.
    Exited {
        name: String,
        status: String,
        /// Whether the exit code was 0.
        success: bool,
    },
    /// A signal was sent to a process group, or to a stray descendant.
    Signalled {
        name: String,
        signal: StopSignal,
        at_ms: f64,
    },
    /// Everything is gone except these processes and directories.
    Gone {
        #[serde(with = "raw::paths")]
        leftover: Vec<PathBuf>,
        running: Vec<String>,
    },
}
