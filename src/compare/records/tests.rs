use super::*;
use crate::record::model::{Comparison, Outcome};
use crate::record::{ExitCode, fixture};

/// Two records of the same machine and requests, the second's dynamo so many times as slow.
fn records(rounds: u32, slower: f64) -> (Run, Run) {
    (
        fixture::rounds(rounds, 1.0),
        fixture::rounds(rounds, slower),
    )
}

fn of(runs: &(Run, Run), overruled: &[String]) -> Run {
    let [a, b] = [&runs.0, &runs.1].map(|run| Side::of(run, Some("dynamo")).expect("a variant"));
    compared((a, "main"), b, overruled, None, jiff::Timestamp::UNIX_EPOCH)
}

fn row<'a>(run: &'a Run, metric: &str) -> &'a Comparison {
    let mut rows = run.comparisons.iter();
    rows.find(|row| row.metric == metric && row.phase == "closed")
        .expect("a row")
}

#[test]
fn a_slower_build_is_a_regression_and_the_same_one_is_not() {
    let slower = of(&records(8, 1.3), &[]);
    let ttft = row(&slower, "ttft_ms.p50");
    assert_eq!(
        (ttft.baseline.as_str(), ttft.variant.as_str()),
        ("main", "dynamo")
    );
    assert_eq!(ttft.verdict, Some(Outcome::Worse));
    assert!(
        ttft.low.is_some_and(|low| low > 1.2 && low < 1.3),
        "{ttft:?}"
    );
    assert_eq!(
        (ttft.sign_flip, slower.exit_code),
        (None, Some(ExitCode::Regression))
    );
    let same = of(&records(8, 1.0), &[]);
    assert_eq!(row(&same, "ttft_ms.p50").verdict, Some(Outcome::Equivalent));
    assert_eq!(same.exit_code, Some(ExitCode::Pass));
    assert!(same.quality.findings[0].detail.contains("in between"));
}

#[test]
fn the_sides_need_not_have_as_many_rounds() {
    let runs = (fixture::rounds(4, 1.0), fixture::rounds(9, 1.3));
    let ttft = row(&of(&runs, &[]), "ttft_ms.p50").clone();
    assert_eq!((ttft.rounds, ttft.values.len()), (4, 9));
    assert_eq!(ttft.verdict, Some(Outcome::Worse));
}

#[test]
fn single_runs_prove_nothing() {
    let mut runs = records(4, 2.0);
    runs.0.variants[1].rounds.clear();
    let found = of(&runs, &[]);
    let ttft = row(&found, "ttft_ms.p50");
    assert_eq!(
        (ttft.verdict, found.exit_code),
        (Some(Outcome::Inconclusive), Some(ExitCode::Pass))
    );
    assert!(
        ttft.why
            .as_deref()
            .is_some_and(|why| why.starts_with("a single run"))
    );
}

#[test]
fn what_is_not_comparable_is_named_and_kept_when_forced() {
    let (a, mut b) = records(4, 1.0);
    b.machine.gpus = vec!["Example H100".to_owned()];
    b.variants[1].engine.model = "other".to_owned();
    b.variants[1].requests_sha256.clear();
    let [x, y] = [&a, &b].map(|run| Side::of(run, Some("dynamo")).expect("a variant"));
    let found = obstacles(&x, &y);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("other model: "), "{found:?}");
    assert_eq!(found[1], "not known of both: requests");
    assert_eq!(found[2], "other GPUs: Example T4, now Example H100");
    assert!(obstacles(&x, &x).is_empty());
    let forced = of(&(a, b), &found);
    assert_eq!(forced.quality.verdict, QualityVerdict::Marked);
    assert_eq!(
        forced.scenario.resolved.json()["compared"]["although"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(
        row(&forced, "ttft_ms.p50").verdict,
        Some(Outcome::Equivalent)
    );
}

#[test]
fn a_run_that_is_no_measurement_is_not_compared() {
    let (a, mut b) = records(4, 1.0);
    let said = |b: &Run| {
        let [x, y] = [&a, b].map(|run| Side::of(run, Some("dynamo")).expect("a variant"));
        obstacles(&x, &y).concat()
    };
    b.quality.verdict = QualityVerdict::Invalid;
    assert!(said(&b).contains("can't be trusted"));
    b.finished = None;
    assert!(said(&b).contains("did not come to its end"));
}

#[test]
fn several_variants_must_be_chosen_from() {
    let run = fixture::pass();
    let said = |name| Side::of(&run, name).expect_err("refused").to_string();
    assert!(said(None).ends_with("native, dynamo; say which with `--variant NAME`"));
    assert!(said(Some("x")).contains("has no variant `x`; it has native, dynamo"));
    assert!(Side::of(&fixture::empty(), None).is_err());
}

#[test]
fn a_record_can_not_name_the_place_of_its_comparison() {
    assert_eq!(named("run-1_a.b"), "run-1_a.b-compared");
    assert_eq!(named("../../etc/x\u{1b}"), "..-..-etc-x--compared");
}
