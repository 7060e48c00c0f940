//! What a measurement could have found, and what it would take to find more.

use super::{Estimate, POWER, quantile};

/// Most rounds that are proposed to anyone.
const MOST: usize = 1_000;

/// The smallest true effect that would be called worse than `margin` (logarithmic) with probability [`POWER`], given the
/// noise that was seen.
#[must_use]
pub(crate) fn detectable(estimate: &Estimate, margin: f64, alpha: f64) -> f64 {
    margin + reach(alpha, estimate.freedom) * estimate.error
}

/// Rounds after which an effect as it was found would be told from the margin with probability [`POWER`]; `None` where that
/// is out of reach.
#[must_use]
pub(crate) fn rounds_needed(estimate: &Estimate, margin: f64, alpha: f64) -> Option<usize> {
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
#[path = "tests/power.rs"]
mod tests;
