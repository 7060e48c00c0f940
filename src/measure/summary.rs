//! From samples to the numbers of a phase, defined in docs/metrics.md. Pure.

use super::sample::Sample;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One distribution in milliseconds. A percentile without enough samples to stand on is still given; `thin` names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of values.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Median, by nearest rank, as all percentiles.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// What a phase measured; `None` is "not applicable", never zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Sent to first text.
    pub ttft_ms: Option<Distribution>,
    /// Due to first text.
    pub ttft_from_due_ms: Option<Distribution>,
    /// Sent to first event with choices.
    pub first_chunk_ms: Option<Distribution>,
    /// Time per output token after the first.
    pub tpot_ms: Option<Distribution>,
    /// Between consecutive events with text, pooled.
    pub chunk_gap_ms: Option<Distribution>,
    /// Sent to last byte.
    pub e2e_ms: Option<Distribution>,
    /// Due to last byte.
    pub e2e_from_due_ms: Option<Distribution>,
    /// First send to last answer of each batch.
    pub batch_ms: Option<Distribution>,
    /// Kernel receive time to user space, per read.
    pub client_delay_ms: Option<Distribution>,
    /// Due to sent.
    pub schedule_lag_ms: Option<Distribution>,
    /// Connecting, where a connection was made.
    pub connect_ms: Option<Distribution>,
    /// Output tokens of successes / window.
    pub output_tokens_per_s: Option<f64>,
    /// Successful requests / window.
    pub requests_per_s: Option<f64>,
    /// Share of all requests that succeed and meet every SLO, and their rate.
    pub goodput: Option<Goodput>,
}

/// Requests that succeed and meet every objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// Share of all requests, failures counted as bad; 0 to 1.
    pub share: f64,
    /// Good requests a second over the window.
    pub requests_per_s: f64,
}

/// How many requests went how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests sent.
    pub sent: u64,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// Objectives in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Time to first token.
    pub ttft: Option<u64>,
    /// Time per output token.
    pub tpot: Option<u64>,
    /// End to end.
    pub e2e: Option<u64>,
}

/// A phase's figures, gathered sample by sample in bounded memory.
#[derive(Debug)]
pub struct Summary {
    objectives: Objectives,
}

/// A phase's figures, finished.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseFigures {
    /// First due to last answer, in milliseconds.
    pub window_ms: f64,
    /// How many.
    pub counts: Counts,
    /// Failures by class, as [`ErrorClass`](super::sample::ErrorClass) prints.
    pub errors: IndexMap<String, u64>,
    /// The numbers.
    pub metrics: Metrics,
}

impl Summary {
    /// An empty summary held against `objectives`.
    #[must_use]
    pub fn new(objectives: Objectives) -> Self {
        Self { objectives }
    }

    /// Adds one request: its row, the gaps between its text events, and the delay of each read, all in nanoseconds.
    pub fn add(&mut self, sample: &Sample, gaps: &[u64], delays: &[u64]) {
        let _ = (sample, gaps, delays, self.objectives);
    }

    /// The figures so far.
    #[must_use]
    pub fn finish(&self) -> PhaseFigures {
        PhaseFigures {
            window_ms: 0.0,
            counts: Counts::default(),
            errors: IndexMap::new(),
            metrics: Metrics::default(),
        }
    }
}
