//! Gates: conditions on metrics in a small expression form, `p99 ttft < 800ms`, `error_rate == 0`, `goodput >= 95%`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One condition on a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// As written.
    pub text: String,
    /// What is measured.
    pub quantity: Quantity,
    /// How it is held against the limit.
    pub op: Op,
    /// The limit: milliseconds for times, a share (0 to 1) for shares, per second for rates.
    pub limit: f64,
}

/// What a gate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Quantity {
    /// One statistic of a distribution in milliseconds.
    Timing(Stat, Timing),
    /// Failed / sent.
    ErrorRate,
    /// Share of all requests that succeed and meet every SLO.
    Goodput,
    /// Output tokens a second.
    OutputThroughput,
    /// Successful requests a second.
    RequestThroughput,
    /// Milliseconds until ready.
    Startup,
    /// Milliseconds until nothing was left.
    Teardown,
}

/// A statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the field's own")]
pub enum Stat {
    Mean,
    Min,
    P50,
    P90,
    P95,
    P99,
    Max,
}

/// A distribution (METRICS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of docs/metrics.md")]
pub enum Timing {
    Ttft,
    TtftFromDue,
    FirstChunk,
    Tpot,
    ChunkGap,
    E2e,
    E2eFromDue,
    Batch,
    ClientDelay,
    ScheduleLag,
    Connect,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
}
