//! From what a run has in hand to what its record keeps.

use super::model::{EngineRecord, PhaseRecord, VariantRecord};
use crate::measure::summary::{Distribution, Metrics, PhaseFigures};
use crate::plan::{PhasePlan, Shape, VariantPlan};

/// The kind of a phase that is not measured.
pub const WARMUP: &str = "warmup";

impl VariantRecord {
    /// A variant that has not started yet.
    #[must_use]
    pub fn new(plan: &VariantPlan) -> Self {
        Self {
            name: plan.name.clone(),
            engine: EngineRecord {
                kind: plan.engine.to_owned(),
                versions: plan.versions.iter().cloned().collect(),
                model: plan.endpoint.model.clone(),
            },
            requests_sha256: plan.requests.sha256.clone(),
            startup: None,
            phases: Vec::new(),
            teardown: None,
        }
    }
}

impl PhaseRecord {
    /// A phase and its figures. What is not a finite number is not applicable: JSON has no way to write it.
    #[must_use]
    pub fn new(plan: &PhasePlan, figures: &PhaseFigures) -> Self {
        let kind = match plan.shape {
            _ if !plan.measured => WARMUP,
            Shape::Batch { .. } => "batch",
            Shape::Closed { .. } => "closed",
        };
        Self {
            name: plan.name.clone(),
            kind: kind.to_owned(),
            window_ms: if figures.window_ms.is_finite() {
                figures.window_ms
            } else {
                0.0
            },
            counts: figures.counts.clone(),
            errors: figures.errors.clone(),
            metrics: finite(&figures.metrics),
        }
    }

    /// Whether it counts; warm-up does not.
    #[must_use]
    pub fn measured(&self) -> bool {
        self.kind != WARMUP
    }
}

fn finite(m: &Metrics) -> Metrics {
    let numbers = |d: &Distribution| [d.mean, d.min, d.p50, d.p90, d.p95, d.p99, d.max];
    let kept = |d: &Option<Distribution>| {
        d.clone()
            .filter(|d| numbers(d).iter().all(|n| n.is_finite()))
    };
    Metrics {
        ttft_ms: kept(&m.ttft_ms),
        ttft_from_due_ms: kept(&m.ttft_from_due_ms),
        first_chunk_ms: kept(&m.first_chunk_ms),
        tpot_ms: kept(&m.tpot_ms),
        chunk_gap_ms: kept(&m.chunk_gap_ms),
        e2e_ms: kept(&m.e2e_ms),
        e2e_from_due_ms: kept(&m.e2e_from_due_ms),
        batch_ms: kept(&m.batch_ms),
        client_delay_ms: kept(&m.client_delay_ms),
        schedule_lag_ms: kept(&m.schedule_lag_ms),
        connect_ms: kept(&m.connect_ms),
        output_tokens_per_s: m.output_tokens_per_s.filter(|n| n.is_finite()),
        requests_per_s: m.requests_per_s.filter(|n| n.is_finite()),
        goodput: m
            .goodput
            .filter(|g| g.share.is_finite() && g.requests_per_s.is_finite()),
    }
}
