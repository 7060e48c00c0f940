//! From what rounds found to estimates and verdicts, as docs/comparing.md says.

use super::metrics::more_is_better;
use crate::record::model::{
    Comparing, Comparison, Finding, Outcome, PhaseRecord, QualityVerdict, RoundValues, Run,
    VariantRecord,
};
use crate::stats::{self, BUDGET, Estimate, Pair};

/// A variant's answers lack tokens where another variant's answers have more than this many times as many in the mean.
const LACKS: f64 = 2.0;

/// Why no verdict on a phase can be trusted.
#[derive(Debug, Clone, Default)]
pub struct Doubts {
    /// For the whole comparison.
    pub whole: Option<String>,
    /// For one phase of one variant: both names, and why.
    pub parts: Vec<(String, String, String)>,
    /// The same, where a variant's answers lack tokens that another's have.
    pub shorter: Vec<(String, String, String)>,
}

impl Doubts {
    /// What a record says against itself: a measurement that can't be trusted, differing requests, errors.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let invalid = (run.quality.verdict == QualityVerdict::Invalid).then(|| {
            let first = run.quality.findings.first();
            let why = first.map(Finding::shown).unwrap_or_default();
            format!("the measurement can't be trusted: {why}")
        });
        let first = run.variants.first().map(|variant| &variant.requests_sha256);
        let differ = run
            .variants
            .iter()
            .any(|variant| Some(&variant.requests_sha256) != first);
        let differ = differ.then(|| "the variants did not get the same requests".to_owned());
        let mut parts = Vec::new();
        for variant in &run.variants {
            for phase in variant
                .phases
                .iter()
                .filter(|phase| phase.counts.failed > 0)
            {
                let (failed, sent) = (phase.counts.failed, phase.counts.sent);
                let why = format!(
                    "{failed} of {sent} requests failed with {}: the others' times say little",
                    variant.name
                );
                parts.push((variant.name.clone(), phase.name.clone(), why));
            }
        }
        Self {
            whole: invalid.or(differ),
            parts,
            shorter: shorter(run),
        }
    }

    /// Keeps only the doubts that remain when the user forces the comparison.
    pub(super) fn overruled(&mut self) {
        self.whole = None;
        self.shorter.clear();
    }

    pub(super) fn about(&self, row: &Comparison) -> Option<String> {
        let part = |(variant, phase, _): &&(String, String, String)| {
            *phase == row.phase && (*variant == row.baseline || *variant == row.variant)
        };
        let part = || {
            let mut parts = self.parts.iter().chain(&self.shorter);
            parts.find(part).map(|(_, _, why)| why.clone())
        };
        self.whole.clone().or_else(part)
    }
}

/// The phases in which a variant's answers lack tokens that another variant's answers have. A shorter answer is not
/// a faster one.
fn shorter(run: &Run) -> Vec<(String, String, String)> {
    let phases = run.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter().filter(|phase| phase.measured());
        phases.map(move |phase| (variant, phase, tokens(phase)))
    });
    let phases: Vec<_> = phases.collect();
    let lacks = |(variant, phase, own): &(&VariantRecord, &PhaseRecord, Option<f64>)| {
        let others = phases.iter().filter(|other| other.1.name == phase.name);
        let longest = others.filter_map(|other| Some((other.2?, &other.0.name)));
        let (most, other) = longest.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let own_is = match own {
            Some(own) if own * LACKS >= most => return None,
            Some(own) => format!("have {own:.1} tokens in the mean"),
            None if phase.counts.succeeded == 0 => return None,
            None => "have no token counts".to_owned(),
        };
        let name = &variant.name;
        let why = format!("the answers of {name} {own_is}, those of {other} {most:.1}");
        Some((name.clone(), phase.name.clone(), why))
    };
    phases.iter().filter_map(lacks).collect()
}

/// Output tokens of a success, in the mean.
fn tokens(phase: &PhaseRecord) -> Option<f64> {
    let metrics = &phase.metrics;
    let tokens = metrics.output_tokens_per_s? / positive(metrics.requests_per_s)?;
    tokens.is_finite().then_some(tokens)
}

/// Gives every row the estimate that `estimate` makes of it, and those that are judged their verdict. `budget` is divided
/// among these and between the looks.
pub(super) fn decide(
    rows: &mut [Comparison],
    comparing: &Comparing,
    doubts: &Doubts,
    budget: f64,
    estimate: impl Fn(&Comparison) -> Option<Estimate>,
) {
    let margin = |row: &Comparison| {
        let judged = comparing
            .judged
            .iter()
            .find(|judged| judged.metric == row.metric);
        judged.map(|judged| judged.margin)
    };
    let cells = rows
        .iter()
        .filter(|row| margin(row).is_some())
        .count()
        .max(1);
    let share = budget / cells as f64 / f64::from(comparing.looks());
    for row in rows {
        let estimate = estimate(row);
        match margin(row) {
            Some(margin) => judge(row, estimate, margin, share, doubts.about(row)),
            None => describe(row, estimate, BUDGET),
        }
    }
}

/// The effect over interleaved rounds, where all of them have both values.
pub(super) fn interleaved(row: &Comparison) -> Option<Estimate> {
    let pair = |values: &RoundValues| {
        let difference = positive(values.variant)?.ln() - positive(values.baseline)?.ln();
        let baseline_first = values.baseline_first;
        Some(Pair {
            difference,
            baseline_first,
        })
    };
    let pairs: Option<Vec<Pair>> = row.values.iter().map(pair).collect();
    stats::paired(&pairs?)
}

pub(super) fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value > 0.0)
}

/// Writes an estimate into a row.
pub(super) fn describe(row: &mut Comparison, estimate: Option<Estimate>, alpha: f64) {
    let Some(estimate) = estimate else { return };
    let (low, high) = estimate.interval(alpha);
    row.ratio = Some(estimate.effect.exp());
    row.rounds = u32::try_from(estimate.rounds).unwrap_or(u32::MAX);
    (row.low, row.high) = (finite(low.exp()), finite(high.exp()));
    row.alpha = Some(alpha);
    let differences = row
        .values
        .iter()
        .filter_map(|values| Some((positive(values.variant)? / positive(values.baseline)?).ln()));
    row.sign_flip = stats::sign_flip(&differences.collect::<Vec<_>>());
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Gives a row its verdict.
pub(super) fn judge(
    row: &mut Comparison,
    estimate: Option<Estimate>,
    margin: f64,
    alpha: f64,
    doubt: Option<String>,
) {
    describe(row, estimate, alpha);
    row.margin = Some(margin);
    let missing = || "a round is without this figure".to_owned();
    row.why = doubt.or_else(|| estimate.is_none().then(missing));
    let Some(estimate) = estimate.filter(|_| row.why.is_none()) else {
        row.verdict = Some(Outcome::Invalid);
        return;
    };
    let worse = if more_is_better(&row.metric) {
        estimate.turned()
    } else {
        estimate
    };
    let limit = margin.ln_1p();
    let verdict = stats::outcome(&worse, limit, alpha);
    row.verdict = Some(verdict);
    row.detectable = finite(stats::detectable(&worse, limit, alpha).exp_m1());
    if verdict == Outcome::Inconclusive {
        let needed = stats::rounds_needed(&worse, limit, alpha);
        row.rounds_needed = needed.and_then(|rounds| u32::try_from(rounds).ok());
    }
}

/// Whether more rounds would change nothing: every metric that is judged has its verdict.
#[must_use]
pub fn decided(rows: &[Comparison]) -> bool {
    !rows
        .iter()
        .any(|row| row.verdict == Some(Outcome::Inconclusive))
}

#[cfg(test)]
#[path = "tests/decide.rs"]
mod tests;
