use super::*;

const FOUND: Estimate = Estimate {
    effect: 0.0,
    error: 0.02,
    freedom: 8.0,
    rounds: 10,
};

#[test]
fn noise_and_margin_add_up() {
    // t(0.99, 8) = 2.8965, t(0.9, 8) = 1.3968.
    let found = detectable(&FOUND, 0.05, 0.01);
    assert!((found - (0.05 + 0.02 * 4.2933)).abs() < 1e-5, "{found}");
    let quiet = Estimate {
        error: 0.0,
        ..FOUND
    };
    assert_eq!(detectable(&quiet, 0.05, 0.01), 0.05);
}

#[test]
fn more_rounds_are_proposed_as_far_as_they_help() {
    let needed = rounds_needed(&FOUND, 0.05, 0.01).unwrap();
    // About (0.0632 * 3.8 / 0.05)^2.
    assert!((20..=26).contains(&needed), "{needed}");
    let nearer = Estimate {
        effect: 0.03,
        ..FOUND
    };
    assert!(rounds_needed(&nearer, 0.05, 0.01).unwrap() > needed);
    let at_the_margin = Estimate {
        effect: 0.05,
        ..FOUND
    };
    assert_eq!(rounds_needed(&at_the_margin, 0.05, 0.01), None);
}
