use super::*;

#[test]
fn axes_end_on_round_numbers() {
    let scale = Scale::linear([3.0, 17.3].into_iter());
    assert_eq!(
        scale,
        Scale::Linear {
            min: 0.0,
            max: 20.0
        }
    );
    assert_eq!(scale.ticks(), [0.0, 5.0, 10.0, 15.0, 20.0]);
    assert_eq!(
        Scale::linear([].into_iter()),
        Scale::Linear { min: 0.0, max: 1.0 }
    );
    assert_eq!(
        Scale::wide([142.0, 145.0].into_iter()).ticks().first(),
        Some(&125.0)
    );
    assert!(Scale::linear([1e-9].into_iter()).ticks().len() < 8);
}

#[test]
fn a_long_tail_makes_an_axis_logarithmic() {
    let scale = Scale::wide([3.0, 900.0].into_iter());
    assert_eq!(
        scale,
        Scale::Log {
            min: 2.0,
            max: 900.0
        }
    );
    assert_eq!(scale.ticks().first(), Some(&2.0));
    assert!(scale.at(2.0).abs() < 1e-9 && (scale.at(900.0) - 1.0).abs() < 1e-9);
    assert_eq!(
        Scale::wide([0.0, 12.0].into_iter()),
        Scale::Linear {
            min: 0.0,
            max: 15.0
        }
    );
}
