//! What rounds decide that did not interleave.

use crate::compare::against;
use crate::compare::decide::{Doubts, decide, positive};
use crate::compare::metrics::Measured;
use crate::metric::{Figure, Number, Statistic, Timing};
use crate::record::model::{
    Comparing, Comparison, Judged, Outcome, RoundValues, Run, VariantRecord,
};
use crate::stats::{self, Estimate};

/// Margin of the metrics that are judged where neither record names any.
const MARGIN: f64 = 0.05;
/// What is then judged, as far as both have it.
const USUAL: [Figure; 3] = [
    Figure::Timing(Statistic::P50, Timing::Ttft),
    Figure::Timing(Statistic::P50, Timing::Tpot),
    Figure::Number(Number::OutputThroughput),
];
/// The same where answers do not stream and tokens are not known.
const UNARY: [Figure; 2] = [
    Figure::Timing(Statistic::P50, Timing::E2e),
    Figure::Number(Number::RequestThroughput),
];

/// Every metric of both with its estimate; what either record judged, with a verdict.
pub(super) fn decided(run: &Run, records: &[&Run; 2], forced: bool) -> Vec<Comparison> {
    let [a, b] = [&run.variants[0], &run.variants[1]];
    let mut rows = against(a, b);
    for row in &mut rows {
        row.values = values(a, b, row);
    }
    let rounds = [a.rounds.len(), b.rounds.len()];
    let known: Vec<&str> = rows.iter().map(|row| row.metric.as_str()).collect();
    let comparing = Comparing {
        min: u32::try_from(rounds[1]).unwrap_or(u32::MAX),
        max: u32::try_from(rounds[1]).unwrap_or(u32::MAX),
        until_decided: false,
        alternate: false,
        restart: true,
        judged: judged(records, &known),
    };
    let mut doubts = Doubts::of(run);
    if forced {
        doubts.overruled();
    }
    decide(&mut rows, &comparing, &doubts, |row| unpaired(row, rounds));
    for row in &mut rows {
        // Its rounds are no pairs.
        row.sign_flip = None;
        if rounds.iter().any(|count| *count < 2)
            && row.verdict.is_some()
            && doubts.about(row).is_none()
        {
            row.verdict = Some(Outcome::Inconclusive);
            row.why = Some(
                "a single run proves no difference: give both `compare: {rounds: {min: 10}}`"
                    .to_owned(),
            );
        }
    }
    rows
}

/// What the newer record judged, else the older, else the usual.
fn judged(records: &[&Run; 2], known: &[&str]) -> Vec<Judged> {
    let named = records.iter().find_map(|run| run.comparing.as_ref());
    if let Some(comparing) = named {
        return comparing.judged.clone();
    }
    let usual = |figures: &[Figure]| -> Vec<Judged> {
        let keys = figures.iter().map(|figure| figure.key());
        keys.filter(|key| known.contains(&key.as_str()))
            .map(|metric| Judged {
                metric,
                margin: MARGIN,
            })
            .collect()
    };
    let streamed = usual(&USUAL);
    if streamed.is_empty() {
        usual(&UNARY)
    } else {
        streamed
    }
}

/// What each record's rounds found; the sides need not have as many.
fn values(a: &VariantRecord, b: &VariantRecord, row: &Comparison) -> Vec<RoundValues> {
    let Some(figure) = Figure::of_key(&row.metric) else {
        return Vec::new();
    };
    let value = |variant: &VariantRecord, k: usize| {
        Measured::from(variant.rounds.get(k)?).figure(figure, &row.phase)
    };
    (0..a.rounds.len().max(b.rounds.len()))
        .map(|k| RoundValues {
            round: u32::try_from(k + 1).unwrap_or(u32::MAX),
            baseline_first: true,
            baseline: value(a, k),
            variant: value(b, k),
        })
        .collect()
}

/// The effect between rounds that did not interleave, where all of them have the value.
fn unpaired(row: &Comparison, rounds: [usize; 2]) -> Option<Estimate> {
    let logs = |get: fn(&RoundValues) -> Option<f64>| -> Vec<f64> {
        row.values
            .iter()
            .filter_map(|values| Some(positive(get(values))?.ln()))
            .collect()
    };
    let (a, b) = (logs(|v| v.baseline), logs(|v| v.variant));
    if [a.len(), b.len()] != rounds {
        return None;
    }
    stats::welch(&a, &b)
}
