use super::*;

fn lengths(length: &Length, n: usize) -> Vec<f64> {
    let mut rng = Rng::new(7, 1);
    (0..n).map(|_| f64::from(rng.length(length))).collect()
}

fn spread(mean: f64, stddev: f64, shape: SpreadShape) -> Length {
    Length::Spread(Spread {
        mean: Some(mean),
        stddev: Some(stddev),
        min: None,
        max: None,
        shape: Some(shape),
    })
}

#[test]
fn ln_and_exp_agree_with_the_system() {
    for i in 1..2_000 {
        let x = f64::from(i) * 0.017;
        assert!((ln(x) - x.ln()).abs() < 1e-14 * (1.0 + x.ln().abs()), "{x}");
        let y = x - 17.0;
        assert!((exp(y) / y.exp() - 1.0).abs() < 1e-13, "{y}");
    }
}

#[test]
fn lengths_have_the_given_mean_and_standard_deviation() {
    for (shape, skew) in [(SpreadShape::Normal, 0.0), (SpreadShape::Lognormal, 0.77)] {
        let drawn = lengths(&spread(1_000.0, 250.0, shape), 100_000);
        let n = drawn.len() as f64;
        let mean = drawn.iter().sum::<f64>() / n;
        let moment = |p| drawn.iter().map(|x| (x - mean).powi(p)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        assert!((mean - 1_000.0).abs() < 5.0, "{shape:?} {mean}");
        assert!((deviation - 250.0).abs() < 5.0, "{shape:?} {deviation}");
        // A lognormal distribution with coefficient of variation c has skewness 3 c + c^3.
        let skewness = moment(3) / deviation.powi(3);
        assert!((skewness - skew).abs() < 0.06, "{shape:?} {skewness}");
    }
}

#[test]
fn uniform_lengths_include_both_ends_and_nothing_beyond() {
    let uniform = Length::Spread(Spread {
        min: Some(3),
        max: Some(6),
        ..Spread::default()
    });
    let mut seen: Vec<u32> = lengths(&uniform, 1_000).iter().map(|x| *x as u32).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [3, 4, 5, 6]);
}

#[test]
fn numbers_of_a_seed_never_change() {
    let mut rng = Rng::new(0, 1);
    let normal = spread(512.0, 64.0, SpreadShape::Normal);
    let drawn: Vec<u32> = (0..6).map(|_| rng.length(&normal)).collect();
    assert_eq!(drawn, [498, 401, 632, 425, 506, 514]);
}
