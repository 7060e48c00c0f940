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
