//! `bench run`

use super::{ScenarioArgs, colour, github, print, screen, tell};
use crate::record::ExitCode;
use crate::{progress, report, run};
use std::path::Path;

pub(super) fn run(arguments: &ScenarioArgs, out: &Path) -> ExitCode {
    let changes = &arguments.changes;
    let loaded = match run::load(&arguments.file, &changes.overlays, &changes.sets) {
        Ok((_, loaded)) => loaded,
        Err(diagnostics) => {
            tell(&diagnostics.render(colour(&std::io::stderr())));
            return ExitCode::BadScenario;
        }
    };
    let finished = run::run(&arguments.file, &loaded, out, |events, writer| {
        let mut stderr = std::io::stderr();
        let mut lost = false;
        for event in events {
            progress::tell(&event, &mut stderr);
            if let Err(error) = writer.event(&event)
                && !std::mem::replace(&mut lost, true)
            {
                tell(&format!(
                    "warning: {error}; later events are not kept either\n"
                ));
            }
        }
    });
    match finished {
        Ok(finished) => {
            github::tell_actions(&finished.run);
            print(&report::terminal(&finished.run, &screen(&finished.dir)));
            finished.code
        }
        Err(run::Error::Scenario(failure)) => {
            tell(&format!("error: {failure}\n"));
            ExitCode::BadScenario
        }
        Err(run::Error::Setup(message)) => {
            tell(&format!("error: {message}\n"));
            ExitCode::TopologyFailed
        }
    }
}
