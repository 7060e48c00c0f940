use super::*;

/// Steps with a noise of about one percent that does not repeat soon.
fn steps(levels: &[(f64, usize)]) -> Vec<f64> {
    let each = levels
        .iter()
        .flat_map(|(level, count)| std::iter::repeat_n(*level, *count));
    let noise = |k: usize| (k * 7919 % 101) as f64 / 101.0 * 0.03 - 0.015;
    each.enumerate()
        .map(|(k, level)| level + noise(k))
        .collect()
}

fn places(levels: &[(f64, usize)]) -> Vec<usize> {
    changes(&steps(levels), 0.01)
        .iter()
        .map(|change| change.at)
        .collect()
}

#[test]
fn the_run_that_began_a_shift_is_named() {
    let found = changes(&steps(&[(0.0, 12), (0.1, 9)]), 0.01);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].at, 12);
    assert!((found[0].estimate.effect - 0.1).abs() < 0.01 && found[0].p < 1e-6);
}

#[test]
fn several_shifts_are_told_apart() {
    assert_eq!(places(&[(0.0, 10), (0.2, 8), (0.05, 9)]), [10, 18]);
    // One that was taken back.
    assert_eq!(places(&[(0.0, 15), (0.1, 6), (0.0, 15)]), [15, 21]);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(places(&[(0.0, 40)]), [0_usize; 0]);
    assert!(changes(&[1.0; 20], 0.01).is_empty());
    assert!(changes(&[1.0, 2.0, 3.0], 0.01).is_empty());
    assert!(changes(&[0.0, 0.0, f64::NAN, 1.0, 1.0], 0.01).is_empty());
    // One run that went wrong is no shift.
    let mut outlier = steps(&[(0.0, 20)]);
    outlier[9] = 1.0;
    assert!(changes(&outlier, 0.01).is_empty());
}

#[test]
fn without_noise_any_shift_is_one() {
    let found = changes(&[1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 0.01);
    assert_eq!((found.len(), found[0].at, found[0].p), (1, 3, 0.0));
}

#[test]
fn the_statistic_is_that_of_the_definition() {
    // By hand for 0 1 | 5 6: between (5+6+4+5)/4 = 5, within 1 and 1: (2*5 - 1 - 1) * 4/4 = 8; elsewhere it is less.
    assert_eq!(best(&[0.0, 1.0, 5.0, 6.0]), Some(2));
    assert_eq!(best(&[0.0, 1.0, 5.0]), None);
}
