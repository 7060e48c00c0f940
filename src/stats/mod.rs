//! Statistics of comparisons, after docs/comparing.md: rounds in, an effect with its interval and one of four outcomes out.
//! Pure: knows numbers only, and no metric, record or clock.

mod change;
mod looks;
mod normal;
mod paired;
mod power;
mod sign_flip;
mod student;
mod verdict;
mod welch;

#[cfg(test)]
mod simulated;

pub(crate) use change::changes;
pub(crate) use looks::{Look, Spending, detectable_distance, look_rounds, looks};
pub(crate) use paired::{Pair, paired};
pub(crate) use power::{detectable, rounds_needed};
pub(crate) use sign_flip::sign_flip;
pub(crate) use student::{cdf, quantile};
pub(crate) use verdict::{Outcome, outcome};
pub(crate) use welch::welch;

/// Probability with which an effect as large as the minimum detectable one is found.
pub(crate) const POWER: f64 = 0.9;

/// Error budget of a whole comparison: how often equal engines may be called different.
pub(crate) const BUDGET: f64 = 0.01;

/// Most metrics that one comparison may gate.
#[cfg(test)]
pub(crate) const MOST_GATED: usize = 4;

/// An effect on the logarithmic scale: `exp(effect)` is the ratio of variant to baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// The effect.
    pub effect: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Rounds it stands on.
    pub rounds: usize,
}

impl Estimate {
    /// Lower and upper bound, each one-sided at `alpha`: the truth lies below, or above, at most that often.
    #[must_use]
    pub(crate) fn interval(&self, alpha: f64) -> (f64, f64) {
        let reach = quantile(1.0 - alpha, self.freedom) * self.error;
        (self.effect - reach, self.effect + reach)
    }

    /// The same with the sign turned: what was better is worse.
    #[must_use]
    pub(crate) fn turned(self) -> Self {
        Self {
            effect: -self.effect,
            ..self
        }
    }
}
