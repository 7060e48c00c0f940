//! The difference of two means whose rounds did not interleave: two records, taken at different times.

use super::Estimate;
use super::paired::mean;

/// mean(variant) - mean(baseline) by Welch's method. `None` with fewer than two values on a side.
#[must_use]
pub fn welch(baseline: &[f64], variant: &[f64]) -> Option<Estimate> {
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
mod tests {
    use super::*;

    #[test]
    fn known_figures_come_out() {
        // Means 2.5 and 8, variances 5/3 and 20, four values each.
        let found = welch(&[1.0, 2.0, 3.0, 4.0], &[2.0, 8.0, 10.0, 12.0]).unwrap();
        let (va, vb) = (5.0 / 12.0, 56.0 / 3.0 / 4.0);
        assert!((found.effect - 5.5).abs() < 1e-12);
        assert!((found.error - f64::sqrt(va + vb)).abs() < 1e-12);
        let freedom = (va + vb).powi(2) / ((va * va + vb * vb) / 3.0);
        assert!((found.freedom - freedom).abs() < 1e-9);
    }

    #[test]
    fn one_value_a_side_says_nothing() {
        assert_eq!(welch(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(welch(&[1.0, f64::NAN], &[2.0, 3.0]), None);
        let equal = welch(&[1.0, 1.0], &[1.0, 1.0]).unwrap();
        assert_eq!((equal.effect, equal.error, equal.freedom), (0.0, 0.0, 1.0));
    }
}
