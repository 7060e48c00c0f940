use super::*;

#[test]
fn the_interval_decides() {
    // t(0.99, 8) = 2.9: each interval reaches 0.029 to both sides.
    let of = |effect| {
        let estimate = Estimate {
            effect,
            error: 0.01,
            freedom: 8.0,
            rounds: 10,
        };
        outcome(&estimate, 0.05, 0.01)
    };
    assert_eq!(of(0.09), Outcome::Worse);
    assert_eq!(of(0.07), Outcome::Inconclusive);
    assert_eq!(of(0.03), Outcome::Inconclusive);
    assert_eq!(of(0.01), Outcome::Equivalent);
    assert_eq!(of(-0.025), Outcome::NotWorse);
    assert_eq!(of(-0.04), Outcome::Better);
    let unknown = Estimate {
        effect: 1.0,
        error: 0.1,
        freedom: 0.0,
        rounds: 1,
    };
    assert_eq!(outcome(&unknown, 0.05, 0.01), Outcome::Inconclusive);
}
