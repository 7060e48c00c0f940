//! The verdict: how a run ended, what its checks say and whether its figures can be trusted, in one place. Pure.

use super::exit::ExitCode;
use super::model::{Check, Comparison, Outcome, Quality, Run, Verdict};
use indexmap::IndexMap;

/// How the run itself ended, before anything is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Everything ran.
    Finished,
    /// A requirement is not met, in words; nothing was started.
    Skipped(String),
    /// The topology failed or the run broke: the whole message.
    Broken(String),
    /// The user interrupted it.
    Interrupted,
}

/// Writes into `run` what came of it: checks, quality, verdict, exit code, summary and error. Checks on answers and on
/// figures come apart, because a wrong answer stays wrong however badly it was timed, while a figure is worth nothing
/// when the client itself was late.
pub fn conclude(
    run: &mut Run,
    ending: Ending,
    answers: Vec<Check>,
    figures: Vec<Check>,
    quality: Quality,
) -> ExitCode {
    let failed = |checks: &[Check]| checks.iter().any(|check| !check.passed);
    let (verdict, code) = match &ending {
        Ending::Interrupted => (Verdict::Partial, ExitCode::Interrupted),
        Ending::Broken(_) => (Verdict::Error, ExitCode::TopologyFailed),
        Ending::Skipped(_) => (Verdict::Skipped, ExitCode::RequirementNotMet),
        Ending::Finished if failed(&answers) => (Verdict::Fail, ExitCode::CheckFailed),
        Ending::Finished if quality.verdict == "invalid" => (Verdict::Invalid, ExitCode::Invalid),
        Ending::Finished if failed(&figures) => (Verdict::Fail, ExitCode::CheckFailed),
        // Nothing was asked of anything: that proves nothing.
        Ending::Finished if answers.is_empty() => (Verdict::Invalid, ExitCode::Invalid),
        Ending::Finished if said(run, Outcome::Worse).is_some() => {
            (Verdict::Fail, ExitCode::Regression)
        }
        Ending::Finished if said(run, Outcome::Invalid).is_some() => {
            (Verdict::Invalid, ExitCode::Invalid)
        }
        Ending::Finished => (Verdict::Pass, ExitCode::Pass),
    };
    run.checks = answers;
    run.checks.extend(figures);
    run.quality = quality;
    run.verdict = verdict;
    run.exit_code = Some(code.into());
    run.summary = summary(run, &ending);
    run.error = match ending {
        Ending::Broken(why) => Some(why),
        _ => None,
    };
    code
}

/// The first metric of which a comparison says so.
fn said(run: &Run, outcome: Outcome) -> Option<&Comparison> {
    let mut rows = run.comparisons.iter();
    rows.find(|row| row.verdict == Some(outcome))
}

/// `dynamo is worse than native: ttft_ms.p50 of closed +22.4%, proven +15.1% (margin 5.0%).`
fn regression(row: &Comparison) -> String {
    let percent = |ratio: Option<f64>| {
        ratio.map_or("?".to_owned(), |ratio| {
            format!("{:+.1}%", (ratio - 1.0) * 100.0)
        })
    };
    // Of the two bounds the one nearer to no difference is proven.
    let less = row.ratio.is_some_and(|ratio| ratio < 1.0);
    format!(
        "{} is worse than {}: {} of {} {}, proven {} (margin {:.1}%).",
        row.variant,
        row.baseline,
        row.metric,
        row.phase,
        percent(row.ratio),
        percent(if less { row.high } else { row.low }),
        row.margin.unwrap_or_default() * 100.0
    )
}

fn summary(run: &Run, ending: &Ending) -> String {
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    match ending {
        Ending::Interrupted => {
            return "Interrupted; what had been measured until then is kept.".to_owned();
        }
        Ending::Broken(why) => return first_line(why),
        Ending::Skipped(why) => return format!("Nothing was started: {}", first_line(why)),
        Ending::Finished => {}
    }
    let failed: Vec<_> = run.checks.iter().filter(|check| !check.passed).collect();
    let all = run.checks.len();
    match (run.verdict, failed.as_slice()) {
        (Verdict::Invalid, _) if all == 0 => {
            "Nothing was checked, so nothing is proven.".to_owned()
        }
        (Verdict::Invalid, _) => {
            let finding = run.quality.findings.first();
            let why = match said(run, Outcome::Invalid) {
                Some(row) if run.quality.verdict != "invalid" => row.why.as_deref(),
                _ => finding.map(|finding| finding.detail.as_str()),
            };
            let why = why.unwrap_or_default();
            format!("The measurement can't be trusted: {why}")
        }
        (_, [only]) => format!("1 of {all} checks failed: {} ({}).", only.name, only.scope),
        (_, [first, ..]) => {
            let n = failed.len();
            format!(
                "{n} of {all} checks failed, the first: {} ({}).",
                first.name, first.scope
            )
        }
        (Verdict::Fail, []) => said(run, Outcome::Worse)
            .map(regression)
            .unwrap_or_default(),
        (_, []) => {
            let marked = match run.quality.verdict.as_str() {
                "marked" => " The measurement is marked: see its quality.",
                _ => "",
            };
            format!("{}; {}.{}{marked}", held(all), requests(run), decided(run))
        }
    }
}

fn held(all: usize) -> String {
    if all == 1 {
        "The one check held".to_owned()
    } else {
        format!("All {all} checks held")
    }
}

/// ` dynamo against native: 2 metrics equivalent, 1 inconclusive.`, of the metrics that were judged.
fn decided(run: &Run) -> String {
    let mut of: IndexMap<(&str, &str), IndexMap<&str, usize>> = IndexMap::new();
    for row in &run.comparisons {
        if let Some(outcome) = row.verdict {
            let words = of.entry((&row.variant, &row.baseline)).or_default();
            *words.entry(outcome.word()).or_default() += 1;
        }
    }
    let sentence = |((variant, baseline), words): ((&str, &str), IndexMap<&str, usize>)| {
        let metrics = |(i, (word, n)): (usize, (&str, usize))| match (i, n) {
            (0, 1) => format!("1 metric {word}"),
            (0, n) => format!("{n} metrics {word}"),
            (_, n) => format!("{n} {word}"),
        };
        let counts: Vec<String> = words.into_iter().enumerate().map(metrics).collect();
        format!(" {variant} against {baseline}: {}.", counts.join(", "))
    };
    of.into_iter().map(sentence).collect()
}

/// `400 of 400 requests succeeded over 2 variants`, warm-up left out.
fn requests(run: &Run) -> String {
    let phases = || {
        run.variants
            .iter()
            .flat_map(|v| &v.phases)
            .filter(|p| p.measured())
    };
    let sent: u64 = phases().map(|p| p.counts.sent).sum();
    let succeeded: u64 = phases().map(|p| p.counts.succeeded).sum();
    let over = match run.variants.len() {
        0 | 1 => String::new(),
        n => format!(" over {n} variants"),
    };
    format!("{succeeded} of {sent} requests succeeded{over}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::verify::Finding;

    fn check(name: &str, passed: bool) -> Check {
        let (scope, detail) = ("native".to_owned(), String::new());
        Check {
            name: name.to_owned(),
            scope,
            passed,
            detail,
        }
    }

    fn quality(verdict: &str) -> Quality {
        let finding = Finding {
            code: "schedule_lag".to_owned(),
            detail: "late".to_owned(),
            example: None,
        };
        Quality {
            verdict: verdict.to_owned(),
            findings: vec![finding],
        }
    }

    fn concluded(
        ending: Ending,
        answers: bool,
        figures: bool,
        quality_is: &str,
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
        (run.verdict, run.exit_code.unwrap_or(255), run.summary)
    }

    #[test]
    fn the_first_reason_that_holds_wins() {
        let is = |ending, a, f, q, verdict, code| {
            let (v, c, summary) = concluded(ending, a, f, q);
            assert_eq!((v, c), (verdict, code), "{summary}");
        };
        is(Ending::Finished, true, true, "good", Verdict::Pass, 0);
        is(Ending::Finished, true, true, "marked", Verdict::Pass, 0);
        is(Ending::Finished, false, true, "good", Verdict::Fail, 1);
        is(Ending::Finished, true, false, "good", Verdict::Fail, 1);
        is(Ending::Finished, false, false, "invalid", Verdict::Fail, 1);
        is(
            Ending::Finished,
            true,
            false,
            "invalid",
            Verdict::Invalid,
            4,
        );
        is(Ending::Finished, true, true, "invalid", Verdict::Invalid, 4);
        is(
            Ending::Interrupted,
            false,
            false,
            "invalid",
            Verdict::Partial,
            130,
        );
        is(
            Ending::Skipped("no T4".to_owned()),
            true,
            true,
            "",
            Verdict::Skipped,
            6,
        );
        is(
            Ending::Broken("x".to_owned()),
            true,
            true,
            "good",
            Verdict::Error,
            3,
        );
    }

    #[test]
    fn summaries_are_one_sentence() {
        assert_eq!(
            concluded(Ending::Finished, true, false, "good").2,
            "1 of 2 checks failed: f (native)."
        );
        assert_eq!(
            concluded(Ending::Finished, false, false, "good").2,
            "2 of 2 checks failed, the first: a (native)."
        );
        assert_eq!(
            concluded(Ending::Finished, true, true, "invalid").2,
            "The measurement can't be trusted: late"
        );
        let broken = Ending::Broken("failed to start\nlog: ...".to_owned());
        assert_eq!(concluded(broken, true, true, "good").2, "failed to start");
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
                quality("good"),
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
        assert_eq!((run.verdict, run.exit_code), (Verdict::Invalid, Some(4)));
    }
}
