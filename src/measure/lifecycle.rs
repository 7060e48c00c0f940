//! How a topology came up and went down, timed.

use serde::{Deserialize, Serialize};

/// How a topology came up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Startup {
    /// From the first process started to proven ready.
    pub ready_ms: f64,
    /// Each stage.
    pub stages: Vec<Stage>,
    /// Starts before this one that failed because a port had been taken meanwhile; at most one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One stage of start-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The process, or `topology`.
    pub process: String,
    /// `probe` or `completions`.
    pub stage: String,
    /// Milliseconds since the first process was started.
    pub start_ms: f64,
    /// How long it took.
    pub ms: f64,
}

/// How a topology went down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Teardown {
    /// From the order to stop until nothing was left.
    pub ms: f64,
    /// Signals sent, in order.
    pub signals: Vec<SignalRecord>,
}

/// One signal sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRecord {
    /// To which process's group.
    pub process: String,
    /// `TERM` or `KILL`.
    pub signal: String,
    /// Milliseconds after teardown began.
    pub at_ms: f64,
}
