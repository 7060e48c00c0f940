//! Output for GitHub Actions: annotations on lines of the scenario, and the summary of the step.

use super::escape::line;
use super::{compared, failures, markdown, view};
use crate::record::model::{Outcome, Run, Verdict};
use std::fmt::Write as _;

/// Maximum number of annotations; GitHub shows ten per step.
const MOST: usize = 10;

/// Workflow commands for everything that failed. The lines of checks are looked up in `scenario`, the text of the file.
#[must_use]
pub(crate) fn annotations(run: &Run, scenario: Option<&str>) -> String {
    let mut out = String::new();
    let path = &run.scenario.path;
    let failed: Vec<_> = run.checks.iter().filter(|check| !check.passed).collect();
    let worse: Vec<_> = run
        .comparisons
        .iter()
        .filter(|row| row.verdict == Some(Outcome::Worse))
        .collect();
    if failed.is_empty() && worse.is_empty() {
        let level = match run.verdict {
            Verdict::Pass => {
                why(&mut out, run);
                return out;
            }
            Verdict::Skipped => "warning",
            _ => "error",
        };
        let title = format!("{}: {}", run.scenario.name, view::word(run.verdict));
        let message = run.error.as_deref().unwrap_or(&run.summary);
        command(&mut out, level, path, None, &title, message);
        why(&mut out, run);
        return out;
    }
    for row in worse.into_iter().take(MOST) {
        let title = format!(
            "{} of {} is worse than {}",
            row.metric, row.variant, row.baseline
        );
        let times = row.ratio.unwrap_or_default();
        let message = format!("{times:.3}x in {}; {}", row.phase, compared::rests_on(row));
        command(&mut out, "error", path, None, &title, &message);
    }
    for check in failed.iter().take(MOST) {
        let place = scenario.and_then(|text| text.lines().position(|l| l.contains(&check.name)));
        let title = format!("{} on {}", check.name, check.scope);
        command(
            &mut out,
            "error",
            path,
            place.map(|i| i + 1),
            &title,
            &check.detail,
        );
    }
    why(&mut out, run);
    out
}

/// Failed requests as warnings, which GitHub counts apart from errors.
fn why(out: &mut String, run: &Run) {
    let (failed, _) = failures::failures(run);
    for one in failed {
        let title = format!("{} on {}", one.class(), one.scope);
        command(
            out,
            "warning",
            &run.scenario.path,
            None,
            &title,
            &one.message(),
        );
    }
}

/// The short form for `GITHUB_STEP_SUMMARY`.
#[must_use]
pub(crate) fn step_summary(run: &Run) -> String {
    markdown::brief(run)
}

fn command(
    out: &mut String,
    level: &str,
    file: &str,
    at: Option<usize>,
    title: &str,
    message: &str,
) {
    let place = at.map_or(String::new(), |at| format!(",line={at}"));
    let lines: Vec<_> = message.lines().map(line).collect();
    let _ = writeln!(
        out,
        "::{level} file={}{place},title={}::{}",
        property(file),
        property(title),
        data(&lines.join("\n"))
    );
}

/// A message that can neither end its command nor start another.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
#[path = "tests/github.rs"]
mod tests;
