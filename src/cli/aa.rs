//! `bench compare --aa`: a scenario's baseline against itself.

use super::{mistakes, print, screen, tell, warned};
use crate::compare::floor::{self, Floor};
use crate::record::ExitCode;
use crate::record::model::Run;
use crate::report;
use crate::run;
use crate::stats::BUDGET;
use crate::topology::registry;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

pub(super) fn aa(file: &Path, sets: &[String], out: &Path) -> ExitCode {
    let mut loaded = match run::load(file, &[], sets) {
        Ok((_, loaded)) => warned(loaded),
        Err(diagnostics) => {
            tell(&mistakes(&diagnostics));
            return ExitCode::BadScenario;
        }
    };
    floor::against_itself(&mut loaded);
    let finished = match run::run(file, &loaded, out, false, super::run::consume) {
        Ok(finished) => finished,
        Err(error) => {
            tell(&format!(
                "error: {}\n",
                report::harmless(&error.to_string())
            ));
            return error.exit_code();
        }
    };
    print(&report::terminal(&finished.run, &screen(&finished.dir)));
    // Noise proven to lie beyond a margin is noise all the same.
    if !matches!(finished.code, ExitCode::Pass | ExitCode::Regression) {
        tell("no noise floor is kept of a run that can't be trusted\n");
        return finished.code;
    }
    match keep(&finished.run) {
        Ok((floors, place)) => {
            print(&shown(&floors));
            tell(&format!("kept in {}\n", place.display()));
            finished.code
        }
        Err(error) => {
            tell(&format!("error: failed to keep the noise floor: {error}\n"));
            ExitCode::TopologyFailed
        }
    }
}

/// Keeps the floors that a run found in the state directory, for later runs.
fn keep(run: &Run) -> io::Result<(Vec<Floor>, PathBuf)> {
    let directory = registry::state_directory()?;
    let known = registry::read_state(floor::FILE);
    floor::keep(run, &directory, known.as_deref())
}

fn shown(floors: &[Floor]) -> String {
    let mut out =
        "\nnoise floor: differences that are told from none in 90% of all cases\n".to_owned();
    for floor in floors {
        let after = |rounds| {
            format!(
                "{:.1}% after {rounds} rounds",
                floor.finest(rounds, BUDGET / floors.len() as f64) * 100.0
            )
        };
        let _ = writeln!(
            out,
            "  {}: {}, {}, {}",
            floor.metric,
            after(5),
            after(10),
            after(20)
        );
    }
    out
}
