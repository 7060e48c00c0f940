//! The verdict: combines how a run ended, the result of its checks and the quality of its
//! measurement. Pure.

use super::exit::ExitCode;
use super::model::{Check, Comparison, Finding, Outcome, Quality, QualityVerdict, Run, Verdict};
use indexmap::IndexMap;

/// How the run itself ended, before anything is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything ran.
    Finished,
    /// A requirement is not met, in words; nothing was started.
    Skipped(String),
    /// The topology failed or the run broke: the whole message.
    Broken(String),
    /// The user interrupted it.
    Interrupted,
}

/// Writes the result into `run`: checks, quality, verdict, exit code, summary and error. Checks on
/// answers and checks on figures are separate: a wrong answer stays wrong however badly it was
/// timed, but a figure is worthless if the client itself was late.
pub(crate) fn conclude(
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
        Ending::Finished if quality.verdict == QualityVerdict::Invalid => {
            (Verdict::Invalid, ExitCode::Invalid)
        }
        Ending::Finished if failed(&figures) => (Verdict::Fail, ExitCode::CheckFailed),
        // A run that checked nothing proves nothing.
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
    run.exit_code = Some(code);
    run.summary = summary(run, &ending);
    run.error = match ending {
        Ending::Broken(why) => Some(why),
        _ => None,
    };
    code
}

/// The first metric for which a comparison found this.
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
    // Of the two bounds, the one closer to no difference is proven.
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
                Some(row) if run.quality.verdict != QualityVerdict::Invalid => row.why.clone(),
                _ => finding.map(Finding::shown),
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
            let marked = match run.quality.verdict {
                QualityVerdict::Marked => " The measurement is marked: see its quality.",
                QualityVerdict::Unmeasured
                | QualityVerdict::Imported
                | QualityVerdict::Good
                | QualityVerdict::Invalid => "",
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

/// ` dynamo against native: 2 metrics equivalent, 1 inconclusive.`, for the judged metrics.
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
#[path = "tests/verdict.rs"]
mod tests;
