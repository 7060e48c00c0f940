//! Where a series of runs begins to be another: change points as Hunter (now Apache Otava) finds them. Candidates are where
//! the energy statistic of E-divisive (Matteson and James, 2014) is largest; each is proven by Student's t between the two
//! stretches that it parts, which, unlike permutations, gives the same answer every time and works with few runs.
//! Unlike there, its p is held against the number of stretches that could have been chosen, so that a series without any
//! change rarely shows one.

use super::paired::mean;
use super::{Estimate, cdf};

/// Fewest runs on either side of a change.
const SIDE: usize = 2;
/// How sure a candidate must be: its stretches may hold further changes, which hide it.
const WEAK: f64 = 0.1;

/// Where a series begins to be another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// Index of the first value of the new stretch.
    pub at: usize,
    /// From the stretch before to the one after, on the scale of the values.
    pub estimate: Estimate,
    /// How often chance alone parts two such stretches so far, two-sided.
    pub p: f64,
}

/// All changes of a series, in order. A series without any shows one in at most `alpha` of all cases.
#[must_use]
pub(crate) fn changes(values: &[f64], alpha: f64) -> Vec<Change> {
    if values.len() < 2 * SIDE || !values.iter().all(|value| value.is_finite()) {
        return Vec::new();
    }
    let n = values.len() as f64;
    // Half of the budget for one change in the whole, by its places; half for changes in any part, by start, place and end.
    let (alone, among) = (alpha / 2.0 / n, alpha / 2.0 / (n * n * n / 6.0));
    let mut ends = vec![0, values.len()];
    candidates(values, 0, &mut ends);
    ends.sort_unstable();
    loop {
        let between = ends.windows(3);
        let found: Vec<Change> = between
            .filter_map(|ends| change(values, ends[0], ends[1], ends[2]))
            .collect();
        let sure = if found.len() == 1 { alone } else { among };
        // The least sure goes first; its neighbours are then looked at anew.
        let least = found.iter().max_by(|a, b| a.p.total_cmp(&b.p));
        match least.filter(|least| least.p > sure) {
            Some(least) => ends.retain(|end| *end != least.at),
            None => return found,
        }
    }
}

/// Adds the places where a stretch that begins at `offset` is best parted, and its parts again.
fn candidates(values: &[f64], offset: usize, found: &mut Vec<usize>) {
    let Some(at) = best(values) else { return };
    if change(values, 0, at, values.len()).is_none_or(|change| change.p > WEAK) {
        return;
    }
    found.push(offset + at);
    candidates(&values[..at], offset, found);
    candidates(&values[at..], offset + at, found);
}

/// What parts two stretches of a series, by Student's t with one variance for both.
fn change(values: &[f64], from: usize, at: usize, to: usize) -> Option<Change> {
    let (before, after) = (&values[from..at], &values[at..to]);
    let (a, b) = (before.len() as f64, after.len() as f64);
    let freedom = a + b - 2.0;
    if freedom <= 0.0 {
        return None;
    }
    let squares = |side: &[f64]| -> f64 {
        let mean = mean(side);
        side.iter().map(|value| (value - mean).powi(2)).sum()
    };
    let variance = (squares(before) + squares(after)) / freedom;
    let estimate = Estimate {
        effect: mean(after) - mean(before),
        error: (variance * (1.0 / a + 1.0 / b)).sqrt(),
        freedom,
        rounds: before.len().min(after.len()),
    };
    let p = match estimate.error > 0.0 {
        true => 2.0 * cdf(-(estimate.effect / estimate.error).abs(), freedom),
        // Without any spread every difference is one.
        false if estimate.effect == 0.0 => 1.0,
        false => 0.0,
    };
    Some(Change { at, estimate, p })
}

/// Where the energy statistic between the two sides is largest.
fn best(values: &[f64]) -> Option<usize> {
    let n = values.len();
    if n < 2 * SIDE {
        return None;
    }
    let to =
        |at: usize, others: &[f64]| -> f64 { others.iter().map(|v| (v - values[at]).abs()).sum() };
    // Sums of distances within the left side, within the right one, and between all.
    let (mut left, mut right) = (0.0, (0..n).map(|i| to(i, &values[i + 1..])).sum::<f64>());
    let all = right;
    let mut best = None;
    for at in 1..n {
        left += to(at - 1, &values[..at - 1]);
        right -= to(at - 1, &values[at..]);
        if at < SIDE || n - at < SIDE {
            continue;
        }
        let (a, b) = (at as f64, (n - at) as f64);
        let within = |sum: f64, count: f64| sum / (count * (count - 1.0) / 2.0);
        let energy = 2.0 * (all - left - right) / (a * b) - within(left, a) - within(right, b);
        let statistic = energy * a * b / (a + b);
        if best.is_none_or(|(_, most)| statistic > most) {
            best = Some((at, statistic));
        }
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
#[path = "tests/change.rs"]
mod tests;
