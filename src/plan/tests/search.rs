use super::*;

fn search(between: &str) -> Search {
    Search {
        goal: Vec::new(),
        between: between.parse().unwrap(),
        each: Duration::from_secs(1),
        cv: 1.0,
        max_in_flight: 9,
        seed: 0,
    }
}

/// Runs a search. Returns the result and the values that were tried.
fn run(between: &str, mut holds: impl FnMut(usize, f64) -> bool) -> (Option<f64>, Vec<f64>) {
    let mut bisection = Bisection::new(&search(between));
    let mut tried = Vec::new();
    while let Some(value) = bisection.next() {
        let held = holds(tried.len(), value);
        bisection.note(value, held);
        tried.push(value);
        assert!(tried.len() <= MOST);
    }
    (bisection.found(), tried)
}

#[test]
fn the_highest_successful_value_is_found_to_five_percent_and_confirmed() {
    let (found, tried) = run("1/s..64/s", |_, rate| rate <= 10.0);
    let found = found.unwrap();
    assert!(found <= 10.0 && found > 10.0 / CLOSE, "{found}");
    assert!(tried.iter().filter(|rate| **rate == found).count() == 2);
    assert!(tried.len() < 12, "{tried:?}");
    let (found, _) = run("1..256", |_, n| n <= 100.0);
    assert!(found.is_some_and(|n| n <= 100.0 && n > 95.0));
    let (found, _) = run("1..8", |_, n| n <= 5.0);
    assert_eq!(found, Some(5.0));
}

#[test]
fn a_search_reports_when_all_or_no_values_succeed() {
    assert_eq!(run("2/s..4/s", |_, _| false), (None, vec![2.0]));
    assert_eq!(
        run("2/s..4/s", |_, _| true),
        (Some(4.0), vec![2.0, 4.0, 4.0])
    );
}

#[test]
fn a_value_that_succeeds_once_by_chance_is_not_the_result() {
    // 8/s succeeds once, and never again.
    let mut lucky = true;
    let (found, _) = run("1/s..8/s", |_, rate| {
        rate < 4.0 || rate >= 8.0 && std::mem::take(&mut lucky)
    });
    assert!(found.is_some_and(|rate| rate < 4.0));
    // The server gets permanently slower: the search goes back to lower values and ends.
    let (found, _) = run("1/s..64/s", |n, _| n < 2);
    assert_eq!(found, None);
}

#[test]
fn values_become_rates_or_concurrency() {
    assert_eq!(search("1..8").shape(3.0).most_in_flight(), 3);
    assert!(matches!(search("1/s..8/s").shape(3.0), Shape::Open { .. }));
    assert_eq!(search("1/s..8/s").shown(2.828_427), "2.828/s");
}
