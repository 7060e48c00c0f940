//! `bench watch`

use super::shown::{REDRAWN, Shown};
use super::{print, screen, tell};
use crate::record::model::Run;
use crate::record::{self, Error, ExitCode, Follow};
use crate::report;
use crate::run::environment_redactor;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) fn watch(dir: &Path) -> ExitCode {
    match watched(dir) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!(
                "error: {error}\n  RUN is a report directory, such as reports/latest\n"
            ));
            ExitCode::BadScenario
        }
    }
}

/// Follows the run to its end, shows its result and ends as it ended.
fn watched(dir: &Path) -> Result<ExitCode, Error> {
    // `latest` may come to point to another run meanwhile.
    let dir = &dir.canonicalize().map_err(|source| Error::Read {
        path: dir.to_owned(),
        source,
    })?;
    let mut run = record::read(dir)?;
    let mut shown = Shown::new(&dir.join("logs"), environment_redactor());
    match Follow::open(dir) {
        Ok(mut follow) => run = followed(dir, &mut follow, &mut shown)?,
        // A run that is over is shown even where its events are gone.
        Err(error) if run.finished.is_none() => return Err(error),
        Err(_) => {}
    }
    shown.end();
    run.check_files(dir)?;
    print(&report::terminal(&run, &screen(dir)));
    // A run that was killed has no code.
    Ok(run.exit_code.unwrap_or(ExitCode::TopologyFailed))
}

/// Shows what happens in a run until it is over.
fn followed(dir: &Path, follow: &mut Follow, shown: &mut Shown) -> Result<Run, Error> {
    let mut run = record::read(dir)?;
    let began = began(&run.started);
    loop {
        // Asked before reading, so that what was written before the end is shown.
        let over = run.finished.is_some() || !follow.alive();
        for (at, event) in follow.news()? {
            let at = at.and_then(|ms| began?.checked_add(Duration::from_secs_f64(ms / 1e3)));
            shown.tell(&event, at.unwrap_or_else(Instant::now));
        }
        if over {
            // Its last word may have come after it was read.
            return record::read(dir);
        }
        shown.tick();
        std::thread::sleep(REDRAWN);
        run = record::read(dir)?;
    }
}

/// When a run began, on this process's clock.
fn began(started: &str) -> Option<Instant> {
    let started: jiff::Timestamp = started.parse().ok()?;
    let ago = jiff::Timestamp::now().duration_since(started);
    Instant::now().checked_sub(ago.try_into().ok()?)
}
