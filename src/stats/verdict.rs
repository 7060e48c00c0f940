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
pub fn outcome(estimate: &Estimate, margin: f64, alpha: f64) -> Outcome {
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
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        // t(0.99, 8) = 2.9: each interval reaches 0.029 to both sides.
        let of = |effect| {
            let estimate = Estimate {
                effect,
                error: 0.01,
                freedom: 8.0,
                rounds: 10,
            };
            outcome(&estimate, 0.05, 0.01)
        };
        assert_eq!(of(0.09), Outcome::Worse);
        assert_eq!(of(0.07), Outcome::Inconclusive);
        assert_eq!(of(0.03), Outcome::Inconclusive);
        assert_eq!(of(0.01), Outcome::Equivalent);
        assert_eq!(of(-0.025), Outcome::NotWorse);
        assert_eq!(of(-0.04), Outcome::Better);
        let unknown = Estimate {
            effect: 1.0,
            error: 0.1,
            freedom: 0.0,
            rounds: 1,
        };
        assert_eq!(outcome(&unknown, 0.05, 0.01), Outcome::Inconclusive);
    }
}
