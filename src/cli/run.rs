//! `bench run`

use super::shown::{REDRAWN, Shown};
use super::{ScenarioArgs, github, mistakes, print, screen, tell, teller, warned};
use crate::event::Event;
use crate::record::{ExitCode, Writer};
use crate::report::{self, harmless};
use crate::run;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

pub(super) fn run(arguments: &ScenarioArgs, out: &Path, keep: bool) -> ExitCode {
    let changes = &arguments.changes;
    let loaded = match run::load(&arguments.file, &changes.overlays, &changes.sets) {
        Ok((_, loaded)) => warned(loaded),
        Err(diagnostics) => {
            tell(&mistakes(&diagnostics));
            return ExitCode::BadScenario;
        }
    };
    let finished = run::run(&arguments.file, &loaded, out, keep, consume);
    match finished {
        Ok(finished) => {
            github::tell_actions(&finished.run);
            print(&report::terminal(&finished.run, &screen(&finished.dir)));
            finished.code
        }
        Err(error) => {
            tell(&format!("error: {}\n", harmless(&error.to_string())));
            error.exit_code()
        }
    }
}

/// Tells every event to the person and to the record.
pub(super) fn consume(events: Receiver<Event>, writer: &Writer) {
    teller::detach();
    let mut shown = Shown::new(&writer.logs(), writer.redactor().clone());
    let mut lost = false;
    loop {
        let event = match events.recv_timeout(REDRAWN) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => {
                shown.tick();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => {
                shown.end();
                return;
            }
        };
        shown.tell(&event, Instant::now());
        if let Err(error) = writer.event(&event)
            && !std::mem::replace(&mut lost, true)
        {
            tell(&format!(
                "warning: {error}; later events are not kept either\n"
            ));
        }
    }
}
