//! `bench check`: reads scenarios and says what is wrong with them. Starts nothing.

use crate::diagnostic::Diagnostics;
use crate::plan::{self, PhasePlan};
use crate::scenario::{self, Loaded};
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What is printed, ending in a newline.
    pub text: String,
    /// Whether every scenario is good.
    pub ok: bool,
}

/// Checks each of `paths` with the same overlays and `--set` arguments. `env` looks a variable up.
#[must_use]
pub fn run(
    paths: &[PathBuf],
    overlays: &[PathBuf],
    sets: &[String],
    env: &dyn Fn(&str) -> Option<String>,
    color: bool,
) -> Report {
    let mut report = Report {
        text: String::new(),
        ok: true,
    };
    for path in paths {
        let loaded =
            scenario::read(path, overlays, sets).and_then(|input| scenario::load(&input, env));
        match loaded {
            Ok(loaded) => report.text.push_str(&good(path, &loaded, color)),
            Err(mistakes) => {
                report.ok = false;
                report.text.push_str(&bad(path, &mistakes, color));
            }
        }
    }
    report
}

/// `scenarios/x.yaml: ok (2 variants, 3 phases, 140 requests)`, behind its warnings.
fn good(path: &Path, loaded: &Loaded, color: bool) -> String {
    let scenario = &loaded.scenario;
    let phases = plan::phases(&scenario.load);
    let measured = phases.iter().filter(|phase| phase.measured);
    let requests: Option<u64> = measured.clone().map(PhasePlan::requests).sum();
    let mut parts = vec![counted(measured.count() as u64, "phase")];
    parts.extend(requests.map(|requests| counted(requests, "request")));
    if !scenario.variants.is_empty() {
        parts.insert(0, counted(scenario.variants.len() as u64, "variant"));
    }
    let mut said = String::new();
    if loaded.warnings.warnings() > 0 {
        parts.push(counted(loaded.warnings.warnings() as u64, "warning"));
        said = crate::run::hidden(&loaded.warnings.render(color)) + "\n";
    }
    format!("{said}{}: ok ({})\n", path.display(), parts.join(", "))
}

fn bad(path: &Path, mistakes: &Diagnostics, color: bool) -> String {
    let count = counted(mistakes.len() as u64, "mistake");
    let mistakes = crate::run::hidden(&mistakes.render(color));
    format!("{mistakes}\n{}: {count}\n", path.display())
}

fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}
