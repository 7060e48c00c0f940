//! From what rounds found to estimates and verdicts, as docs/comparing.md says.

use super::looks::looks;
use super::metrics::more_is_better;
use crate::record::model::{
    Comparing, Comparison, Finding, Outcome, PhaseRecord, QualityVerdict, RoundValues, Run,
    VariantRecord,
};
use crate::stats::{self, BUDGET, Estimate, Look, Pair};

/// A variant's answers lack tokens where another variant's answers have more than this many times as many in the mean.
const LACKS: f64 = 2.0;

/// Why no verdict on a phase can be trusted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doubts {
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
    pub(crate) fn of(run: &Run) -> Self {
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

/// Gives every row the estimate that `estimate` makes of it, and those that are judged their verdict. The error budget is
/// divided among these and between the looks.
pub(super) fn decide(
    rows: &mut [Comparison],
    comparing: &Comparing,
    doubts: &Doubts,
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
    let looks = looks(comparing, BUDGET / cells as f64);
    let level = looks.last().map_or(BUDGET, |look| look.level);
    let distance = comparing
        .until_decided
        .then(|| stats::detectable_distance(&looks));
    for row in rows {
        let doubt = doubts.about(row);
        match (margin(row), distance) {
            (Some(margin), None) => judge(row, estimate(row), margin, level, doubt),
            (Some(margin), Some(distance)) => {
                judge_at_looks(row, &looks, margin, doubt);
                let spread = |estimate: Estimate| estimate.error * (estimate.rounds as f64).sqrt();
                // The detectable effect is that of all planned looks, not of the one that decided.
                let reach = interleaved(&row.values).map(|found| distance * spread(found));
                row.detectable = reach
                    .filter(|_| row.detectable.is_some())
                    .and_then(|reach| finite((margin.ln_1p() + reach).exp_m1()));
            }
            (None, _) => describe(row, estimate(row), BUDGET),
        }
    }
}

/// Judges a row at each look, by the rounds up to that look, until one look decides. Later rounds ran
/// for other metrics and do not change the verdict, because their looks spend no error for this row.
fn judge_at_looks(row: &mut Comparison, looks: &[Look], margin: f64, doubt: Option<String>) {
    let there = row.values.len();
    let reached = |look: &&Look| look.rounds as usize <= there;
    // A run that ended before its first look is judged at the level of that look.
    let due = match looks.iter().filter(reached).count() {
        0 => looks.iter().take(1).collect(),
        _ => looks.iter().filter(reached).collect::<Vec<_>>(),
    };
    for look in due {
        let values = &row.values[..there.min(look.rounds as usize)];
        let estimate = interleaved(values);
        judge(row, estimate, margin, look.level, doubt.clone());
        row.spent = Some(look.spent);
        if row.verdict != Some(Outcome::Inconclusive) {
            row.rounds_needed = None;
            return;
        }
    }
}

/// The effect over interleaved rounds, where all of them have both values.
pub(super) fn interleaved(values: &[RoundValues]) -> Option<Estimate> {
    let pair = |values: &RoundValues| {
        let difference = positive(values.variant)?.ln() - positive(values.baseline)?.ln();
        let baseline_first = values.baseline_first;
        Some(Pair {
            difference,
            baseline_first,
        })
    };
    let pairs: Option<Vec<Pair>> = values.iter().map(pair).collect();
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
pub(crate) fn decided(rows: &[Comparison]) -> bool {
    !rows
        .iter()
        .any(|row| row.verdict == Some(Outcome::Inconclusive))
}

#[cfg(test)]
#[path = "tests/decide.rs"]
mod tests;
