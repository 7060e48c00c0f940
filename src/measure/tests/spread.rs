use super::*;
use proptest::prelude::*;

fn spread(values: &[u64]) -> Spread {
    let mut spread = Spread::default();
    spread.add_all(values.iter().copied());
    spread
}

/// The definition, counted out: the smallest value with at least `percent` of all values at or below it.
fn oracle(values: &[u64], percent: usize) -> u64 {
    let enough = |v: &&u64| {
        let below = values.iter().filter(|w| w <= v).count();
        below * 100 >= percent * values.len()
    };
    values.iter().filter(enough).min().copied().unwrap_or(0)
}

#[test]
fn nothing_is_not_zero() {
    assert_eq!(spread(&[]).finish(), None);
}

#[test]
fn one_value_is_every_statistic() {
    let d = spread(&[2_500_000]).finish().expect("a value");
    assert_eq!(
        (
            d.count,
            d[Statistic::Mean],
            d[Statistic::Min],
            d[Statistic::P50]
        ),
        (1, 2.5, 2.5, 2.5)
    );
    assert_eq!(
        (d[Statistic::P99], d[Statistic::Max], d.exact),
        (2.5, 2.5, true)
    );
}

#[test]
fn beyond_ten_thousand_values_three_digits_are_kept() {
    let values: Vec<u64> = (1..=EXACT as u64 + 1).map(|i| i * 1_000).collect();
    let exact = spread(&values[..EXACT]).finish().expect("values");
    assert!(exact.exact);
    assert_eq!(exact[Statistic::P99], 9.9);
    let d = spread(&values).finish().expect("values");
    assert!(!d.exact && d.count == 10_001);
    assert!((d[Statistic::P50] - 5.001).abs() < 0.005 && (d[Statistic::P99] - 9.901).abs() < 0.01);
    assert_eq!((d[Statistic::Min], d[Statistic::Max]), (0.001, 10.001));
}

#[test]
fn huge_values_do_no_harm() {
    let mut values = vec![0; EXACT];
    values.extend([u64::MAX, 1]);
    let d = spread(&values).finish().expect("values");
    assert_eq!((d[Statistic::Min], d[Statistic::P50]), (0.0, 0.0));
    assert!(d[Statistic::Max] > 1e13);
}

#[test]
fn a_percentile_is_bounded_by_two_values() {
    let interval = |n: u64| spread(&(1..=n).collect::<Vec<_>>()).interval(Percentile::P50);
    // 50 - 9.8 and 50 + 9.8, rounded up.
    let found = interval(100).expect("enough values");
    assert_eq!((found.low_ns, found.value_ns, found.high_ns), (41, 50, 60));
    assert_eq!(interval(3), None);
    let tail = |n: u64| spread(&(1..=n).collect::<Vec<_>>()).interval(Percentile::P99);
    assert_eq!(tail(380), None, "nothing lies beyond the upper bound");
    assert!(tail(390).is_some());
    let many = spread(&(1..=20_000).map(|i| i * 1_000).collect::<Vec<_>>());
    let found = many.interval(Percentile::P50).expect("enough values");
    let near = |ns: u64, rank: f64| (ns as f64 / (rank * 1_000.0) - 1.0).abs() < 0.002;
    assert!(
        near(found.low_ns, 9_862.0) && near(found.high_ns, 10_139.0),
        "{found:?}"
    );
}

#[test]
fn ranks_are_exact_while_they_are_few_and_close_beyond() {
    for count in [200, 100_000_u64] {
        let mut times = Spread::default();
        // In no order: 7,919 has no divisor in common with either count.
        (0..count).for_each(|i| times.add((i * 7_919 % count + 1) * 1_000));
        let ranks = times.ranks();
        for rank in [1, count / 2, count * 99 / 100, count] {
            let (found, is) = (ranks.at(rank), rank * 1_000);
            let within = if count == 200 { 0 } else { is / 1_000 };
            assert!(found.abs_diff(is) <= within, "{rank} of {count}: {found}");
        }
        assert_eq!((ranks.at(0), ranks.at(count + 1)), (1_000, count * 1_000));
        assert_eq!(times.histogram().map(|h| h.len()), Some(count));
    }
    assert!(Spread::default().histogram().is_none());
}

proptest! {
    #[test]
    fn percentiles_are_nearest_rank(values in proptest::collection::vec(0..1_000_000_u64, 1..200)) {
        let spread = spread(&values);
        let ranks = spread.ranks();
        for percent in [1, 50, 90, 95, 99, 100] {
            let exact = oracle(&values, percent);
            prop_assert_eq!(ranks.percentile(percent as u64 * 10), exact);
        }
    }

    #[test]
    fn the_histogram_is_within_its_digits(values in proptest::collection::vec(1..10_000_000_000_u64, 200)) {
        let many: Vec<u64> = values.iter().copied().cycle().take(EXACT + 200).collect();
        let spread = spread(&many);
        for percent in [50, 90, 95, 99] {
            let exact = oracle(&many[..200], percent) as f64;
            let near = spread.ranks().percentile(percent as u64 * 10) as f64;
            prop_assert!((near - exact).abs() <= exact / 1_000.0 + 1.0, "{near} {exact}");
        }
    }
}
