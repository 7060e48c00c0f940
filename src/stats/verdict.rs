//! The outcome of one gated metric, from its estimate alone.

use super::Estimate;
use serde::{Deserialize, Serialize};

/// What is said of a metric that a comparison gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Proven to be worse by more than the margin: a regression.
    Worse,
    /// Proven to be better.
    Better,
    /// Proven to lie within the margin on either side.
    Equivalent,
    /// Proven not to be worse by more than the margin.
    NotWorse,
    /// The interval holds the margin: more rounds would tell.
    Inconclusive,
    /// The measurement can't be trusted. [`outcome`] never says so: whoever knows how it was measured does.
    Invalid,
}

impl Outcome {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Equivalent => "equivalent",
            Self::NotWorse => "not worse",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
        }
    }
}

/// Holds an estimate, turned so that larger is worse, against a margin. Both are logarithmic; each bound errs in `alpha`
/// of all cases.
#[must_use]
pub(crate) fn outcome(estimate: &Estimate, margin: f64, alpha: f64) -> Outcome {
    let (low, high) = estimate.interval(alpha);
    if low > margin {
        Outcome::Worse
    } else if high < 0.0 {
        Outcome::Better
    } else if high < margin && low > -margin {
        Outcome::Equivalent
    } else if high < margin {
        Outcome::NotWorse
    } else {
        Outcome::Inconclusive
    }
}

#[cfg(test)]
#[path = "tests/verdict.rs"]
mod tests;
