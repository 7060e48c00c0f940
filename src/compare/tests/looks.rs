use super::*;
use crate::compare::{decided, side_by_side};
use crate::record::fixture;
use crate::record::model::{Outcome, Run};

/// A run of so many rounds with looks from 6 to 40.
fn looked_at(rounds: u32, slower: f64) -> Run {
    let mut run = fixture::rounds(rounds, slower);
    let comparing = run.comparing.as_mut().unwrap();
    (comparing.min, comparing.max, comparing.until_decided) = (6, 40, true);
    run
}

#[test]
fn a_metric_is_decided_at_the_first_look_that_proves_it() {
    let run = looked_at(10, 1.5);
    let rows = side_by_side(&run);
    let ttft = |rows: &[crate::record::model::Comparison]| {
        let mut found = rows.iter().filter(|row| row.metric == "ttft_ms.p50");
        found.find(|row| row.phase == "closed").unwrap().clone()
    };
    let found = ttft(&rows);
    assert_eq!((found.verdict, found.rounds), (Some(Outcome::Worse), 6));
    assert_eq!(found.values.len(), 10, "later rounds stay in the record");
    // Later rounds do not change what the sixth proved.
    let six = ttft(&side_by_side(&looked_at(6, 1.5)));
    assert_eq!(
        (found.ratio, found.low, found.high, found.spent),
        (six.ratio, six.low, six.high, six.spent)
    );
    // Six cells share the budget; the first look spends what Pocock's function gives it.
    let share = 0.01 / 6.0;
    let spent = Spending::Pocock.spent(share, 6.0 / 40.0);
    assert!((found.spent.unwrap() - spent).abs() < 1e-12);
    assert!(found.alpha.unwrap() <= spent + 1e-12);
    assert!(decided(&rows));
}

#[test]
fn what_no_look_proves_stays_open() {
    // Just at the margin of 5%.
    let rows = side_by_side(&looked_at(8, 1.05));
    let open = rows
        .iter()
        .find(|row| row.verdict == Some(Outcome::Inconclusive));
    let open = open.expect("a metric at its margin is open after 8 rounds");
    assert_eq!(open.rounds, 8);
    assert!(open.detectable.unwrap() > 0.05);
    assert!(!decided(&rows));
}

#[test]
fn looks_come_after_the_planned_rounds() {
    let run = looked_at(6, 1.0);
    let planned = run.comparing.unwrap();
    let at: Vec<u32> = (1..=12).filter(|round| is_look(&planned, *round)).collect();
    assert_eq!(at, [6, 8, 10, 12]);
    let two = Comparing {
        min: 6,
        max: 12,
        until_decided: false,
        ..planned
    };
    let at: Vec<u32> = (1..=12).filter(|round| is_look(&two, *round)).collect();
    assert_eq!(at, [6]);
    let levels: Vec<f64> = looks(&two, 0.01).iter().map(|look| look.level).collect();
    assert_eq!(levels, [0.005, 0.005]);
    let one = Comparing { max: 6, ..two };
    assert_eq!(looks(&one, 0.01).len(), 1);
}
