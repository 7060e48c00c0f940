//! `bench run`

use super::{ScenarioArgs, colour, github, print, screen, tell, width};
use crate::event::Event;
use crate::progress::{self, Live};
use crate::record::{ExitCode, Writer};
use crate::{report, run};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often what is under way is drawn anew.
const REDRAWN: Duration = Duration::from_millis(250);

pub(super) fn run(arguments: &ScenarioArgs, out: &Path) -> ExitCode {
    let changes = &arguments.changes;
    let loaded = match run::load(&arguments.file, &changes.overlays, &changes.sets) {
        Ok((_, loaded)) => loaded,
        Err(diagnostics) => {
            tell(&diagnostics.render(colour(&std::io::stderr())));
            return ExitCode::BadScenario;
        }
    };
    let finished = run::run(&arguments.file, &loaded, out, consume);
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

/// Tells every event to the person and to the record.
pub(super) fn consume(events: Receiver<Event>, writer: &Writer) {
    let mut stderr = std::io::stderr();
    let mut live = terminal().then(|| Live::new(&writer.logs()));
    let mut lost = false;
    loop {
        let event = match (events.recv_timeout(REDRAWN), &mut live) {
            (Ok(event), _) => event,
            (Err(RecvTimeoutError::Timeout), live) => {
                if let Some(live) = live {
                    live.tick(Instant::now(), width(&stderr), &mut stderr);
                }
                continue;
            }
            (Err(RecvTimeoutError::Disconnected), live) => {
                if let Some(live) = live {
                    live.end(&mut stderr);
                }
                return;
            }
        };
        match &mut live {
            Some(live) => live.tell(&event, Instant::now(), width(&stderr), &mut stderr),
            None => progress::tell(&event, &mut stderr),
        }
        if let Err(error) = writer.event(&event)
            && !std::mem::replace(&mut lost, true)
        {
            tell(&format!(
                "warning: {error}; later events are not kept either\n"
            ));
        }
    }
}

/// Whether stderr is a terminal that can be drawn on.
fn terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}
