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

pub use change::{Change, changes};
pub use looks::{Look, STEP, Spending, detectable_distance, look_rounds, looks, power};
pub use paired::{Pair, paired};
pub use power::{detectable, rounds_needed};
pub use sign_flip::sign_flip;
pub use student::{cdf, quantile};
pub use verdict::{Outcome, outcome};
pub use welch::welch;

/// Probability with which an effect as large as the minimum detectable one is found.
pub const POWER: f64 = 0.9;

/// Error budget of a whole comparison: how often equal engines may be called different.
pub const BUDGET: f64 = 0.01;

/// Most metrics that one comparison may gate.
pub const MOST_GATED: usize = 4;

/// Fewest rounds that leave degrees of freedom worth the name.
pub const FEWEST_ROUNDS: usize = 4;

/// An effect on the logarithmic scale: `exp(effect)` is the ratio of variant to baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
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
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        let reach = quantile(1.0 - alpha, self.freedom) * self.error;
        (self.effect - reach, self.effect + reach)
    }

    /// The same with the sign turned: what was better is worse.
    #[must_use]
    pub fn turned(self) -> Self {
        Self {
            effect: -self.effect,
            ..self
        }
    }
}
