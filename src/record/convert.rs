//! Converts what a run produces into what its record stores.

use super::model::{
    EngineRecord, Machine, PhaseKind, PhaseRecord, Quality, Run, SCHEMA_VERSION, ScenarioRecord,
    Settings, VariantRecord, Verdict,
};
use crate::measure::server::ServerWindow;
use crate::measure::sources::Sources;
use crate::measure::summary::{Metrics, PhaseFigures};
use crate::metric::PerTiming;
use crate::plan::{PhasePlan, VariantPlan};
use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

impl Run {
    /// A run that has begun. If it is killed, this is what its record says.
    #[must_use]
    pub fn begin(
        run_id: String,
        started: jiff::Timestamp,
        scenario: ScenarioRecord,
        machine: Machine,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            bench_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id,
            started: started.to_string(),
            finished: None,
            scenario,
            machine,
            verdict: Verdict::Partial,
            exit_code: None,
            summary: "The run did not come to its end; what is here was measured until then."
                .to_owned(),
            error: None,
            variants: Vec::new(),
            checks: Vec::new(),
            quality: Quality::default(),
            comparing: None,
            comparisons: Vec::new(),
            decompositions: Vec::new(),
            same_text: Vec::new(),
            files: IndexMap::new(),
        }
    }
}

impl ScenarioRecord {
    /// A scenario with its hash.
    #[must_use]
    pub fn new(name: String, path: String, resolved: Value) -> Self {
        Self {
            name,
            path,
            sha256: hex::encode(Sha256::digest(resolved.to_string())),
            resolved: resolved.into(),
        }
    }

    /// What it says.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.resolved.settings()
    }
}

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
            tier: None,
            startup: None,
            phases: Vec::new(),
            teardown: None,
            rounds: Vec::new(),
        }
    }
}

impl PhaseRecord {
    /// A phase and its figures. Numbers that are not finite become `null`, because JSON cannot
    /// represent them.
    #[must_use]
    pub fn new(plan: &PhasePlan, figures: &PhaseFigures, server: Option<&ServerWindow>) -> Self {
        Self {
            server: server.cloned(),
            ..Self::of(&plan.name, plan.kind, figures)
        }
    }

    /// As [`new`](Self::new), of a phase whose plan is not at hand.
    pub(super) fn of(name: &str, kind: PhaseKind, figures: &PhaseFigures) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            window_ms: if figures.window_ms.is_finite() {
                figures.window_ms
            } else {
                0.0
            },
            counts: figures.counts.clone(),
            errors: figures.errors.clone(),
            failures: figures.failures.clone(),
            metrics: finite(&figures.metrics),
            client: figures.audit,
            server: None,
            curve: Vec::new(),
        }
    }

    /// Where its figures are read.
    #[must_use]
    pub fn sources(&self) -> Sources<'_> {
        Sources {
            counts: Some(&self.counts),
            metrics: Some(&self.metrics),
            server: self.server.as_ref(),
            ..Sources::default()
        }
    }

    /// Whether it is measured; warm-up phases are not.
    #[must_use]
    pub fn measured(&self) -> bool {
        self.kind != PhaseKind::Warmup
    }
}

fn finite(m: &Metrics) -> Metrics {
    Metrics {
        times: PerTiming::from_fn(|timing| m.times[timing].clone().filter(|d| d.is_finite())),
        output_tokens_per_s: m.output_tokens_per_s.filter(|n| n.is_finite()),
        requests_per_s: m.requests_per_s.filter(|n| n.is_finite()),
        goodput: m
            .goodput
            .filter(|g| g.share.is_finite() && g.requests_per_s.is_finite()),
    }
}

#[cfg(test)]
#[path = "tests/convert.rs"]
mod tests;
