//! One point of the curve that a search measures, as the record keeps it.

use super::summary::PhaseFigures;
use crate::metric::{Statistic, Timing};
use serde::{Deserialize, Serialize};

/// The result of one load that a search tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Requests a second, or requests in flight.
    pub value: f64,
    /// Whether the goal was met.
    pub held: bool,
    /// Requests attempted.
    pub sent: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Successes a second.
    pub requests_per_s: Option<f64>,
    /// Output tokens a second.
    pub output_tokens_per_s: Option<f64>,
    /// Time to first token at p99, in milliseconds.
    pub ttft_p99_ms: Option<f64>,
    /// End to end at p99, in milliseconds.
    pub e2e_p99_ms: Option<f64>,
}

impl CurvePoint {
    /// From the figures of the phase that tried it.
    #[must_use]
    pub fn new(value: f64, held: bool, figures: &PhaseFigures) -> Self {
        let metrics = &figures.metrics;
        let p99 = |timing| Some(metrics.times[timing].as_ref()?[Statistic::P99]);
        Self {
            value,
            held,
            sent: figures.counts.sent,
            failed: figures.counts.failed,
            requests_per_s: metrics.requests_per_s,
            output_tokens_per_s: metrics.output_tokens_per_s,
            ttft_p99_ms: p99(Timing::Ttft),
            e2e_p99_ms: p99(Timing::E2e),
        }
    }
}
