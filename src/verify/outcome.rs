//! What comes out of verifying, as the record keeps it.

use serde::{Deserialize, Serialize};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What: the rule or gate as written.
    pub name: String,
    /// On what: `variant`, `variant/phase` or `run`.
    pub scope: String,
    /// Whether it held.
    pub passed: bool,
    /// What was found; for failures the first examples, each with its request on a line of its own.
    pub detail: String,
}

/// Whether the measurement can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// `good`, `marked` or `invalid`; empty while nothing was measured.
    pub verdict: String,
    /// Why not good, and notes that leave it good.
    pub findings: Vec<Finding>,
}

/// One doubt about the measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable name, such as `schedule_lag`.
    pub code: String,
    /// What was seen and what to change.
    pub detail: String,
    /// The first request that gave cause for it and what it showed, in one line: `closed request 7: ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}
