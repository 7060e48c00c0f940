use super::*;

fn gaps(cv: f64, n: usize) -> Vec<f64> {
    let pace = Pace {
        rate: Rates::Steady(1_000.0),
        cv,
        seed: 7,
    };
    let times: Vec<u64> = pace.times().take(n).collect();
    times
        .windows(2)
        .map(|w| (w[1] - w[0]) as f64 / 1e6)
        .collect()
}

/// Compares the largest distance between the gaps' distribution and `cdf` with its 1% critical value
/// (Kolmogorov-Smirnov).
fn fits(mut gaps: Vec<f64>, cdf: impl Fn(f64) -> f64) -> bool {
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let off = |(i, gap): (usize, &f64)| {
        let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
        (cdf(*gap) - below).abs().max((above - cdf(*gap)).abs())
    };
    let distance = gaps.iter().enumerate().map(off).fold(0.0, f64::max);
    distance < 1.628 / n.sqrt()
}

#[test]
fn poisson_gaps_are_exponential() {
    let exponential = |x: f64| 1.0 - (-x).exp();
    assert!(fits(gaps(1.0, 30_000), exponential));
    assert!(!fits(gaps(0.9, 30_000), exponential), "the test can fail");
    assert!(!fits(gaps(0.0, 30_000), exponential));
}

#[test]
fn gamma_gaps_have_the_given_variation() {
    for cv in [0.3, 0.5, 2.0, 3.0] {
        let gaps = gaps(cv, 200_000);
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 0.03, "mean {mean} at {cv}");
        assert!((variance.sqrt() / mean / cv - 1.0).abs() < 0.05, "at {cv}");
    }
    // For shape 4, the distribution function has a closed form.
    let erlang = |x: f64| {
        let y = 4.0 * x;
        1.0 - (-y).exp() * (1.0 + y + y * y / 2.0 + y.powi(3) / 6.0)
    };
    assert!(fits(gaps(0.5, 30_000), erlang));
}

#[test]
fn equal_seeds_give_equal_times() {
    let times = |seed| -> Vec<u64> {
        let rate = Rates::Steady(10.0);
        Pace {
            rate,
            cv: 1.0,
            seed,
        }
        .times()
        .take(4)
        .collect()
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
    // Request lists of different releases are compared by their hash.
    assert_eq!(times(0)[0], 12_407_815);
}

#[test]
fn the_first_request_of_a_constant_rate_is_due_at_once() {
    let rate = Rates::Steady(4.0);
    let times: Vec<u64> = Pace {
        rate,
        cv: 0.0,
        seed: 0,
    }
    .times()
    .take(3)
    .collect();
    assert_eq!(times, [0, 250_000_000, 500_000_000]);
}

#[test]
fn a_ramp_sends_as_many_requests_as_its_mean_rate() {
    for (from, to) in [(0.0, 20.0), (20.0, 1.0), (10.0, 10.0)] {
        let over = Duration::from_secs(10);
        let rate = Rates::Ramp { from, to, over };
        let pace = Pace {
            rate,
            cv: 0.0,
            seed: 0,
        };
        let within = |limit: f64| {
            pace.times()
                .take_while(|t| (*t as f64) < limit * 1e9)
                .count() as f64
        };
        assert!((within(10.0) - (from + to) / 2.0 * 10.0).abs() <= 1.0);
        let half = (from + (from + to) / 2.0) / 2.0 * 5.0;
        assert!(
            (within(5.0) - half).abs() <= 1.0,
            "{from} {to}: {}",
            within(5.0)
        );
    }
}
