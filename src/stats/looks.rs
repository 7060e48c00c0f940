//! Planned looks: a comparison is judged several times while its rounds come in, and ends once it is decided.
//!
//! Every look spends a part of the error budget, as a spending function says (Lan and DeMets, 1983). The nominal level of
//! each look follows from the joint distribution of the statistics at all looks, which is integrated numerically
//! (Armitage, McPherson and Rowe, 1969; Jennison and Turnbull, Group Sequential Methods, 2000, chapters 7 and 19). The
//! levels are then used with quantiles of Student's t, the "significance level approach" of the same book, chapter 11.3:
//! simulations of it are in docs/comparing.md.

use super::normal::{density, upper_quantile, upper_tail};
use super::{POWER, quantile};
use serde::{Deserialize, Serialize};

/// Rounds from one look to the next: both orders once.
pub(crate) const STEP: u32 = 2;
/// Degrees of freedom that the effect and the order term take.
const FITTED: f64 = 2.0;
/// Points of the grid on which densities are integrated; even.
const POINTS: usize = 240;
/// How many standard deviations the grid reaches.
const REACH: f64 = 8.0;

/// How the error budget is divided between looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spending {
    /// Much of it early, so that clear cases are decided after few rounds: `a ln(1 + (e - 1) t)`.
    Pocock,
    /// Almost all of it late: `2 (1 - Phi(z(a / 2) / sqrt(t)))`.
    OBrienFleming,
}

impl Spending {
    /// What may be spent of `alpha` by the time that the share `t` of all rounds is there.
    #[must_use]
    pub(crate) fn spent(self, alpha: f64, t: f64) -> f64 {
        match self {
            Self::Pocock => alpha * (1.0 + (std::f64::consts::E - 1.0) * t).ln(),
            Self::OBrienFleming => 2.0 * upper_tail(upper_quantile(alpha / 2.0) / t.sqrt()),
        }
    }
}

/// One look at the rounds so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Rounds there are by then.
    pub rounds: u32,
    /// One-sided level of each bound at this look.
    pub level: f64,
    /// Error that has been spent by this look, itself included.
    pub spent: f64,
}

/// The numbers of rounds at which the comparison is judged: from `min`, every [`STEP`], and `max`.
#[must_use]
pub(crate) fn look_rounds(min: u32, max: u32) -> Vec<u32> {
    let mut rounds: Vec<u32> = (min..max).step_by(STEP as usize).collect();
    rounds.push(max.max(min));
    rounds
}

/// Plans looks after so many rounds, ascending, so that a bound errs at any of them in at most `alpha` of all comparisons.
#[must_use]
pub(crate) fn looks(rounds: &[u32], alpha: f64, spending: Spending) -> Vec<Look> {
    let last = f64::from(rounds.last().copied().unwrap_or(1));
    let mut walk = Walk::new(0.0);
    let mut before = 0.0;
    rounds
        .iter()
        .map(|rounds| {
            let spent = spending.spent(alpha, f64::from(*rounds) / last);
            let bound = walk.bound(f64::from(*rounds), spent - before);
            before = spent;
            Look {
                rounds: *rounds,
                level: upper_tail(bound),
                spent,
            }
        })
        .collect()
}

/// Probability that any of the looks proves an effect that lies beyond the margin by `distance` standard deviations of
/// one round's difference.
#[must_use]
pub(crate) fn power(looks: &[Look], distance: f64) -> f64 {
    let mut walk = Walk::new(distance);
    let crossed = looks.iter().map(|look| {
        let rounds = f64::from(look.rounds);
        walk.cross(rounds, quantile(1.0 - look.level, rounds - FITTED))
    });
    crossed.sum()
}

/// The distance beyond the margin, in standard deviations of one round's difference, that the looks prove with
/// probability [`POWER`].
#[must_use]
pub(crate) fn detectable_distance(looks: &[Look]) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while power(looks, high) < POWER && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if power(looks, middle) < POWER {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The sum of differences, as rounds come in, of comparisons that no look has ended: a normal step of variance 1 and mean
/// `drift` a round.
struct Walk {
    drift: f64,
    rounds: f64,
    /// Sums at equal distances, and the density of each, times the weight of Simpson's rule.
    grid: Vec<(f64, f64)>,
}

impl Walk {
    fn new(drift: f64) -> Self {
        Self {
            drift,
            rounds: 0.0,
            grid: vec![(0.0, 1.0)],
        }
    }

    /// Probability of a sum above `sum` after so many rounds without having been ended before.
    fn above(&self, rounds: f64, sum: f64) -> f64 {
        let added = rounds - self.rounds;
        let (mean, spread) = (self.drift * added, added.sqrt());
        let tail = |(at, weight): &(f64, f64)| weight * upper_tail((sum - at - mean) / spread);
        self.grid.iter().map(tail).sum()
    }

    /// Looks after so many rounds and ends what lies above `bound` standard deviations: its probability.
    fn cross(&mut self, rounds: f64, bound: f64) -> f64 {
        let sum = bound * rounds.sqrt();
        let crossed = self.above(rounds, sum);
        self.end_above(rounds, sum);
        crossed
    }

    /// The bound, in standard deviations, that ends `share` of all comparisons at this look; looks there.
    fn bound(&mut self, rounds: f64, share: f64) -> f64 {
        let (mut low, mut high) = (0.0, 20.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if self.above(rounds, middle * rounds.sqrt()) > share {
                low = middle;
            } else {
                high = middle;
            }
        }
        let bound = 0.5 * (low + high);
        self.end_above(rounds, bound * rounds.sqrt());
        bound
    }

    /// Takes the density on to so many rounds, cut off above `sum`.
    fn end_above(&mut self, rounds: f64, sum: f64) {
        let added = rounds - self.rounds;
        let (mean, spread) = (self.drift * added, added.sqrt());
        let low = (self.drift * rounds - REACH * rounds.sqrt()).min(sum - REACH);
        let high = sum
            .min(self.drift * rounds + REACH * rounds.sqrt())
            .max(low);
        let width = (high - low) / POINTS as f64;
        let point = |i: usize| {
            let at = low + width * i as f64;
            let reached = |(from, weight): &(f64, f64)| {
                weight * density((at - from - mean) / spread) / spread
            };
            let simpson = match i {
                0 | POINTS => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let weight = simpson * width / 3.0;
            (at, weight * self.grid.iter().map(reached).sum::<f64>())
        };
        self.grid = (0..=POINTS).map(point).collect();
        self.rounds = rounds;
    }
}

#[cfg(test)]
#[path = "tests/looks.rs"]
mod tests;
