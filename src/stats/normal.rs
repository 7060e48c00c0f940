//! The standard normal distribution.

/// Where the series gives way to the continued fraction.
const TAIL: f64 = 3.0;

/// The density at `z`.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Probability of more than `z`. Its relative error is below 1e-12 in the upper tail, too.
///
/// Abramowitz and Stegun, Handbook of Mathematical Functions: the series is 26.2.11, the continued fraction 26.2.14.
pub(super) fn upper_tail(z: f64) -> f64 {
    if z < -TAIL {
        return 1.0 - upper_tail(-z);
    }
    if z > TAIL {
        // Mills' ratio, from the inside out.
        let fraction = (1..=100).rev().fold(z, |inner, k| z + f64::from(k) / inner);
        return density(z) / fraction;
    }
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 - density(z) * sum
}

/// The value that is exceeded with probability `p`, 0 < p < 1.
pub(super) fn upper_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if upper_tail(middle) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
#[path = "tests/normal.rs"]
mod tests;
