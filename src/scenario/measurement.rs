//! Limits beyond which the client makes a measurement doubtful.

use super::margin::Margin;
use super::units::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits on the quality of the measurement itself. They apply to every measured phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Measurement {
    /// Largest p99 schedule lag. A phase beyond it is marked.
    pub schedule_lag: Time,
    /// Largest p99 schedule lag of an open loop. A phase beyond it is invalid.
    pub schedule_lag_invalid: Time,
    /// Largest share of time in which a slot of a closed loop is idle, between an answer and the next request. A phase
    /// beyond it is invalid, because it did not keep the requested concurrency.
    pub idle: Margin,
    /// Largest p99 client delay. A phase beyond it is marked.
    pub client_delay: Time,
    /// Largest share of reads that carry several events. A phase beyond it gets a note.
    #[serde(rename = "crowded")]
    pub coalesced: Margin,
    /// Largest share of reads without the kernel's receive time. A phase beyond it gets a note.
    pub unstamped: Margin,
    /// Largest amount by which the server's mean time to first token may exceed the client's. A phase beyond it is
    /// marked. It allows for the resolution of both clocks.
    pub server_ttft: Time,
    /// Largest relative difference between the server's token counters and the usage in its answers. A phase beyond it
    /// is marked.
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
