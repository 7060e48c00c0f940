//! Timing of how a topology came up and went down; the words that events and records use for it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a stage of start-up waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// A process answers its probes.
    Probe,
    /// Completions of the whole topology prove it.
    Completions,
}

/// A signal that teardown sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// Asks a process to stop.
    Term,
    /// Ends it at once.
    Kill,
}

/// What kind of load a phase is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Requests that are not measured.
    Warmup,
    /// Batches, one after the other.
    Batch,
    /// A closed loop.
    Closed,
    /// An open loop.
    Open,
    /// An open loop whose rate changes evenly.
    Ramp,
    /// One of several phases at rates or concurrencies of their own.
    Steps,
    /// A search for the highest load that keeps a goal.
    Search,
    /// What another tool measured.
    Imported,
    /// Not known: an older event, or a kind of a newer `bench`.
    #[default]
    #[serde(rename = "", other)]
    Unknown,
}

impl StageKind {
    /// Its word in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Completions => "completions",
        }
    }
}

impl StopSignal {
    /// Its word in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
        }
    }
}

impl PhaseKind {
    /// Its word in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Batch => "batch",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Ramp => "ramp",
            Self::Steps => "steps",
            Self::Search => "search",
            Self::Imported => "imported",
            Self::Unknown => "",
        }
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a topology came up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Startup {
    /// Time from the first process started until proven ready, in milliseconds.
    pub ready_ms: f64,
    /// Each stage.
    pub stages: Vec<Stage>,
    /// Earlier starts that failed because a port had been taken; at most one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One stage of startup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name of the process, or `topology`.
    pub process: String,
    /// What it waited for.
    pub stage: StageKind,
    /// Milliseconds since the first process was started.
    pub start_ms: f64,
    /// Duration in milliseconds.
    pub ms: f64,
}

/// How a topology went down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Teardown {
    /// Time from the order to stop until nothing was left, in milliseconds.
    pub ms: f64,
    /// Signals sent, in order.
    pub signals: Vec<SignalRecord>,
}

/// One signal sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRecord {
    /// The process whose group it was sent to.
    pub process: String,
    /// Which.
    pub signal: StopSignal,
    /// Milliseconds after teardown began.
    pub at_ms: f64,
}
