//! Writing a record as the run goes. Rows are handed to the system one by one, so that a killed run loses none, and put on the
//! disk every second; `run.json` is written beside itself and renamed, so that it is valid at every instant.

use super::journal::Journal;
use super::model::Run;
use super::redact::Redactor;
use super::{EVENTS_FILE, Error, RUN_FILE, SAMPLES_FILE, SERVER_FILE, SampleRow, ServerRow};
use crate::event::Event;
use crate::measure::sample::Sample;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Link to the newest run, beside the runs.
pub const LATEST: &str = "latest";
/// Names tried before giving up: the run's own, then `-2`, `-3`, ...
const NAMES: u32 = 100;

/// A name for a run: its scenario, its time in UTC and four digits of `entropy`, so that runs in several places differ too.
#[must_use]
pub fn run_id(scenario: &str, started: jiff::Timestamp, entropy: u64) -> String {
    let at = started.strftime("%Y%m%dT%H%M%SZ");
    format!("{scenario}-{at}-{:04x}", entropy & 0xffff)
}

/// The report directory of a run under way. Shared freely: every method takes `&self`, and each row is one write.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    samples: Journal,
    server: Journal,
    events: Journal,
    redactor: Redactor,
    began: Instant,
}

impl Writer {
    /// Makes `reports/<run_id>/` with everything a record has, and points `latest` to it. A directory that exists is
    /// never written into: `run.run_id` then gets a number.
    ///
    /// # Errors
    /// When anything in it can't be made or written, so that a run fails before it starts.
    pub fn create(reports: &Path, run: &mut Run, redactor: Redactor) -> Result<Self, Error> {
        fs::create_dir_all(reports).map_err(|e| failed(reports, e))?;
        // Absolute, so that it stays true whatever a child or caller does with its directory.
        let reports = fs::canonicalize(reports).map_err(|e| failed(reports, e))?;
        let dir = claim(&reports, &mut run.run_id)?;
        let logs = dir.join("logs");
        fs::create_dir(&logs).map_err(|e| failed(&logs, e))?;
        let writer = Self {
            samples: Journal::create(dir.join(SAMPLES_FILE))?,
            server: Journal::create(dir.join(SERVER_FILE))?,
            events: Journal::create(dir.join(EVENTS_FILE))?,
            dir,
            redactor,
            began: Instant::now(),
        };
        writer.save(run)?;
        point(&reports, &run.run_id)?;
        Ok(writer)
    }

    /// The report directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the logs of processes go: one `NAME.log` each, or one directory a variant.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// What hides secrets in whatever else is written or shown.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Writes `run.json` anew.
    ///
    /// # Errors
    /// When it can't be written; the one before stays.
    pub fn save(&self, run: &Run) -> Result<(), Error> {
        let run = self.redacted(run)?;
        let text = serde_json::to_string_pretty(&run)
            .map_err(|e| failed(&self.dir.join(RUN_FILE), e.into()))?;
        self.replace(RUN_FILE, &(text + "\n"))
    }

    /// The record as it may be shown: without secrets.
    ///
    /// # Errors
    /// When it is none any more without them.
    pub fn redacted(&self, run: &Run) -> Result<Run, Error> {
        let told = |e: serde_json::Error| failed(&self.dir.join(RUN_FILE), e.into());
        let mut value = serde_json::to_value(run).map_err(told)?;
        self.redactor
            .json(&mut value, &["verdict", "run_id", "started", "finished"]);
        serde_json::from_value(value).map_err(told)
    }

    /// Adds one request of a variant's round.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn sample(&self, variant: &str, round: u32, sample: &Sample) -> Result<(), Error> {
        let row = SampleRow {
            variant: variant.to_owned(),
            round,
            sample: sample.clone(),
        };
        self.line(&self.samples, &row, &["error", "tokens_from"])
    }

    /// Adds one sample of a server's levels.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn server(&self, row: &ServerRow) -> Result<(), Error> {
        self.line(&self.server, row, &[])
    }

    /// Adds one event, with the milliseconds since the record was created. Progress is left out: the samples tell it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn event(&self, event: &Event) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            at_ms: f64,
            #[serde(flatten)]
            event: &'a Event,
        }
        if matches!(event, Event::PhaseProgress { .. }) {
            return Ok(());
        }
        let at_ms = (self.began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        self.line(&self.events, &Row { at_ms, event }, &["event"])
    }

    /// Writes a file into the report directory, such as `report.md`; one of that name is replaced.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn replace(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        let beside = self.dir.join(format!(".{name}.new"));
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        write().map_err(|e| failed(&path, e))
    }

    /// Whether every row that was handed over is on disk, where a reader will look for it.
    ///
    /// # Errors
    /// The first row that could not be written, or what became of a file since.
    pub fn whole(&self) -> Result<(), Error> {
        self.samples.whole().and_then(|()| self.events.whole())
    }

    fn line(&self, journal: &Journal, row: &impl Serialize, keep: &[&str]) -> Result<(), Error> {
        let object = || {
            let mut object = serde_json::to_string(row)?;
            if self.redactor.finds(&object) {
                let mut value = serde_json::from_str(&object)?;
                self.redactor.json(&mut value, keep);
                object = serde_json::to_string(&value)?;
            }
            Ok(object)
        };
        let object = object().map_err(|e: serde_json::Error| failed(&self.dir, e.into()))?;
        journal.add(object)
    }
}

/// Makes the run's directory, which must not exist yet.
fn claim(reports: &Path, run_id: &mut String) -> Result<PathBuf, Error> {
    let wanted = run_id.clone();
    for n in 2..=NAMES {
        let dir = reports.join(&*run_id);
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => *run_id = format!("{wanted}-{n}"),
            Err(e) => return Err(failed(&dir, e)),
        }
    }
    Err(failed(
        &reports.join(wanted),
        io::ErrorKind::AlreadyExists.into(),
    ))
}

/// Points `latest` to the run in one step. A `latest` that is not a link is someone's own and stays.
fn point(reports: &Path, run_id: &str) -> Result<(), Error> {
    let latest = reports.join(LATEST);
    if fs::symlink_metadata(&latest).is_ok_and(|there| !there.is_symlink()) {
        return Ok(());
    }
    let beside = reports.join(format!(".{LATEST}.{run_id}"));
    symlink(run_id, &beside)
        .and_then(|()| fs::rename(&beside, &latest))
        .map_err(|e| failed(&latest, e))
}

pub(super) fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
