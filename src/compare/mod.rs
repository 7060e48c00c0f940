//! Variants side by side, from records alone: each metric's ratio to the baseline and, over rounds, how sure it is and what
//! that means ([`side_by_side`]); whether greedy answers agree ([`same_text`]), and where a difference comes from
//! ([`mod@decompose`]). Two records are held against each other by [`records`], a folder of them by [`trend`].

pub(crate) mod alike;
mod answers;
mod decide;
pub(crate) mod decompose;
pub(crate) mod floor;
mod looks;
pub(crate) mod metrics;
pub mod records;
pub(crate) mod text;
pub(crate) mod trend;

pub(crate) use alike::alike;
pub(crate) use answers::{Answer, Answers};
pub(crate) use decide::{Doubts, decided};
pub(crate) use decompose::decompose;
pub(crate) use looks::is_look;
pub(crate) use metrics::TOPOLOGY;
pub(crate) use text::{Tokenizer, counted, same_text};

use crate::metric::Figure;
use crate::record::model::{Comparison, RoundValues, Run, VariantRecord};
use metrics::Measured;

/// Every metric and measured phase of every variant against the baseline's; start-up and teardown too, under the phase
/// [`TOPOLOGY`]. Metrics that neither has are left out. Where rounds were planned, what is judged gets a verdict.
#[must_use]
pub fn side_by_side(run: &Run) -> Vec<Comparison> {
    let Some(baseline) = baseline(run) else {
        return Vec::new();
    };
    let others = run
        .variants
        .iter()
        .filter(|variant| variant.name != baseline.name);
    let mut all: Vec<Comparison> = others
        .flat_map(|variant| against(baseline, variant))
        .collect();
    if let Some(comparing) = &run.comparing {
        let doubts = Doubts::of(run);
        decide::decide(&mut all, comparing, &doubts, |row| {
            decide::interleaved(&row.values)
        });
    }
    all
}

/// The variant that the others are held against: as the scenario says, else the first.
#[must_use]
pub fn baseline(run: &Run) -> Option<&VariantRecord> {
    let named = run.scenario.settings().baseline.as_ref();
    let named = named.and_then(|name| run.variants.iter().find(|variant| variant.name == *name));
    named.or_else(|| run.variants.first())
}

/// variant / baseline, where both are numbers and the baseline is not zero.
#[must_use]
pub fn ratio(baseline: Option<f64>, variant: Option<f64>) -> Option<f64> {
    let ratio = variant? / baseline?;
    ratio.is_finite().then_some(ratio)
}

fn against(baseline: &VariantRecord, variant: &VariantRecord) -> Vec<Comparison> {
    let row = |figure: Figure, phase: &str| {
        let [a, b] = [baseline, variant].map(|side| Measured::from(side).figure(figure, phase));
        a.or(b).is_some().then(|| Comparison {
            metric: figure.key(),
            phase: phase.to_owned(),
            baseline: baseline.name.clone(),
            variant: variant.name.clone(),
            ratio: ratio(a, b),
            values: values(baseline, variant, figure, phase),
            ..Comparison::default()
        })
    };
    let mut all = Vec::new();
    for phase in variant.phases.iter().filter(|phase| phase.measured()) {
        if !baseline.phases.iter().any(|other| other.name == phase.name) {
            continue;
        }
        all.extend(Figure::of_phases().filter_map(|figure| row(figure, &phase.name)));
    }
    all.extend(Figure::of_topologies().filter_map(|figure| row(figure, TOPOLOGY)));
    all
}

/// What each round that both had found.
fn values(
    baseline: &VariantRecord,
    variant: &VariantRecord,
    figure: Figure,
    phase: &str,
) -> Vec<RoundValues> {
    let rounds = baseline.rounds.iter().zip(&variant.rounds);
    rounds
        .map(|(a, b)| RoundValues {
            round: a.round,
            baseline_first: a.turn < b.turn,
            baseline: Measured::from(a).figure(figure, phase),
            variant: Measured::from(b).figure(figure, phase),
        })
        .collect()
}

#[cfg(test)]
mod tests;
