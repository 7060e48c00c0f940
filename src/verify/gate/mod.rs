//! Gates on figures. Each is judged on every measured phase that has its figure; a figure that no phase has is a
//! failed gate, never a silent pass.

use super::examples::Examples;
use super::outcome::Check;
use crate::measure::server::{ServerWindow, Told};
use crate::measure::summary::{Distribution, Metrics, PhaseFigures};
use crate::metric::{Figure, Need, Number, Percentile, Statistic, Timing};
use crate::plan::PhasePlan;
use crate::scenario::gate::{Gate, Limit, Op};

/// One variant's figures.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// Its name.
    pub variant: &'a str,
    /// Milliseconds until it was proven ready, if it was.
    pub startup_ms: Option<f64>,
    /// Milliseconds until nothing was left, if it was taken down.
    pub teardown_ms: Option<f64>,
    /// Its phases, warm-up included.
    pub phases: &'a [PhaseResult<'a>],
}

/// One phase: what was planned and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct PhaseResult<'a> {
    /// What was planned.
    pub plan: &'a PhasePlan,
    /// What came of it.
    pub figures: &'a PhaseFigures,
    /// Requests whose tokens were counted by chunks, for want of `usage`.
    pub counted_by_chunks: u64,
    /// The first requests that gave cause for findings.
    pub examples: &'a Examples,
    /// What its answers told of the server.
    pub told: Option<&'a Told>,
    /// What the server said of itself.
    pub server: Option<&'a ServerWindow>,
}

impl<'a> Measured<'a> {
    /// The phases that count; warm-up does not.
    pub fn measured(&self) -> impl Iterator<Item = &PhaseResult<'a>> {
        self.phases.iter().filter(|phase| phase.plan.measured)
    }

    pub(super) fn scope(&self, phase: &PhaseResult<'_>) -> String {
        format!("{}/{}", self.variant, phase.plan.name)
    }
}

/// Judges the gates of one variant; `all` are the variants that they may hold it against.
#[must_use]
pub fn gates(gates: &[Gate], on: &Measured<'_>, all: &[Measured<'_>]) -> Vec<Check> {
    gates.iter().flat_map(|gate| judge(gate, on, all)).collect()
}

/// That every measured phase had at least one success, one check a phase: a run in which nothing succeeds never passes.
#[must_use]
pub fn successes(on: &Measured<'_>) -> Vec<Check> {
    let check = |scope, passed, detail| Check {
        name: "answers: at least one success".to_owned(),
        scope,
        passed,
        detail,
    };
    let of_phase = |phase: &PhaseResult<'_>| {
        let PhaseFigures { counts, errors, .. } = phase.figures;
        let mut detail = format!("{} of {} requests succeeded", counts.succeeded, counts.sent);
        for (class, n) in errors {
            detail.push_str(&format!("\n{class}: {n}"));
        }
        check(on.scope(phase), counts.succeeded > 0, detail)
    };
    let checks: Vec<_> = on.measured().map(of_phase).collect();
    if checks.is_empty() {
        let detail = "no phase was measured".to_owned();
        return vec![check(on.variant.to_owned(), false, detail)];
    }
    checks
}

/// Whether a phase keeps all of a search's goals, by its figures and what the server said during it; one in which nothing
/// succeeded keeps none.
#[must_use]
pub fn keeps(goal: &[Gate], figures: &PhaseFigures, server: Option<&ServerWindow>) -> bool {
    let keeps = |gate: &Gate| {
        let found = figure(gate.figure, figures, server);
        let limit = limit(&gate.limit, &[], None);
        found
            .zip(limit)
            .is_some_and(|(found, limit)| holds(gate.op, found, limit))
    };
    figures.counts.succeeded > 0 && goal.iter().all(keeps)
}

fn judge(gate: &Gate, on: &Measured<'_>, all: &[Measured<'_>]) -> Vec<Check> {
    let check = |scope, passed, detail| Check {
        name: gate.text.clone(),
        scope,
        passed,
        detail,
    };
    let against = |scope: String, found: f64, phase: Option<&str>, thin: &str| {
        let limit = limit(&gate.limit, all, phase);
        let passed = limit.is_some_and(|limit| holds(gate.op, found, limit));
        let detail = format!(
            "found {}{thin}{}",
            gate.figure.row().unit.text(found),
            shown(gate, limit)
        );
        check(scope, passed, detail)
    };
    let whole = |found: Option<f64>, missing: &str| {
        let scope = on.variant.to_owned();
        vec![match found {
            Some(found) => against(scope, found, None, ""),
            None => check(scope, false, missing.to_owned()),
        }]
    };
    match gate.figure {
        Figure::Number(Number::Startup) => {
            return whole(on.startup_ms, "not applicable: it never became ready");
        }
        Figure::Number(Number::Teardown) => {
            return whole(on.teardown_ms, "not applicable: it was not taken down");
        }
        Figure::Number(_) | Figure::Timing(..) => {}
    }
    let of_phase = |phase: &PhaseResult<'_>| {
        if let Some(why) = not_applicable(gate.figure, phase.figures) {
            return Some(check(on.scope(phase), false, why));
        }
        let found = figure(gate.figure, phase.figures, phase.server)?;
        let thin = thin(gate.figure, &phase.figures.metrics);
        Some(against(
            on.scope(phase),
            found,
            Some(&phase.plan.name),
            &thin,
        ))
    };
    let checks: Vec<_> = on.measured().filter_map(of_phase).collect();
    if checks.is_empty() {
        let detail = "not applicable: no measured phase has this figure".to_owned();
        return vec![check(on.variant.to_owned(), false, detail)];
    }
    checks
}

/// Why a gate does not apply to this phase. Without this check the gate would pass on the other phases alone.
fn not_applicable(figure: Figure, figures: &PhaseFigures) -> Option<String> {
    let audit = &figures.audit;
    let row = figure.row();
    let succeeded = figures.counts.succeeded;
    if row.needs(Need::Tokens) && audit.miscounted > 0 {
        return Some(format!(
            "not applicable: the token counts of {} of {succeeded} answers contradict what came",
            audit.miscounted
        ));
    }
    let timed = figures.metrics.tpot_ms.as_ref().map_or(0, |d| d.count);
    (row.needs(Need::Pace) && audit.at_once > timed).then(|| {
        format!(
            "not applicable: the text of {} of {succeeded} answers came at once, so that its pace is not known",
            audit.at_once
        )
    })
}

/// What a gate's limit comes to in a phase; `None` where the variant that it names has no such figure.
fn limit(limit: &Limit, all: &[Measured<'_>], phase: Option<&str>) -> Option<f64> {
    let (factor, variant, named) = match limit {
        Limit::Number(number) => return Some(*number),
        Limit::Times(factor, variant, figure) => (factor, variant, *figure),
    };
    let other = all.iter().find(|other| other.variant == variant)?;
    let same = || {
        other
            .measured()
            .find(|other| Some(other.plan.name.as_str()) == phase)
    };
    let found = match named {
        Figure::Number(Number::Startup) => other.startup_ms,
        Figure::Number(Number::Teardown) => other.teardown_ms,
        Figure::Number(_) | Figure::Timing(..) => figure(named, same()?.figures, same()?.server),
    };
    found.map(|found| factor * found)
}

/// The limit of a gate that names a variant.
fn shown(gate: &Gate, limit: Option<f64>) -> String {
    match (&gate.limit, limit) {
        (Limit::Number(_), _) => String::new(),
        (Limit::Times(..), Some(limit)) => {
            format!(", limit {}", gate.figure.row().unit.text(limit))
        }
        (Limit::Times(_, variant, _), None) => {
            format!(", but {variant} has no such figure to hold it against")
        }
    }
}

fn figure(figure: Figure, figures: &PhaseFigures, server: Option<&ServerWindow>) -> Option<f64> {
    let metrics = &figures.metrics;
    match figure {
        Figure::Timing(statistic, timing) => {
            distribution(timing, metrics).map(|d| pick(statistic, d))
        }
        Figure::Number(number) => match number {
            Number::ErrorRate => share(figures.counts.failed, figures.counts.sent),
            Number::Goodput => metrics.goodput.map(|good| good.share),
            Number::OutputThroughput => metrics.output_tokens_per_s,
            Number::RequestThroughput => metrics.requests_per_s,
            Number::Startup | Number::Teardown => None,
            Number::PrefixHitRate => server?.prefix_hit_rate,
            Number::KvCacheUsage => server?.gauges.get(number.row().key).map(|gauge| gauge.max),
            Number::Preemptions => server?.counters.get(number.row().key).copied(),
            Number::Running | Number::Waiting => {
                server?.gauges.get(number.row().key).map(|gauge| gauge.mean)
            }
            Number::Queue
            | Number::Prefill
            | Number::Decode
            | Number::EngineTtft
            | Number::FrontendTtft
            | Number::NvextTtft => server?.mean(number.row().key),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

pub(super) fn distribution(timing: Timing, metrics: &Metrics) -> Option<&Distribution> {
    match timing {
        Timing::Ttft => &metrics.ttft_ms,
        Timing::TtftFromDue => &metrics.ttft_from_due_ms,
        Timing::FirstChunk => &metrics.first_chunk_ms,
        Timing::Tpot => &metrics.tpot_ms,
        Timing::Ntpot => &metrics.ntpot_ms,
        Timing::ChunkGap => &metrics.chunk_gap_ms,
        Timing::E2e => &metrics.e2e_ms,
        Timing::E2eFromDue => &metrics.e2e_from_due_ms,
        Timing::Batch => &metrics.batch_ms,
        Timing::ClientDelay => &metrics.client_delay_ms,
        Timing::ScheduleLag => &metrics.schedule_lag_ms,
        Timing::Connect => &metrics.connect_ms,
    }
    .as_ref()
}

fn pick(statistic: Statistic, d: &Distribution) -> f64 {
    match statistic {
        Statistic::Mean => d.mean,
        Statistic::Min => d.min,
        Statistic::Percentile(Percentile::P50) => d.p50,
        Statistic::Percentile(Percentile::P90) => d.p90,
        Statistic::Percentile(Percentile::P95) => d.p95,
        Statistic::Percentile(Percentile::P99) => d.p99,
        Statistic::Max => d.max,
    }
}

/// A figure that is not a number satisfies nothing.
fn holds(op: Op, found: f64, limit: f64) -> bool {
    match op {
        Op::Lt => found < limit,
        Op::Le => found <= limit,
        Op::Eq => (found - limit).abs() <= 1e-12,
        Op::Ge => found >= limit,
        Op::Gt => found > limit,
    }
}

fn thin(figure: Figure, metrics: &Metrics) -> String {
    let Figure::Timing(statistic, timing) = figure else {
        return String::new();
    };
    match distribution(timing, metrics) {
        Some(d) if d.count < statistic.needs() => format!(
            " (thin: {} values, fewer than ten beyond {})",
            d.count,
            statistic.name()
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
