//! The effect of a variant from interleaved rounds, with a term for the order in which the two ran.

use super::Estimate;

/// One round's difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// ln(variant) - ln(baseline).
    pub difference: f64,
    /// Whether the baseline ran first.
    pub baseline_first: bool,
}

/// Fits `difference = D + g*s + e` by least squares, s = +1 where the baseline ran first and -1 where it ran second: g takes
/// up drift and carry-over. Where all rounds ran in one order there is no such term. `None` below three rounds, or where a
/// difference is not finite.
#[must_use]
pub fn paired(pairs: &[Pair]) -> Option<Estimate> {
    if pairs.iter().any(|pair| !pair.difference.is_finite()) {
        return None;
    }
    let of = |first: bool| -> Vec<f64> {
        let matching = pairs.iter().filter(|pair| pair.baseline_first == first);
        matching.map(|pair| pair.difference).collect()
    };
    // With both orders the fit goes through the mean of each, so that D is the mean of those two means.
    let groups: Vec<Vec<f64>> = [of(true), of(false)]
        .into_iter()
        .filter(|g| !g.is_empty())
        .collect();
    let rounds = pairs.len();
    let freedom = rounds.checked_sub(groups.len()).filter(|n| *n > 0)?;
    let share = 1.0 / groups.len() as f64;
    let means: Vec<f64> = groups.iter().map(|group| mean(group)).collect();
    let squares =
        |(group, mean): (&Vec<f64>, &f64)| group.iter().map(|d| (d - mean).powi(2)).sum::<f64>();
    let left: f64 = groups.iter().zip(&means).map(squares).sum();
    let variance = left / freedom as f64;
    let weight: f64 = groups
        .iter()
        .map(|group| share * share / group.len() as f64)
        .sum();
    Some(Estimate {
        effect: means.iter().map(|mean| share * mean).sum(),
        error: (variance * weight).sqrt(),
        freedom: freedom as f64,
        rounds,
    })
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(differences: &[f64]) -> Vec<Pair> {
        let alternating = differences.iter().enumerate();
        alternating
            .map(|(i, difference)| Pair {
                difference: *difference,
                baseline_first: i % 2 == 0,
            })
            .collect()
    }

    #[test]
    fn drift_and_carry_over_go_into_the_order_term() {
        // D = 0.1, g = 0.3, no noise.
        let found = paired(&pairs(&[0.4, -0.2, 0.4, -0.2])).unwrap();
        assert!((found.effect - 0.1).abs() < 1e-12 && found.error < 1e-12);
        assert_eq!((found.freedom, found.rounds), (2.0, 4));
    }

    #[test]
    fn the_fit_is_that_of_least_squares() {
        // Solved by hand: means 0.2 (rounds 1, 3, 5) and 0.05 (2, 4); left over 0.02 + 0.005, three degrees of freedom.
        let found = paired(&pairs(&[0.1, 0.0, 0.2, 0.1, 0.3])).unwrap();
        assert!((found.effect - 0.125).abs() < 1e-12);
        let expected = (0.025_f64 / 3.0 * (0.25 / 3.0 + 0.25 / 2.0)).sqrt();
        assert!((found.error - expected).abs() < 1e-12);
    }

    #[test]
    fn one_order_is_a_plain_mean() {
        let same = [0.1, 0.2, 0.3].map(|difference| Pair {
            difference,
            baseline_first: true,
        });
        let found = paired(&same).unwrap();
        assert!((found.effect - 0.2).abs() < 1e-12);
        assert!((found.error - 0.1 / 3.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.freedom, 2.0);
    }

    #[test]
    fn too_little_or_not_finite_is_no_estimate() {
        assert_eq!(paired(&pairs(&[0.1, 0.2])), None);
        assert_eq!(paired(&[]), None);
        assert_eq!(paired(&pairs(&[0.1, f64::NAN, 0.2, 0.3])), None);
    }
}
