//! `bench watch`

use super::shown::{REDRAWN, Shown};
use super::{print, screen, tell};
use crate::record::{self, Error, ExitCode, Follow, Redactor};
use crate::report;
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
    let mut follow = Follow::open(dir)?;
    let mut shown = Shown::new(&dir.join("logs"), Redactor::default());
    let began = began(&run.started);
    loop {
        // Asked before reading, so that what was written before the end is shown.
        run = record::read(dir)?;
        let over = run.finished.is_some() || !follow.alive();
        for (at, event) in follow.news()? {
            let at = at.and_then(|ms| began?.checked_add(Duration::from_secs_f64(ms / 1e3)));
            shown.tell(&event, at.unwrap_or_else(Instant::now));
        }
        if over {
            break;
        }
        shown.tick();
        std::thread::sleep(REDRAWN);
    }
    shown.end();
    print(&report::terminal(&run, &screen(dir)));
    // A run that was killed has no code.
    let code = run.exit_code.and_then(ExitCode::from_u8);
    Ok(code.unwrap_or(ExitCode::TopologyFailed))
}

/// When a run began, on this process's clock.
fn began(started: &str) -> Option<Instant> {
    let started: jiff::Timestamp = started.parse().ok()?;
    let ago = jiff::Timestamp::now().duration_since(started);
    Instant::now().checked_sub(ago.try_into().ok()?)
}
