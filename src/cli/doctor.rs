//! `bench doctor`

use super::{colour, mistakes, print, tell};
use crate::doctor::{self, Finding, Weight};
use crate::record::ExitCode;
use crate::run;
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn doctor(file: Option<&Path>, out: &Path) -> ExitCode {
    let loaded = match file.map(|file| run::load(file, &[], &[])).transpose() {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            tell(&mistakes(&diagnostics));
            return ExitCode::BadScenario;
        }
    };
    let scenario = loaded.as_ref().map(|(_, loaded)| &loaded.scenario);
    let found = match doctor::doctor(scenario.zip(file), out) {
        Ok(found) => found,
        Err(failure) => {
            tell(&format!("error: {failure}\n"));
            return failure.exit_code();
        }
    };
    let text = text(&found, colour(&std::io::stdout()));
    print(&match &loaded {
        Some((_, loaded)) => run::redactor(loaded).apply(&text),
        None => text,
    });
    if found.iter().any(|finding| finding.weight == Weight::Bad) {
        ExitCode::RequirementNotMet
    } else {
        ExitCode::Pass
    }
}

fn text(found: &[Finding], color: bool) -> String {
    let mut out = String::new();
    for finding in found {
        let (mark, code) = match finding.weight {
            Weight::Good => ("✓", 32),
            Weight::Note => ("!", 33),
            Weight::Bad => ("✗", 31),
        };
        let mark = if color {
            format!("\u{1b}[1;{code}m{mark}\u{1b}[0m")
        } else {
            mark.to_owned()
        };
        let _ = writeln!(out, "{mark} {:<15} {}", finding.topic, finding.found);
        if let Some(fix) = &finding.fix {
            let _ = writeln!(out, "  {:<15} -> {fix}", "");
        }
    }
    out
}
