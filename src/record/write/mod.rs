//! Writes a record during the run. Each row is passed to the system at once, so that a killed run
//! loses none, and synced to disk every second. `run.json` is written under another name and
//! renamed, so it is valid at every instant. Space for the last `run.json` is reserved from the
//! start.

use super::journal::Journal;
use super::logs;
use super::model::{FileRecord, Quality, Run};
use super::private;
use super::read::Row as _;
use super::redact::{self, Redactor};
use super::reserve::{self, Reserve};
use super::verdict::{Ending, conclude};
use super::{
    EVENTS_FILE, Error, EventRow, RUN_FILE, SAMPLES_FILE, SERVER_FILE, SampleRow, ServerRow,
};
use crate::event::Event;
use crate::measure::sample::Sample;
use indexmap::IndexMap;
use nix::unistd::geteuid;
use serde::Serialize;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Name of the link to the newest run, beside the runs.
pub(crate) const LATEST: &str = "latest";
/// Number of names tried before giving up: the run's own, then `-2`, `-3`, ...
const NAMES: u32 = 100;
/// Bytes reserved for what the verdict adds to `run.json`. The same amount must be free at the end
/// of a run.
const ROOM: u64 = 64 << 10;
/// Most bytes of an error in the short `run.json`, which is written if there is no space for the
/// complete one.
const SHORT: usize = 4 << 10;

/// Members of a row of `samples.jsonl` that contain the tool's own words.
const SAMPLE_WORDS: [&str; 2] = ["error", "tokens_from"];
/// Members of a row of `events.jsonl` that hold the tool's own words.
const EVENT_WORDS: [&str; 4] = ["event", "kind", "stage", "signal"];
/// The same where a teardown begins. The reasons of other events are free text.
const TEARDOWN_WORDS: [&str; 2] = ["event", "reason"];
/// Members of `run.json` that hold the tool's own words.
const RUN_WORDS: [&str; 8] = [
    "verdict", "run_id", "started", "finished", "crc32", "kind", "stage", "signal",
];

/// The name of a run: its scenario, its time in UTC and four digits of `entropy`, so that runs in
/// several places have different names.
#[must_use]
pub(crate) fn run_id(scenario: &str, started: jiff::Timestamp, entropy: u64) -> String {
    let at = started.strftime("%Y%m%dT%H%M%SZ");
    format!("{scenario}-{at}-{:04x}", entropy & 0xffff)
}

/// The report directory of a running run. All methods take `&self`, and each row is one write.
#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    samples: Journal,
    server: Journal,
    events: Journal,
    /// Space for the last `run.json`; `None` once that is written.
    reserve: Mutex<Option<Reserve>>,
    /// Former target of `latest`.
    latest: Option<PathBuf>,
    /// Why `latest` does not point to this run.
    note: Option<String>,
    /// Whether others may read the record.
    open: AtomicBool,
    redactor: Redactor,
    began: Instant,
}

impl Writer {
    /// Creates `reports/<run_id>/` with all files of a record, and points `latest` to it. An
    /// existing directory is never reused: `run.run_id` then gets a number. Nobody else can read
    /// the record before it is finished.
    ///
    /// # Errors
    /// When anything in it cannot be created or written, so that a run fails before it starts.
    pub(crate) fn create(reports: &Path, run: &mut Run, redactor: Redactor) -> Result<Self, Error> {
        fs::create_dir_all(reports).map_err(|e| failed(reports, e))?;
        // Absolute, so that it stays valid if the working directory changes.
        let reports = fs::canonicalize(reports).map_err(|e| failed(reports, e))?;
        let dir = claim(&reports, &mut run.run_id)?;
        let made = Self::fill(&reports, dir.clone(), run, redactor);
        // An incomplete record would only be in the way.
        made.inspect_err(|_| drop(fs::remove_dir_all(&dir)))
    }

    /// Creates all files in the run's directory.
    fn fill(reports: &Path, dir: PathBuf, run: &Run, redactor: Redactor) -> Result<Self, Error> {
        let logs = dir.join("logs");
        private::create_directory(&logs).map_err(|e| failed(&logs, e))?;
        let reserve = Reserve::new(&dir, RUN_FILE).map_err(|e| failed(&dir, e))?;
        let mut writer = Self {
            samples: Journal::create(dir.join(SAMPLES_FILE))?,
            server: Journal::create(dir.join(SERVER_FILE))?,
            events: Journal::create(dir.join(EVENTS_FILE))?,
            reserve: Mutex::new(Some(reserve)),
            latest: fs::read_link(reports.join(LATEST)).ok(),
            note: None,
            open: AtomicBool::new(false),
            dir,
            redactor,
            began: Instant::now(),
        };
        writer.save(run)?;
        // `latest` moves last, so that it never points to an incomplete directory.
        writer.note = writer.point(reports, &run.run_id)?;
        Ok(writer)
    }

    /// Points `latest` to this run. In a directory shared by several users, another user's link may
    /// have to stay; then returns why.
    fn point(&self, reports: &Path, run_id: &str) -> Result<Option<String>, Error> {
        let Err(error) = point(reports, Path::new(run_id), run_id) else {
            return Ok(None);
        };
        let is_owner = |owner| owner == geteuid().as_raw();
        match fs::symlink_metadata(reports.join(LATEST)) {
            Ok(data) if !is_owner(data.uid()) => Ok(Some(format!(
                "{error}; it belongs to user {} and still points to another run; this one is in {}",
                data.uid(),
                self.dir.display()
            ))),
            Ok(_) | Err(_) => Err(error),
        }
    }

    /// Why `latest` does not point to this run, if it does not.
    #[must_use]
    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The report directory.
    #[must_use]
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of process logs: one `NAME.log` each, or one directory per variant.
    #[must_use]
    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// The redactor for everything else that is written or shown.
    #[must_use]
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Writes `run.json` during the run and reserves space for a larger one.
    ///
    /// # Errors
    /// When it cannot be written, or the disk is full. The previous one stays.
    pub(crate) fn save(&self, run: &Run) -> Result<(), Error> {
        let text = self.text(run)?;
        let path = self.dir.join(RUN_FILE);
        reserve::replace(&path, &text).map_err(|e| failed(&path, e))?;
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let room = 2 * text.len() as u64 + ROOM;
        let grown = reserve.as_mut().map_or(Ok(()), |held| held.grow(room));
        grown.map_err(|e| failed(&path, e))
    }

    /// Writes the last `run.json`, as [`Self::put_last`], and lets others read the record.
    ///
    /// # Errors
    /// When it cannot be written completely.
    pub(crate) fn finish(&self, run: &mut Run) -> Result<(), Error> {
        let put = self.put_last(run);
        // Only after run.json is final: until here, files may contain secrets that the second pass
        // has not removed yet.
        private::open_up(&self.dir, &self.logs());
        self.open.store(true, Ordering::SeqCst);
        put
    }

    /// Writes the last `run.json` into the reserved space. If that does not suffice, writes a short
    /// one that says that the run broke, and changes `run` accordingly.
    ///
    /// # Errors
    /// When it cannot be written completely.
    fn put_last(&self, run: &mut Run) -> Result<(), Error> {
        let path = self.dir.join(RUN_FILE);
        let mut held = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a reserve, it was finished before.
        let mut reserve = match held.take() {
            Some(reserve) => reserve,
            None => Reserve::new(&self.dir, RUN_FILE).map_err(|e| failed(&path, e))?,
        };
        let Err(error) = reserve.put(&self.text(run)?, &path) else {
            return Ok(());
        };
        let error = failed(&path, error);
        if run.error.is_none() {
            let (checks, quality) = (run.checks.clone(), run.quality.clone());
            let why = format!("the record is not whole: {error}");
            conclude(run, Ending::Broken(why), checks, Vec::new(), quality);
        }
        let _ = reserve.put(&self.text(&short(run))?, &path);
        Err(error)
    }

    /// Deletes the record and restores the former target of `latest`.
    pub(crate) fn discard(self) {
        let _ = fs::remove_dir_all(&self.dir);
        let (Some(reports), Some(id)) = (self.dir.parent(), self.dir.file_name()) else {
            return;
        };
        let latest = reports.join(LATEST);
        if fs::read_link(&latest).is_ok_and(|to| to.as_os_str() == id) {
            // The former newest run may itself have been deleted.
            let before = self.latest.as_ref();
            let _ = match before.filter(|before| reports.join(before).exists()) {
                Some(before) => point(reports, before, &id.to_string_lossy()),
                None => fs::remove_file(&latest).map_err(|e| failed(&latest, e)),
            };
        }
    }

    /// The run as JSON text for `run.json`.
    fn text(&self, run: &Run) -> Result<String, Error> {
        let run = self.redacted(run)?;
        let text = serde_json::to_string_pretty(&run)
            .map_err(|e| failed(&self.dir.join(RUN_FILE), e.into()))?;
        Ok(text + "\n")
    }

    /// The record without secrets, as it may be shown.
    ///
    /// # Errors
    /// When it is no longer a valid record without them.
    pub(crate) fn redacted(&self, run: &Run) -> Result<Run, Error> {
        let told = |e: serde_json::Error| failed(&self.dir.join(RUN_FILE), e.into());
        let mut value = serde_json::to_value(run).map_err(told)?;
        self.redactor.json(&mut value, &RUN_WORDS);
        serde_json::from_value(value).map_err(told)
    }

    /// Adds one request of a variant's round.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn sample(&self, variant: &str, round: u32, sample: &Sample) -> Result<(), Error> {
        let row = SampleRow {
            variant: variant.to_owned(),
            round,
            sample: sample.clone(),
        };
        self.line(&self.samples, &row, &SAMPLE_WORDS)
    }

    /// Adds one sample of a server's levels.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn server(&self, row: &ServerRow) -> Result<(), Error> {
        self.line(&self.server, row, &[])
    }

    /// Adds one event, with the milliseconds since the record was created. Progress is left out
    /// because the samples contain it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn event(&self, event: &Event) -> Result<(), Error> {
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
        self.line(&self.events, &Row { at_ms, event }, words(Some(event)))
    }

    /// Writes a file such as `report.md` into the report directory, redacted. Replaces a file of
    /// the same name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn replace(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        let text = redact::document(&self.redactor, name, text);
        reserve::replace(&path, &text).map_err(|e| failed(&path, e))?;
        if self.open.load(Ordering::SeqCst) {
            private::open_directory(&self.dir);
        }
        Ok(())
    }

    /// Deletes a file that [`replace`](Self::replace) wrote.
    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.dir.join(name));
    }

    /// Checks that every row is on disk, where readers will find it, and that space is left: on a
    /// full disk, the output of processes is lost silently.
    ///
    /// # Errors
    /// The first row that could not be written, or what happened to a file since.
    pub(crate) fn whole(&self) -> Result<(), Error> {
        for (_, journal) in self.journals() {
            journal.whole()?;
        }
        let free = Reserve::new(&self.dir, "room").and_then(|mut free| free.grow(ROOM));
        free.map_err(|e| failed(&self.dir, e))
    }

    /// What the files of lines hold, for [`Run::files`].
    #[must_use]
    pub(crate) fn files(&self) -> IndexMap<String, FileRecord> {
        let journals = self.journals().into_iter();
        journals
            .map(|(name, journal)| (name.to_owned(), journal.contents()))
            .collect()
    }

    fn journals(&self) -> [(&'static str, &Journal); 3] {
        [
            (SAMPLES_FILE, &self.samples),
            (SERVER_FILE, &self.server),
            (EVENTS_FILE, &self.events),
        ]
    }

    fn line(&self, journal: &Journal, row: &impl Serialize, keep: &[&str]) -> Result<(), Error> {
        let object = || {
            let object = serde_json::to_string(row)?;
            Ok(redact::object(&self.redactor, &object, keep)?.unwrap_or(object))
        };
        let object = object().map_err(|e: serde_json::Error| failed(&self.dir, e.into()))?;
        journal.add(object)
    }

    /// The second pass: searches every file of the record except `run.json` for secrets and
    /// replaces them. All writers must have ended.
    ///
    /// # Errors
    /// The first file that cannot be read or rewritten.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let without = |keep: &[&str], object: &str| redact::object(&self.redactor, object, keep);
        self.samples
            .rewrite(&|object| Ok(without(&SAMPLE_WORDS, object)?))?;
        self.server.rewrite(&|object| Ok(without(&[], object)?))?;
        self.events.rewrite(&|object| {
            let row = EventRow::parse(object.as_bytes())?;
            Ok(without(words(row.event.as_ref()), object)?)
        })?;
        self.sweep_files(&self.dir)
    }

    /// Redacts every other file below a directory. Links are not followed: their targets are not
    /// part of the record.
    fn sweep_files(&self, dir: &Path) -> Result<(), Error> {
        let own =
            [RUN_FILE, SAMPLES_FILE, SERVER_FILE, EVENTS_FILE].map(|name| self.dir.join(name));
        for entry in fs::read_dir(dir).map_err(|e| failed(dir, e))?.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                self.sweep_files(&path)?;
            } else if kind.is_file() && !own.contains(&path) {
                logs::clean(&path, &self.redactor).map_err(|e| failed(&path, e))?;
            }
        }
        Ok(())
    }
}

/// Members of an event's row that hold the tool's own words.
fn words(event: Option<&Event>) -> &'static [&'static str] {
    match event {
        Some(Event::TeardownStarted { .. }) => &TEARDOWN_WORDS,
        Some(_) | None => &EVENT_WORDS,
    }
}

/// Creates the run's directory, which must not exist yet.
fn claim(reports: &Path, run_id: &mut String) -> Result<PathBuf, Error> {
    let wanted = run_id.clone();
    for n in 2..=NAMES {
        let dir = reports.join(&*run_id);
        match private::create_directory(&dir) {
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

/// Atomically points `latest` to a directory. If `latest` is not a link, it belongs to somebody
/// else and stays. `by` makes the temporary name unique.
fn point(reports: &Path, to: &Path, by: &str) -> Result<(), Error> {
    let latest = reports.join(LATEST);
    if fs::symlink_metadata(&latest).is_ok_and(|there| !there.is_symlink()) {
        return Ok(());
    }
    let beside = reports.join(format!(".{LATEST}.{by}"));
    // A symbolic link cannot be changed in place; renaming a new one over it leaves no moment
    // without `latest`.
    symlink(to, &beside)
        .and_then(|()| fs::rename(&beside, &latest))
        .inspect_err(|_| drop(fs::remove_file(&beside)))
        .map_err(|e| failed(&latest, e))
}

/// A run without its measurements: what is needed to say how it ended.
fn short(run: &Run) -> Run {
    let cut = |text: &str| text[..text.floor_char_boundary(SHORT)].to_owned();
    Run {
        summary: cut(&run.summary),
        error: run.error.as_deref().map(cut),
        variants: Vec::new(),
        checks: Vec::new(),
        quality: Quality::default(),
        comparisons: Vec::new(),
        decompositions: Vec::new(),
        same_text: Vec::new(),
        files: IndexMap::new(),
        ..run.clone()
    }
}

pub(super) fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
