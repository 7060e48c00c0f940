//! Other programs that `bench` runs for a moment, such as a Python that is asked for its versions: under a warden, as engines
//! are, so that a signal ends them, they end with `bench`, and the registry tells a later `bench` of them.

use super::link::{Link, PARTING, Reports, TICK, send};
use super::protocol::{Order, Report, Start};
use super::raw::RawText;
use super::registry::{self, Entry};
use super::{Alarm, handle, leftovers};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Most that a program may print, in bytes.
const MOST: u64 = 16 << 20;

/// Whose programs they are, and what ends them.
#[derive(Debug, Clone, Copy)]
pub struct Supervisor<'a> {
    /// The run's id, which they carry in their environment.
    pub run_id: &'a str,
    /// Raised when the user wants an end.
    pub alarm: &'a Alarm,
}

/// A program to run.
#[derive(Debug)]
pub struct Task<'a> {
    /// It; a bare name is looked for on PATH.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables that it gets beside our own.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub limit: Duration,
}

/// What a program printed.
#[derive(Debug)]
pub struct Output {
    /// Whether it ended with exit code 0.
    pub success: bool,
    /// On standard output.
    pub stdout: Vec<u8>,
    /// On standard error.
    pub stderr: Vec<u8>,
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be executed.
    #[error("{0}")]
    Refused(io::Error),
    /// It took too long and was ended.
    #[error("it did not end within {} s and was killed", .0.as_secs())]
    Overdue(Duration),
    /// It printed without end and was ended.
    #[error("it printed more than {} MiB and was killed", MOST >> 20)]
    Endless,
    /// The user ended it.
    #[error("interrupted")]
    Interrupted,
    /// There is no warden to run it under, or that has gone.
    #[error("the warden that supervises it {0}")]
    Warden(String),
}

impl Supervisor<'_> {
    /// Runs a program to its end; nothing of it is left on return.
    ///
    /// # Errors
    /// When it can't be started, or was ended.
    pub fn run(&self, task: &Task<'_>) -> Result<Output, Error> {
        let broken = |error: io::Error| Error::Warden(format!("could not be started: {error}"));
        // Without a registry it is still ended with us; only a KILL of all at once could leave it.
        let entry = registry::place()
            .and_then(|(place, _)| Entry::create(&place, self.run_id))
            .ok();
        let (stdout, stderr) = (
            Printed::new().map_err(broken)?,
            Printed::new().map_err(broken)?,
        );
        let result = self.link(entry.as_ref()).and_then(|mut link| {
            let ended = self.watch(&mut link, task, [&stdout, &stderr]);
            // Whatever it has started ends with it, without grace.
            let _ = send(&mut link.socket, &Order::Kill);
            drain(&mut link.reports);
            link.end();
            ended
        });
        if let Some(entry) = entry {
            // The warden has removed it, unless it came to no good end.
            leftovers::end_own(&entry);
        }
        Ok(Output {
            success: result?,
            stdout: stdout.read().map_err(broken)?,
            stderr: stderr.read().map_err(broken)?,
        })
    }

    /// A warden at the firmest containment that can be had.
    fn link(&self, entry: Option<&Entry>) -> Result<Link, Error> {
        let mut missed = Vec::new();
        for containment in
            handle::containments().map_err(|error| Error::Warden(error.to_string()))?
        {
            let log = Path::new("/dev/null");
            match Link::start(containment, self.run_id, log, entry, &|| {
                self.alarm.raised()
            }) {
                Ok(link) => return Ok(link),
                Err(_) if self.alarm.raised() => return Err(Error::Interrupted),
                Err(error) => missed.push(format!("{}: {error}", containment.name())),
            }
        }
        Err(Error::Warden(format!(
            "could not be started: {}",
            missed.join("; ")
        )))
    }

    /// Starts the program and waits for its end; whether that was a success.
    fn watch(
        &self,
        link: &mut Link,
        task: &Task<'_>,
        printed: [&Printed; 2],
    ) -> Result<bool, Error> {
        let began = Instant::now();
        let lost = |error: io::Error| Error::Warden(format!("has gone: {error}"));
        send(&mut link.socket, &start(task, printed)).map_err(lost)?;
        loop {
            match link.reports.next(TICK).map_err(lost)? {
                Some(Report::Exited { success, .. }) => return Ok(success),
                Some(Report::Refused { reason, errno, .. }) => {
                    return Err(Error::Refused(match errno {
                        Some(errno) => io::Error::from_raw_os_error(errno),
                        None => io::Error::other(reason),
                    }));
                }
                Some(_) => {}
                None => {
                    link.warden.resume();
                }
            }
            if self.alarm.raised() {
                return Err(Error::Interrupted);
            }
            if began.elapsed() > task.limit {
                return Err(Error::Overdue(task.limit));
            }
            if printed.iter().any(|printed| printed.size() > MOST) {
                return Err(Error::Endless);
            }
        }
    }
}

fn start(task: &Task<'_>, [stdout, stderr]: [&Printed; 2]) -> Order {
    let program = task.program.as_os_str().to_owned();
    Order::Start(Start {
        name: "program".into(),
        argv: std::iter::once(program)
            .chain(task.arguments.iter().cloned())
            .map(RawText)
            .collect(),
        env: task
            .env
            .iter()
            .cloned()
            .map(|(name, value)| (RawText(name), RawText(value)))
            .collect(),
        inherit: true,
        log: stderr.path(),
        output: Some(RawText(stdout.path().into())),
        stage: 0,
        grace_ms: 0,
        directories: Vec::new(),
    })
}

/// Reads what a warden still says, until it says that all is gone or has gone itself.
fn drain(reports: &mut Reports) {
    let began = Instant::now();
    while began.elapsed() < PARTING {
        if matches!(reports.next(TICK), Err(_) | Ok(Some(Report::Gone { .. }))) {
            return;
        }
    }
}

/// Where a program prints to: memory that needs no name on disk and goes with its last user. Wardens inherit it.
struct Printed(File);

impl Printed {
    fn new() -> io::Result<Self> {
        Ok(Self(memfd_create(c"bench", MFdFlags::empty())?.into()))
    }

    /// Its name in a process that has inherited it.
    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |data| data.len())
    }

    fn read(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.rewind()?;
        self.0.take(MOST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
