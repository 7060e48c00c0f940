//! `bench docs`: the documentation, carried in the program, so that an error can name the page that helps wherever it is
//! installed.

use super::{print, tell};
use crate::record::ExitCode;
use std::fmt::Write as _;

/// Name, and the page itself.
type Page = (&'static str, &'static str);

const PAGES: &[Page] = &[
    ("tutorial", include_str!("../../docs/tutorial.md")),
    ("scenario", include_str!("../../docs/scenario.md")),
    ("reference", include_str!("../../docs/reference.md")),
    ("metrics", include_str!("../../docs/metrics.md")),
    ("comparing", include_str!("../../docs/comparing.md")),
    ("exit-codes", include_str!("../../docs/exit-codes.md")),
    ("engines", include_str!("../../docs/engines.md")),
    ("import", include_str!("../../docs/import.md")),
    ("ci", include_str!("../../docs/ci.md")),
    (
        "troubleshooting",
        include_str!("../../docs/troubleshooting.md"),
    ),
    ("reliability", include_str!("../../docs/reliability.md")),
    ("secrets", include_str!("../../docs/secrets.md")),
    ("performance", include_str!("../../docs/performance.md")),
    ("security", include_str!("../../SECURITY.md")),
    ("stability", include_str!("../../docs/stability.md")),
    ("record", include_str!("../../reports/README.md")),
];

pub(super) fn docs(name: Option<&str>) -> ExitCode {
    let Some(name) = name else {
        print(&list());
        return ExitCode::Pass;
    };
    match PAGES.iter().find(|(known, _)| *known == name) {
        Some((_, page)) => {
            print(page);
            ExitCode::Pass
        }
        None => {
            tell(&format!(
                "error: there is no page `{name}`; these there are:\n{}",
                list()
            ));
            ExitCode::BadScenario
        }
    }
}

fn list() -> String {
    let mut out = String::new();
    for (name, page) in PAGES {
        let title = page.lines().next().unwrap_or_default();
        let _ = writeln!(out, "  {name:<16} {}", title.trim_start_matches("# "));
    }
    out
}

/// Where the documentation says more of an ending: a page and a heading in it.
pub(super) fn about(code: ExitCode) -> Option<(&'static str, &'static str)> {
    match code {
        ExitCode::Pass | ExitCode::Interrupted => None,
        ExitCode::CheckFailed => Some(("troubleshooting", "answers-break-a-rule-exit-code-1")),
        ExitCode::BadScenario => Some(("scenario", "")),
        ExitCode::TopologyFailed => Some(("troubleshooting", "it-does-not-come-up-exit-code-3")),
        ExitCode::Invalid => Some((
            "troubleshooting",
            "the-measurement-cant-be-trusted-exit-code-4",
        )),
        ExitCode::Regression => Some(("exit-codes", "")),
        ExitCode::RequirementNotMet => {
            Some(("troubleshooting", "a-requirement-is-not-met-exit-code-6"))
        }
    }
}

/// Names the page that says more of an ending.
pub(super) fn refer(code: ExitCode) {
    if let Some((page, heading)) = about(code) {
        let mark = if heading.is_empty() { "" } else { "#" };
        tell(&format!(
            "help: docs/{page}.md{mark}{heading}, or type: bench docs {page}\n"
        ));
    }
}

#[cfg(test)]
#[path = "tests/pages.rs"]
mod tests;
