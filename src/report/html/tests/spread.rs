use super::*;
use crate::measure::spread::Spread;

#[test]
fn named_percentiles_are_the_nearest_rank() {
    let mut times = Spread::default();
    (1..=200).for_each(|ms| times.add(ms * 1_000_000));
    let percentiles = percentiles(times.count());
    let ranks = times.ranks();
    let find = |name: &str| {
        percentiles
            .iter()
            .find(|p| p.name == name)
            .map(|p| p.of(&ranks))
    };
    assert_eq!(find("p50"), Some(Some(100.0)));
    assert_eq!(find("p95"), Some(Some(190.0)));
    assert_eq!(find("p99"), Some(Some(198.0)));
    assert_eq!(find("max"), Some(Some(200.0)));
    assert_eq!(find("min"), Some(Some(1.0)));
    assert_eq!(find("p99.9"), None);
    assert!(percentiles.is_sorted_by(|a, b| a.at <= b.at));
}

#[test]
fn one_value_is_drawn() {
    assert!(percentiles(1).iter().all(|p| p.at.is_finite()));
    let mut one = Spread::default();
    one.add(5_000_000);
    assert_eq!(
        percentiles(1).last().and_then(|p| p.of(&one.ranks())),
        Some(5.0)
    );
}
