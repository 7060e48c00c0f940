//! Gates on figures. Each is judged on every measured phase that has its figure; a figure that no phase has is a
//! failed gate, never a silent pass.

use super::examples::Examples;
use super::outcome::Check;
use crate::measure::server::{ServerWindow, Told};
use crate::measure::sources::Sources;
use crate::measure::summary::PhaseFigures;
use crate::metric::{Figure, Need, Number, Scope, Timing};
use crate::plan::PhasePlan;
use crate::scenario::gate::{Gate, Limit, Op};

/// One variant's figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
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
pub(crate) struct PhaseResult<'a> {
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

impl PhaseResult<'_> {
    fn sources(&self) -> Sources<'_> {
        self.figures.sources(self.server)
    }
}

impl<'a> Measured<'a> {
    fn topology(&self) -> Sources<'_> {
        Sources {
            ready_ms: self.startup_ms,
            teardown_ms: self.teardown_ms,
            ..Sources::default()
        }
    }

    /// The phases that count; warm-up does not.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &PhaseResult<'a>> {
        self.phases.iter().filter(|phase| phase.plan.measured)
    }

    pub(super) fn scope(&self, phase: &PhaseResult<'_>) -> String {
        format!("{}/{}", self.variant, phase.plan.name)
    }
}

/// Judges the gates of one variant; `all` are the variants that they may hold it against.
#[must_use]
pub(crate) fn gates(gates: &[Gate], on: &Measured<'_>, all: &[Measured<'_>]) -> Vec<Check> {
    gates.iter().flat_map(|gate| judge(gate, on, all)).collect()
}

/// That every measured phase had at least one success, one check a phase: a run in which nothing succeeds never passes.
#[must_use]
pub(crate) fn successes(on: &Measured<'_>) -> Vec<Check> {
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
pub(crate) fn keeps(goal: &[Gate], figures: &PhaseFigures, server: Option<&ServerWindow>) -> bool {
    let keeps = |gate: &Gate| {
        let found = figures.sources(server).figure(gate.figure);
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
    if gate.figure.row().scope == Scope::Topology {
        let missing = match gate.figure {
            Figure::Number(Number::Teardown) => "not applicable: it was not taken down",
            Figure::Number(_) | Figure::Timing(..) => "not applicable: it never became ready",
        };
        return whole(on.topology().figure(gate.figure), missing);
    }
    let of_phase = |phase: &PhaseResult<'_>| {
        if let Some(why) = not_applicable(gate.figure, phase.figures) {
            return Some(check(on.scope(phase), false, why));
        }
        let sources = phase.sources();
        let found = sources.figure(gate.figure)?;
        let thin = thin(gate.figure, phase.figures, &sources);
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
    let timed = figures.metrics.times[Timing::Tpot]
        .as_ref()
        .map_or(0, |d| d.count);
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
    let found = if named.row().scope == Scope::Topology {
        other.topology().figure(named)
    } else {
        same()?.sources().figure(named)
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

fn thin(figure: Figure, figures: &PhaseFigures, sources: &Sources<'_>) -> String {
    let Figure::Timing(statistic, timing) = figure else {
        return String::new();
    };
    let count = figures.metrics.times[timing].as_ref().map(|d| d.count);
    match count.filter(|_| sources.is_thin(figure)) {
        Some(count) => format!(
            " (thin: {count} values, fewer than ten beyond {})",
            statistic.name()
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
