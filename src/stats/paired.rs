//! The effect of a variant from interleaved rounds, with a term for the order in which the two ran.

use super::Estimate;

/// One round's difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    /// ln(variant) - ln(baseline).
    pub difference: f64,
    /// Whether the baseline ran first.
    pub baseline_first: bool,
}

/// Fits `difference = D + g*s + e` by least squares, s = +1 where the baseline ran first and -1 where it ran second: g takes
/// up drift and carry-over. Where all rounds ran in one order there is no such term. `None` below three rounds, or where a
/// difference is not finite.
#[must_use]
pub(crate) fn paired(pairs: &[Pair]) -> Option<Estimate> {
    if pairs.iter().any(|pair| !pair.difference.is_finite()) {
        return None;
    }
    let of = |first: bool| -> Vec<f64> {
        let matching = pairs.iter().filter(|pair| pair.baseline_first == first);
        matching.map(|pair| pair.difference).collect()
    };
    // With both orders the fit goes through the mean of each, so that D is the mean of those two means.
    let groups: Vec<Vec<f64>> = [of(true), of(false)]
        .into_iter()
        .filter(|g| !g.is_empty())
        .collect();
    let rounds = pairs.len();
    let freedom = rounds.checked_sub(groups.len()).filter(|n| *n > 0)?;
    let share = 1.0 / groups.len() as f64;
    let means: Vec<f64> = groups.iter().map(|group| mean(group)).collect();
    let squares =
        |(group, mean): (&Vec<f64>, &f64)| group.iter().map(|d| (d - mean).powi(2)).sum::<f64>();
    let left: f64 = groups.iter().zip(&means).map(squares).sum();
    let variance = left / freedom as f64;
    let weight: f64 = groups
        .iter()
        .map(|group| share * share / group.len() as f64)
        .sum();
    Some(Estimate {
        effect: means.iter().map(|mean| share * mean).sum(),
        error: (variance * weight).sqrt(),
        freedom: freedom as f64,
        rounds,
    })
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
#[path = "tests/paired.rs"]
mod tests;
