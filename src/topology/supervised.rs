//! Runs other programs for a moment, such as a Python that reports its versions. They run under a
//! warden, as engines do: a signal ends them, they end with `bench`, and the registry names them
//! for a later `bench`.

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

/// Most bytes that a program may print.
const MOST: u64 = 16 << 20;

/// The run that programs belong to, and what ends them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supervisor<'a> {
    /// The run's id, which programs carry in their environment.
    pub run_id: &'a str,
    /// Raised when the user asks for an end.
    pub alarm: &'a Alarm,
}

/// A program to run.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The program. A bare name is searched on PATH.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables in addition to our own.
    pub env: Vec<(OsString, OsString)>,
    /// Time limit.
    pub limit: Duration,
}

/// The output of a program.
#[derive(Debug)]
pub(crate) struct Output {
    /// Whether the exit code was 0.
    pub success: bool,
    /// Bytes of standard output.
    pub stdout: Vec<u8>,
    /// Bytes of standard error.
    pub stderr: Vec<u8>,
}

/// Why a program did not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It cannot be executed.
    #[error("{0}")]
    Refused(io::Error),
    /// It took too long and was ended.
    #[error("it did not end within {} s and was killed", .0.as_secs())]
    Overdue(Duration),
    /// It printed too much and was ended.
    #[error("it printed more than {} MiB and was killed", MOST >> 20)]
    Endless,
    /// The user ended it.
    #[error("interrupted")]
    Interrupted,
    /// A warden could not be started, or has gone.
    #[error("the warden that supervises it {0}")]
    Warden(String),
}

impl Supervisor<'_> {
    /// Runs a program to its end. No process of it is left on return.
    ///
    /// # Errors
    /// When it cannot be started, or was ended.
    pub(crate) fn run(&self, task: &Task<'_>) -> Result<Output, Error> {
        let broken = |error: io::Error| Error::Warden(format!("could not be started: {error}"));
        // Without a registry it still ends with us. Only a SIGKILL of all processes at once could
        // leave it running.
        let entry = registry::place()
            .and_then(|(place, _)| Entry::create(&place, self.run_id))
            .ok();
        let (stdout, stderr) = (
            CapturedOutput::new().map_err(broken)?,
            CapturedOutput::new().map_err(broken)?,
        );
        let result = self.link(entry.as_ref()).and_then(|mut link| {
            let ended = self.watch(&mut link, task, [&stdout, &stderr]);
            // Everything it started ends with it, without grace.
            let _ = send(&mut link.socket, &Order::Kill);
            drain(&mut link.reports);
            link.end();
            ended
        });
        if let Some(entry) = entry {
            // The warden has removed the entry, unless it failed.
            leftovers::end_own(&entry);
        }
        Ok(Output {
            success: result?,
            stdout: stdout.read().map_err(broken)?,
            stderr: stderr.read().map_err(broken)?,
        })
    }

    /// Starts a warden with the strongest containment available.
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

    /// Starts the program and waits for its end. Returns whether it succeeded.
    fn watch(
        &self,
        link: &mut Link,
        task: &Task<'_>,
        printed: [&CapturedOutput; 2],
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

fn start(task: &Task<'_>, [stdout, stderr]: [&CapturedOutput; 2]) -> Order {
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

/// Reads the remaining reports, until the warden reports that everything is gone or has itself
/// ended.
fn drain(reports: &mut Reports) {
    let began = Instant::now();
    while began.elapsed() < PARTING {
        if matches!(reports.next(TICK), Err(_) | Ok(Some(Report::Gone { .. }))) {
            return;
        }
    }
}

/// The output of a program: anonymous memory, freed with its last descriptor. The warden inherits
/// the descriptor.
struct CapturedOutput(File);

impl CapturedOutput {
    fn new() -> io::Result<Self> {
        Ok(Self(memfd_create(c"bench", MFdFlags::empty())?.into()))
    }

    /// Its path in a process that inherited it.
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
