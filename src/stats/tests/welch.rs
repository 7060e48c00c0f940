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
