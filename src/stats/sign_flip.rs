//! An exact test that assumes no distribution: were the variants equal, every difference could as well have had the other sign.

/// Rounds up to which all assignments of signs are tried.
const MOST: usize = 20;

/// Share of all assignments of signs under which the differences' mean is at least as far from zero as it was: a
/// two-sided p. It can't fall below 2 / 2^rounds, so that it needs eight rounds for p < 0.01. `None` where there are no
/// rounds, or too many to try.
#[must_use]
pub(crate) fn sign_flip(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    if n == 0 || n > MOST {
        return None;
    }
    let sum: f64 = differences.iter().sum();
    // Rounding must not count the assignment itself out.
    let least = sum.abs() * (1.0 - 1e-12);
    let total = 1_u32 << n;
    let extreme = |signs: &u32| {
        let flipped = differences.iter().enumerate();
        let sum: f64 = flipped
            .map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d })
            .sum();
        sum.abs() >= least
    };
    let count = (0..total).filter(extreme).count();
    Some(count as f64 / f64::from(total))
}

#[cfg(test)]
#[path = "tests/sign_flip.rs"]
mod tests;
