use super::*;
use crate::compare::side_by_side;
use crate::metric::Figure;
use crate::record::fixture;
use crate::record::model::{Counts, Finding, Severity};

fn find<'a>(rows: &'a [Comparison], metric: &str, phase: &str) -> &'a Comparison {
    let wanted = |row: &&Comparison| row.metric == metric && row.phase == phase;
    rows.iter().find(wanted).expect("a row")
}

#[test]
fn rounds_tell_worse_from_equal_and_better() {
    let run = fixture::rounds(10, 1.25);
    let rows = side_by_side(&run);
    let ttft = find(&rows, "ttft_ms.p50", "closed");
    assert_eq!((ttft.verdict, ttft.rounds), (Some(Outcome::Worse), 10));
    let (low, ratio, high) = (ttft.low.unwrap(), ttft.ratio.unwrap(), ttft.high.unwrap());
    assert!(
        1.05 < low && low < ratio && ratio < high && high < 1.5,
        "{low} {ratio} {high}"
    );
    assert!((ratio - 1.25).abs() < 0.03, "{ratio}");
    assert!(ttft.detectable.unwrap() > 0.05 && ttft.sign_flip.unwrap() < 0.01);
    // Two phases with TTFT and throughput, and no TPOT in one of them.
    let judged = rows.iter().filter(|row| row.verdict.is_some()).count();
    assert_eq!(judged, 6);
    assert!((ttft.alpha.unwrap() - 0.01 / 6.0).abs() < 1e-12);
    let rate = find(&rows, "output_tokens_per_s", "closed");
    assert_eq!(
        rate.verdict,
        Some(Outcome::Worse),
        "less throughput is worse: {rate:?}"
    );
    assert!(rate.high.unwrap() < 1.0);
    let other = find(&rows, "e2e_ms.p50", "closed");
    assert_eq!(
        (other.verdict, other.rounds),
        (None, 10),
        "described, not judged"
    );

    let equal = side_by_side(&fixture::rounds(10, 1.0));
    assert_eq!(
        find(&equal, "ttft_ms.p50", "closed").verdict,
        Some(Outcome::Equivalent)
    );
    let better = side_by_side(&fixture::rounds(10, 0.8));
    assert_eq!(
        find(&better, "ttft_ms.p50", "closed").verdict,
        Some(Outcome::Better)
    );
}

#[test]
fn what_can_not_be_told_says_what_it_would_take() {
    let rows = side_by_side(&fixture::rounds(4, 1.06));
    let ttft = find(&rows, "ttft_ms.p50", "closed");
    assert_eq!(ttft.verdict, Some(Outcome::Inconclusive));
    assert!(!decided(&rows));
    assert!(ttft.detectable.unwrap() > 0.06 && ttft.rounds_needed.is_none_or(|n| n > 4));
}

#[test]
fn errors_and_bad_measurements_make_a_verdict_invalid() {
    let mut failing = fixture::rounds(10, 1.25);
    failing.variants[1].phases[2].counts = Counts {
        sent: 400,
        succeeded: 399,
        failed: 1,
    };
    let rows = side_by_side(&failing);
    let ttft = find(&rows, "ttft_ms.p50", "closed");
    assert_eq!(ttft.verdict, Some(Outcome::Invalid));
    assert!(
        ttft.why
            .as_ref()
            .unwrap()
            .starts_with("1 of 400 requests failed with dynamo")
    );
    assert_eq!(
        find(&rows, "ttft_ms.p50", "batch").verdict,
        Some(Outcome::Worse)
    );

    let mut late = fixture::rounds(10, 1.25);
    late.quality.verdict = QualityVerdict::Invalid;
    late.quality.findings = vec![Finding {
        severity: Severity::Doubt,
        code: "x".to_owned(),
        detail: "late".to_owned(),
        example: None,
    }];
    let all = |run: &Run, why: &str| {
        let rows = side_by_side(run);
        let judged: Vec<_> = rows.iter().filter(|row| row.verdict.is_some()).collect();
        assert!(
            judged
                .iter()
                .all(|row| row.verdict == Some(Outcome::Invalid))
        );
        assert!(
            judged
                .iter()
                .all(|row| row.why.as_ref().unwrap().contains(why)),
            "{judged:?}"
        );
    };
    all(&late, "late");
    let mut other = fixture::rounds(10, 1.25);
    other.variants[1].requests_sha256 = "2".repeat(64);
    all(&other, "same requests");
    let mut torn = fixture::rounds(10, 1.25);
    torn.variants[1].rounds[3].phases.clear();
    all(&torn, "without this figure");
}

#[test]
fn shorter_answers_are_not_faster_ones() {
    let mut run = fixture::rounds(10, 0.8);
    let verdict = |run: &Run| {
        let rows = side_by_side(run);
        let ttft = find(&rows, "ttft_ms.p50", "closed").clone();
        (ttft.verdict, ttft.why.unwrap_or_default())
    };
    assert_eq!(verdict(&run).0, Some(Outcome::Better));
    let metrics = &mut run.variants[1].phases[2].metrics;
    let all = metrics.output_tokens_per_s;
    metrics.output_tokens_per_s = all.map(|rate| rate / 5.0);
    let (invalid, why) = verdict(&run);
    assert_eq!(invalid, Some(Outcome::Invalid));
    assert!(why.starts_with("the answers of dynamo have "), "{why}");
    run.variants[1].phases[2].metrics.output_tokens_per_s = None;
    let (invalid, why) = verdict(&run);
    assert_eq!(invalid, Some(Outcome::Invalid));
    assert!(
        why.starts_with("the answers of dynamo have no token counts, those of native "),
        "{why}"
    );
}

#[test]
fn every_metric_that_a_scenario_can_judge_is_compared() {
    let known = |key: &str| {
        let mut all = Figure::of_phases().chain(Figure::of_topologies());
        all.any(|figure| figure.key() == key)
    };
    for stat in ["p50", "p95", "p99"] {
        for timing in ["ttft", "tpot", "chunk_gap", "e2e", "batch"] {
            let key = crate::scenario::gate::judged_metric(&format!("{stat} {timing}")).unwrap();
            assert!(known(&key), "{key}");
        }
    }
    for single in [
        "output_throughput",
        "request_throughput",
        "startup",
        "teardown",
    ] {
        let key = crate::scenario::gate::judged_metric(single).unwrap();
        assert!(known(&key), "{key}");
    }
}
