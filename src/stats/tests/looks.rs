use super::*;

fn bounds(looks: &[Look]) -> Vec<f64> {
    looks
        .iter()
        .map(|look| upper_quantile(look.level))
        .collect()
}

#[test]
fn bounds_are_those_of_another_program() {
    // By the routines `h1` and `hupdate` of gsDesign's Python package 0.1.5 (grid r = 80).
    for (max, alpha, spending, expected) in [
        (
            12,
            0.005,
            Spending::Pocock,
            vec![2.736_951, 2.954_062, 2.985_031, 2.995_054],
        ),
        (
            12,
            0.005,
            Spending::OBrienFleming,
            vec![3.801_369, 3.257_278, 2.891_567, 2.625_919],
        ),
        (
            40,
            0.01 / 3.0,
            Spending::Pocock,
            vec![
                3.169_163, 3.347_110, 3.356_433, 3.350_300, 3.341_262, 3.332_013, 3.323_283,
                3.315_254, 3.307_937, 3.301_282, 3.295_226, 3.289_704, 3.284_654, 3.280_024,
                3.275_765, 3.271_838, 3.268_207, 3.264_840,
            ],
        ),
    ] {
        let found = bounds(&looks(&look_rounds(6, max), alpha, spending));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 5e-6, "{found} {expected}");
        }
    }
}

#[test]
fn crossing_under_a_drift_is_that_of_another_program() {
    // As above: drift of 0.5 standard deviations a round.
    let looks = looks(&look_rounds(6, 40), 0.01 / 3.0, Spending::Pocock);
    let mut walk = Walk::new(0.5);
    let bounds = bounds(&looks).into_iter();
    let crossed: f64 = looks
        .iter()
        .zip(bounds)
        .map(|(look, bound)| walk.cross(f64::from(look.rounds), bound))
        .sum();
    assert!((crossed - 0.536_760).abs() < 1e-4, "{crossed}");
}

#[test]
fn all_is_spent_at_the_last_look() {
    for spending in [Spending::Pocock, Spending::OBrienFleming] {
        for alpha in [0.01, 0.001] {
            let looks = looks(&look_rounds(7, 30), alpha, spending);
            assert!((looks.last().unwrap().spent - alpha).abs() < 1e-12);
            assert!(looks.windows(2).all(|two| two[0].spent < two[1].spent));
        }
    }
    // A single look is the usual test.
    let one = looks(&look_rounds(6, 6), 0.01, Spending::Pocock);
    assert!((one[0].level - 0.01).abs() < 1e-9);
}

#[test]
fn looks_come_every_two_rounds_and_at_the_end() {
    assert_eq!(look_rounds(6, 11), [6, 8, 10, 11]);
    assert_eq!(look_rounds(6, 12), [6, 8, 10, 12]);
    assert_eq!(look_rounds(6, 6), [6]);
    assert_eq!(look_rounds(8, 6), [8]);
}

#[test]
fn more_rounds_find_less() {
    let distance = |max| {
        let looks = looks(&look_rounds(6, max), 0.01, Spending::Pocock);
        let distance = detectable_distance(&looks);
        assert!((power(&looks, distance) - POWER).abs() < 1e-6);
        distance
    };
    let (twelve, forty) = (distance(12), distance(40));
    assert!(forty < twelve && twelve < 3.0, "{forty} {twelve}");
}
