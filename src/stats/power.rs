//! What a measurement could have found, and what it would take to find more.

use super::{Estimate, POWER, quantile};

/// Most rounds that are proposed to anyone.
const MOST: usize = 1_000;

/// The smallest true effect that would be called worse than `margin` (logarithmic) with probability [`POWER`], given the
/// noise that was seen.
#[must_use]
pub fn detectable(estimate: &Estimate, margin: f64, alpha: f64) -> f64 {
    margin + reach(alpha, estimate.freedom) * estimate.error
}

/// Rounds after which an effect as it was found would be told from the margin with probability [`POWER`]; `None` where that
/// is out of reach.
#[must_use]
pub fn rounds_needed(estimate: &Estimate, margin: f64, alpha: f64) -> Option<usize> {
    let distance = (estimate.effect - margin).abs();
    let spread = estimate.error * (estimate.rounds as f64).sqrt();
    let lost = estimate.rounds as f64 - estimate.freedom;
    (estimate.rounds + 1..=MOST).find(|rounds| {
        let n = *rounds as f64;
        reach(alpha, n - lost) * spread / n.sqrt() <= distance
    })
}

fn reach(alpha: f64, freedom: f64) -> f64 {
    quantile(1.0 - alpha, freedom) + quantile(POWER, freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Estimate = Estimate {
        effect: 0.0,
        error: 0.02,
        freedom: 8.0,
        rounds: 10,
    };

    #[test]
    fn noise_and_margin_add_up() {
        // t(0.99, 8) = 2.8965, t(0.9, 8) = 1.3968.
        let found = detectable(&FOUND, 0.05, 0.01);
        assert!((found - (0.05 + 0.02 * 4.2933)).abs() < 1e-5, "{found}");
        let quiet = Estimate {
            error: 0.0,
            ..FOUND
        };
        assert_eq!(detectable(&quiet, 0.05, 0.01), 0.05);
    }

    #[test]
    fn more_rounds_are_proposed_as_far_as_they_help() {
        let needed = rounds_needed(&FOUND, 0.05, 0.01).unwrap();
        // About (0.0632 * 3.8 / 0.05)^2.
        assert!((20..=26).contains(&needed), "{needed}");
        let nearer = Estimate {
            effect: 0.03,
            ..FOUND
        };
        assert!(rounds_needed(&nearer, 0.05, 0.01).unwrap() > needed);
        let at_the_margin = Estimate {
            effect: 0.05,
            ..FOUND
        };
        assert_eq!(rounds_needed(&at_the_margin, 0.05, 0.01), None);
    }
}
