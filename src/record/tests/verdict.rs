use super::*;
use crate::record::fixture;
use crate::verify::Severity;

fn check(name: &str, passed: bool) -> Check {
    let (scope, detail) = ("native".to_owned(), String::new());
    Check {
        name: name.to_owned(),
        scope,
        passed,
        detail,
    }
}

fn quality(verdict: QualityVerdict) -> Quality {
    let finding = Finding {
        severity: Severity::Doubt,
        code: "schedule_lag".to_owned(),
        detail: "late".to_owned(),
        example: None,
    };
    Quality {
        verdict,
        findings: vec![finding],
    }
}

fn concluded(
    ending: Ending,
    answers: bool,
    figures: bool,
    quality_is: QualityVerdict,
) -> (Verdict, u8, String) {
    let mut run = fixture::empty();
    conclude(
        &mut run,
        ending,
        vec![check("a", answers)],
        vec![check("f", figures)],
        quality(quality_is),
    );
    assert_eq!(run.checks.len(), 2);
    (
        run.verdict,
        run.exit_code.map_or(255, u8::from),
        run.summary,
    )
}

#[test]
fn the_first_reason_that_holds_wins() {
    let is = |ending, a, f, q, verdict, code| {
        let (v, c, summary) = concluded(ending, a, f, q);
        assert_eq!((v, c), (verdict, code), "{summary}");
    };
    is(
        Ending::Finished,
        true,
        true,
        QualityVerdict::Good,
        Verdict::Pass,
        0,
    );
    is(
        Ending::Finished,
        true,
        true,
        QualityVerdict::Marked,
        Verdict::Pass,
        0,
    );
    is(
        Ending::Finished,
        false,
        true,
        QualityVerdict::Good,
        Verdict::Fail,
        1,
    );
    is(
        Ending::Finished,
        true,
        false,
        QualityVerdict::Good,
        Verdict::Fail,
        1,
    );
    is(
        Ending::Finished,
        false,
        false,
        QualityVerdict::Invalid,
        Verdict::Fail,
        1,
    );
    is(
        Ending::Finished,
        true,
        false,
        QualityVerdict::Invalid,
        Verdict::Invalid,
        4,
    );
    is(
        Ending::Finished,
        true,
        true,
        QualityVerdict::Invalid,
        Verdict::Invalid,
        4,
    );
    is(
        Ending::Interrupted,
        false,
        false,
        QualityVerdict::Invalid,
        Verdict::Partial,
        130,
    );
    is(
        Ending::Skipped("no T4".to_owned()),
        true,
        true,
        QualityVerdict::Unmeasured,
        Verdict::Skipped,
        6,
    );
    is(
        Ending::Broken("x".to_owned()),
        true,
        true,
        QualityVerdict::Good,
        Verdict::Error,
        3,
    );
}

#[test]
fn summaries_are_one_sentence() {
    assert_eq!(
        concluded(Ending::Finished, true, false, QualityVerdict::Good).2,
        "1 of 2 checks failed: f (native)."
    );
    assert_eq!(
        concluded(Ending::Finished, false, false, QualityVerdict::Good).2,
        "2 of 2 checks failed, the first: a (native)."
    );
    assert_eq!(
        concluded(Ending::Finished, true, true, QualityVerdict::Invalid).2,
        "The measurement can't be trusted: late"
    );
    let broken = Ending::Broken("failed to start\nlog: ...".to_owned());
    assert_eq!(
        concluded(broken, true, true, QualityVerdict::Good).2,
        "failed to start"
    );
}

#[test]
fn what_was_decided_is_counted() {
    let row = |variant: &str, verdict| Comparison {
        baseline: "a".to_owned(),
        variant: variant.to_owned(),
        verdict,
        ..Comparison::default()
    };
    let mut run = fixture::empty();
    run.comparisons = vec![
        row("b", Some(Outcome::Equivalent)),
        row("b", None),
        row("b", Some(Outcome::Inconclusive)),
        row("b", Some(Outcome::Equivalent)),
        row("c", Some(Outcome::Better)),
    ];
    assert_eq!(
        decided(&run),
        " b against a: 2 metrics equivalent, 1 inconclusive. c against a: 1 metric better."
    );
    run.comparisons = vec![row("b", None)];
    assert_eq!(decided(&run), "");
}

#[test]
fn a_proven_regression_fails_and_one_that_can_not_be_told_is_invalid() {
    let concluded = |verdict, figures: bool| {
        let mut run = fixture::empty();
        run.comparisons = vec![Comparison {
            metric: "ttft_ms.p50".to_owned(),
            phase: "closed".to_owned(),
            baseline: "native".to_owned(),
            variant: "dynamo".to_owned(),
            ratio: Some(1.224),
            low: Some(1.151),
            margin: Some(0.05),
            verdict: Some(verdict),
            why: Some("it failed".to_owned()),
            ..Comparison::default()
        }];
        let (answers, figures) = (vec![check("a", true)], vec![check("f", figures)]);
        let code = conclude(
            &mut run,
            Ending::Finished,
            answers,
            figures,
            quality(QualityVerdict::Good),
        );
        (run.verdict, code, run.summary)
    };
    let (verdict, code, summary) = concluded(Outcome::Worse, true);
    assert_eq!((verdict, code), (Verdict::Fail, ExitCode::Regression));
    assert_eq!(
        summary,
        "dynamo is worse than native: ttft_ms.p50 of closed +22.4%, proven +15.1% (margin 5.0%)."
    );
    assert_eq!(concluded(Outcome::Worse, false).1, ExitCode::CheckFailed);
    let (verdict, code, summary) = concluded(Outcome::Invalid, true);
    assert_eq!((verdict, code), (Verdict::Invalid, ExitCode::Invalid));
    assert_eq!(summary, "The measurement can't be trusted: it failed");
    for fine in [
        Outcome::Better,
        Outcome::Equivalent,
        Outcome::NotWorse,
        Outcome::Inconclusive,
    ] {
        assert_eq!(concluded(fine, true).1, ExitCode::Pass);
    }
}

#[test]
fn nothing_checked_is_nothing_proven() {
    let mut run = fixture::empty();
    conclude(
        &mut run,
        Ending::Finished,
        Vec::new(),
        Vec::new(),
        Quality::default(),
    );
    assert_eq!(
        (run.verdict, run.exit_code),
        (Verdict::Invalid, Some(ExitCode::Invalid))
    );
}
