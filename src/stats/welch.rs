//! The difference of two means whose rounds did not interleave: two records, taken at different times.

use super::Estimate;
use super::paired::mean;

/// mean(variant) - mean(baseline) by Welch's method. `None` with fewer than two values on a side.
#[must_use]
pub(crate) fn welch(baseline: &[f64], variant: &[f64]) -> Option<Estimate> {
    let of = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = mean(values);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        (mean, squares / (n - 1.0) / n, n - 1.0)
    };
    if baseline.len().min(variant.len()) < 2
        || !baseline
            .iter()
            .chain(variant)
            .all(|value| value.is_finite())
    {
        return None;
    }
    let ((a, va, fa), (b, vb, fb)) = (of(baseline), of(variant));
    let variance = va + vb;
    let freedom = variance * variance / (va * va / fa + vb * vb / fb);
    Some(Estimate {
        effect: b - a,
        error: variance.sqrt(),
        // Without any spread the quotient is 0 / 0.
        freedom: if freedom.is_finite() {
            freedom
        } else {
            fa.min(fb)
        },
        rounds: baseline.len().min(variant.len()),
    })
}

#[cfg(test)]
#[path = "tests/welch.rs"]
mod tests;
