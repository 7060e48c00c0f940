//! From when on the client's own part makes a measurement doubtful.

use super::margin::Margin;
use super::units::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits on what the client and the server say of the measurement itself, on every measured phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Measurement {
    /// Schedule lag at p99 above which a phase is marked.
    pub schedule_lag: Time,
    /// Schedule lag of an open loop at p99 above which a phase is invalid.
    pub schedule_lag_invalid: Time,
    /// Share of its time a slot of a closed loop may stand idle, between an answer and the next request, before a phase is
    /// invalid: the concurrency that was asked for is then not the one that was driven.
    pub idle: Margin,
    /// Client delay at p99 above which a phase is marked.
    pub client_delay: Time,
    /// Share of reads that carried several events above which that is noted.
    #[serde(rename = "crowded")]
    pub coalesced: Margin,
    /// Share of reads without the kernel's receive time above which that is noted.
    pub unstamped: Margin,
    /// How far the server's mean time to first token may exceed the client's before a phase is marked: both clocks have
    /// their grain.
    pub server_ttft: Time,
    /// Share by which the server's count of tokens may be off what its answers said before a phase is marked.
    pub token_counts: Margin,
}

impl Default for Measurement {
    fn default() -> Self {
        Self {
            schedule_lag: Time::from_millis(1),
            schedule_lag_invalid: Time::from_millis(5),
            idle: Margin(0.05),
            client_delay: Time::from_millis(5),
            coalesced: Margin(0.01),
            unstamped: Margin(0.01),
            server_ttft: Time::from_millis(1),
            token_counts: Margin(0.01),
        }
    }
}
