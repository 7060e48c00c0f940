use super::*;
use crate::measure::spread::Spread;
use crate::metric::Percentile;

/// After how many answers warm-up is over.
fn over(concurrency: usize, times: impl Iterator<Item = u64>) -> Option<usize> {
    let mut steady = Steady::new(concurrency);
    let mut times = times.take(10_000);
    times.position(|time| steady.add(time)).map(|at| at + 1)
}

#[test]
fn a_cold_engine_is_waited_for() {
    let slow = |n: u64| (0..).map(move |i| if i < n { 4_000 } else { 100 });
    assert_eq!(over(1, slow(0)), Some(16), "two windows at least");
    assert_eq!(over(4, slow(4)), Some(17));
    let ended = over(1, slow(12)).unwrap();
    assert!((21..=30).contains(&ended), "{ended}");
    let ended = over(1, slow(13)).unwrap();
    assert!((21..=31).contains(&ended), "{ended}");
    assert_eq!(over(16, slow(0)), Some(64));
}

#[test]
fn what_keeps_getting_faster_is_not_steady() {
    let halving = (0..40_u32).map(|i| 1_u64 << (60 - i));
    assert_eq!(over(1, halving), None);
    let noise = (0..).map(|i: u64| 1_000 + (i * 7919) % 200);
    assert_eq!(over(4, noise), Some(16));
}

#[test]
fn it_must_be_known_twice() {
    let known = |off: u64| {
        move || {
            Some(Interval {
                low_ns: 100 - off,
                value_ns: 100,
                high_ns: 101,
            })
        }
    };
    let mut precision = Precision::new(0.05);
    assert!(!precision.reached(19, known(0)), "too early to look");
    assert!(!precision.reached(20, known(5)), "once");
    assert!(!precision.reached(30, known(5)), "too early to look again");
    assert!(!precision.reached(40, known(6)), "no longer");
    assert!(!precision.reached(60, known(5)), "once again");
    assert!(precision.reached(80, known(5)));
    assert!(!precision.reached(100, || None));
}

/// Uniform in 0..1 (splitmix64).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[test]
fn what_is_said_to_be_known_is_nearly_always_true() {
    let (mut state, mut right, mut stopped) = (7, 0, 0);
    // The 90th percentile of an exponential distribution, in units of its mean.
    let truth = 10_f64.ln() * 1e6;
    for _ in 0..300 {
        let (mut spread, mut precision) = (Spread::default(), Precision::new(0.1));
        for n in 1..20_000 {
            spread.add((-(1.0 - draw(&mut state)).ln() * 1e6) as u64);
            if precision.reached(n, || spread.interval(Percentile::P90)) {
                stopped += 1;
                let seen = spread.interval(Percentile::P90).unwrap().value_ns as f64;
                right += u32::from((seen - truth).abs() <= 0.1 * truth);
                break;
            }
        }
    }
    assert_eq!(stopped, 300);
    // 95% of 300 is 285; three standard deviations of chance below.
    assert!(right >= 274, "{right} of 300 within a tenth of the truth");
}
