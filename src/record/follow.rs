//! Follows a running run from outside by the files it writes: its events, and the progress of its
//! phases by its samples.

use super::journal::unseal;
use super::{EVENTS_FILE, Error, EventRow, Malformed, SAMPLES_FILE, SampleRow, read::Row};
use crate::event::Event;
use crate::files;
use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A report directory that is being written.
#[derive(Debug)]
pub(crate) struct Follow {
    events: Tail,
    samples: Tail,
    phase: Option<Phase>,
    variant: String,
    phases: u32,
}

/// The current phase.
#[derive(Debug)]
struct Phase {
    name: String,
    number: u32,
    requests: Option<u64>,
    done: u64,
    failed: u64,
}

/// Reads what was appended to a file.
#[derive(Debug)]
struct Tail {
    file: File,
    path: PathBuf,
    rest: Vec<u8>,
    line: u64,
}

impl Follow {
    /// Follows the run in `dir` from its beginning.
    ///
    /// # Errors
    /// When there is no record.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            events: Tail::open(dir.join(EVENTS_FILE))?,
            samples: Tail::open(dir.join(SAMPLES_FILE))?,
            phase: None,
            variant: String::new(),
            phases: 0,
        })
    }

    /// Whether the process that writes the record lives. On a file system without locks, it counts
    /// as alive.
    #[must_use]
    pub(crate) fn alive(&self) -> bool {
        // The writer holds an exclusive lock as long as it lives, so a lock that can be taken means
        // that it is gone.
        match self.events.file.try_lock_shared() {
            Ok(()) => {
                let _ = self.events.file.unlock();
                false
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        }
    }

    /// What happened since the last call, each with milliseconds since the run began. Progress has
    /// no time of its own.
    ///
    /// # Errors
    /// When the record cannot be read or is invalid.
    pub(crate) fn news(&mut self) -> Result<Vec<(Option<f64>, Event)>, Error> {
        // Samples are read before events: when the end of a phase is read, all its samples have
        // been.
        let rows: Vec<SampleRow> = self.samples.rows()?;
        let mut news = Vec::new();
        for row in self.events.rows::<EventRow>()? {
            let Some(event) = row.event else { continue };
            if let Event::PhaseEnded { .. } = event {
                news.extend(self.progress(&rows).map(|event| (None, event)));
            }
            self.take(&event);
            news.push((Some(row.at_ms), event));
        }
        news.extend(self.progress(&rows).map(|event| (None, event)));
        Ok(news)
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::VariantStarted { variant, .. } => {
                self.variant.clone_from(variant);
                self.phases = 0;
            }
            Event::PhaseStarted {
                phase, requests, ..
            } => {
                self.phase = Some(Phase {
                    name: phase.clone(),
                    number: self.phases,
                    requests: *requests,
                    done: 0,
                    failed: 0,
                });
                self.phases += 1;
            }
            Event::PhaseEnded { .. } | Event::TeardownStarted { .. } => self.phase = None,
            Event::ProcessStarted { .. }
            | Event::StageReady { .. }
            | Event::Waiting { .. }
            | Event::ProcessExited { .. }
            | Event::Signalled { .. }
            | Event::PhaseProgress { .. }
            | Event::GivenUp { .. }
            | Event::TeardownEnded { .. }
            | Event::Warning { .. } => {}
        }
    }

    /// Progress of the current phase after these rows; `None` if none of them belongs to it.
    fn progress(&mut self, rows: &[SampleRow]) -> Option<Event> {
        let phase = self.phase.as_mut()?;
        let own =
            |row: &&SampleRow| row.variant == self.variant && row.sample.phase == phase.number;
        let mut ttft: Vec<u64> = Vec::new();
        let before = phase.done;
        for row in rows.iter().filter(own) {
            phase.done += 1;
            phase.failed += u64::from(!row.sample.ok());
            ttft.extend(row.sample.ttft());
        }
        if phase.done == before {
            return None;
        }
        ttft.sort_unstable();
        let middle = ttft.get(ttft.len().saturating_sub(1) / 2);
        Some(Event::PhaseProgress {
            phase: phase.name.clone(),
            done: phase.done,
            requests: phase.requests,
            failed: phase.failed,
            ttft_p50_ms: middle.map(|ns| *ns as f64 / 1e6),
        })
    }
}

impl Tail {
    fn open(path: PathBuf) -> Result<Self, Error> {
        match files::open(&path) {
            Ok(file) => Ok(Self {
                file,
                path,
                rest: Vec::new(),
                line: 0,
            }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The complete lines written since the last call.
    fn rows<T: Row>(&mut self) -> Result<Vec<T>, Error> {
        let failed = |source| Error::Read {
            path: self.path.clone(),
            source,
        };
        self.file.read_to_end(&mut self.rest).map_err(failed)?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
        let mut rows = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.line += 1;
            rows.push(read_row(line.to_vec()).map_err(|why| Error::Format {
                path: format!("{}:{}", self.path.display(), self.line),
                why,
            })?);
        }
        Ok(rows)
    }
}

fn read_row<T: Row>(mut line: Vec<u8>) -> Result<T, Malformed> {
    unseal(&mut line)?;
    Ok(T::parse(&line)?)
}

#[cfg(test)]
#[path = "tests/follow.rs"]
mod tests;
