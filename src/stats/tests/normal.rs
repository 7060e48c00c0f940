use super::*;

#[test]
fn tails_are_those_of_the_tables() {
    // Abramowitz and Stegun, tables 26.1 and 26.2.
    for (z, expected) in [
        (0.0, 0.5),
        (1.0, 0.158_655_253_931_457_05),
        (1.96, 0.024_997_895_148_220_435),
        (3.0, 0.001_349_898_031_630_094_6),
        (5.0, 2.866_515_718_791_939e-7),
        (8.0, 6.220_960_574_271_785e-16),
    ] {
        let found = upper_tail(z);
        assert!((found / expected - 1.0).abs() < 1e-12, "{z}: {found}");
        let other = upper_tail(-z);
        assert!((other - (1.0 - expected)).abs() < 1e-15, "-{z}: {other}");
    }
    // The two ways agree where they meet.
    assert!((upper_tail(TAIL) / upper_tail(TAIL + 1e-13) - 1.0).abs() < 1e-11);
}

#[test]
fn quantiles_undo_tails() {
    for p in [1e-9, 0.001, 0.025, 0.5, 0.9] {
        assert!(
            (upper_tail(upper_quantile(p)) / p - 1.0).abs() < 1e-9,
            "{p}"
        );
    }
    assert!((upper_quantile(0.025) - 1.959_963_984_540_054).abs() < 1e-9);
}
