//! Timing of how a topology came up and went down.

use serde::{Deserialize, Serialize};

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
    /// `probe` or `completions`.
    pub stage: String,
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
    /// `TERM` or `KILL`.
    pub signal: String,
    /// Milliseconds after teardown began.
    pub at_ms: f64,
}
