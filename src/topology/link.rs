//! The runner's side of a warden: its process and its socket. Every wait here is bounded, because a
//! warden can be stopped (SIGSTOP), frozen or held by a debugger. A warden that is merely stopped
//! is continued.

use super::process::{self, Bond, PidFd};
use super::protocol::{Order, Report};
use super::registry::Entry;
use super::{Containment, proc};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a warden may take to send its first report, or to start a process.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a warden may take to read an order.
const HEARING: Duration = Duration::from_secs(5);
/// How long a warden that was told to end may take, once nothing of its topology is left.
pub(super) const PARTING: Duration = Duration::from_secs(5);
/// Interval at which waits check their conditions.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// A warden that has sent its first report.
pub(super) struct Link {
    pub(super) socket: UnixStream,
    pub(super) reports: Reports,
    pub(super) warden: WardenProcess,
}

impl Link {
    /// Starts a warden, which is this program executed again. `given_up` ends the wait for its
    /// first report.
    ///
    /// # Errors
    /// When it cannot be started, does not answer, or cannot provide this containment.
    pub(super) fn start(
        containment: Containment,
        run_id: &str,
        log: &Path,
        entry: Option<&Entry>,
        given_up: &dyn Fn() -> bool,
    ) -> io::Result<Self> {
        // Before the warden exists, so that no orphan of it can go to init.
        become_subreaper();
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["warden", "--containment", containment.name()])
            // `/proc/self/exe` stays valid even if the program's file is replaced or removed
            // meanwhile.
            .env(proc::MARK, run_id)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(private(log)?);
        if let Some(entry) = entry {
            command.arg("--entry").arg(entry.path());
        }
        let mut warden = WardenProcess {
            child: process::spawn(&mut command, Bond::Loose)?,
            containment,
        };
        // The command still owns the warden's end of the socket. Unless it is closed here, the end
        // of the warden would not close the socket.
        drop(command);
        ours.set_write_timeout(Some(HEARING))?;
        let mut reports = Reports::new(ours.try_clone()?);
        let reason = match first(&mut reports, &warden, given_up) {
            Ok(Report::Ready) => {
                return Ok(Self {
                    socket: ours,
                    reports,
                    warden,
                });
            }
            Ok(Report::Unable { reason }) => reason,
            Ok(_) => "it ended without a word".into(),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "it ended without a word".into()
            }
            Err(error) => error.to_string(),
        };
        drop((ours, reports));
        warden.end(PARTING);
        Err(io::Error::other(reason))
    }

    /// Lets the warden end.
    pub(super) fn end(mut self) {
        drop((self.socket, self.reports));
        self.warden.end(PARTING);
    }
}

/// Makes this process a child subreaper: descendants of a warden that is killed become its
/// children, and are found even if they cleared their environment. Not if this process has children
/// it did not start, as after `exec` in a shell: their orphans would come, too. Returns whether it
/// is a subreaper.
pub(super) fn become_subreaper() -> bool {
    static ADOPTS: OnceLock<bool> = OnceLock::new();
    *ADOPTS.get_or_init(|| !proc::is_parent() && prctl::set_child_subreaper(true).is_ok())
}

/// Waits for the warden's first report.
fn first(
    reports: &mut Reports,
    warden: &WardenProcess,
    given_up: &dyn Fn() -> bool,
) -> io::Result<Report> {
    let began = Instant::now();
    loop {
        if let Some(report) = reports.next(TICK)? {
            return Ok(report);
        }
        warden.resume();
        if given_up() {
            return Err(io::Error::other("interrupted"));
        }
        if began.elapsed() > PATIENCE {
            let why = format!("it did not answer for {} s", PATIENCE.as_secs());
            return Err(io::Error::other(why));
        }
    }
}

/// The reports of a warden.
pub(super) struct Reports {
    reader: BufReader<UnixStream>,
    /// The part of a line that has arrived.
    line: Vec<u8>,
}

impl Reports {
    fn new(socket: UnixStream) -> Self {
        Self {
            reader: BufReader::new(socket),
            line: Vec::new(),
        }
    }

    /// The next report, or `None` if none arrived within `wait`.
    ///
    /// # Errors
    /// `UnexpectedEof` once the socket is closed; an error when a line is not a report.
    pub(super) fn next(&mut self, wait: Duration) -> io::Result<Option<Report>> {
        self.reader.get_ref().set_read_timeout(Some(wait))?;
        // On a timeout, the bytes read so far stay in `line`.
        match self.reader.read_until(b'\n', &mut self.line) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if !self.line.ends_with(b"\n") => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                let line = std::mem::take(&mut self.line);
                Ok(Some(serde_json::from_slice(&line)?))
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }
}

/// A warden's process. With the namespace containment, the process outside, which is the parent of
/// the one inside.
#[derive(Debug)]
pub(super) struct WardenProcess {
    child: Child,
    containment: Containment,
}

impl WardenProcess {
    pub(super) fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Continues the warden if it is stopped. Returns whether it was.
    pub(super) fn resume(&self) -> bool {
        let mut stopped = resume(self.id());
        if self.containment == Containment::Namespace {
            for inside in proc::children(self.id()) {
                stopped |= resume(inside);
            }
        }
        stopped
    }

    /// Kills the warden, and with it what its containment ties to it.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits until the warden has ended. After `limit`, kills it.
    pub(super) fn end(&mut self, limit: Duration) {
        let mut until = Instant::now() + limit;
        let mut killed = false;
        let held = PidFd::open(self.id());
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                if killed {
                    // Not even SIGKILL ends it (it may be in uninterruptible sleep), so leave it to
                    // the kernel.
                    return;
                }
                self.kill();
                killed = true;
                until = Instant::now() + PARTING;
            }
            self.resume();
            // The kernel tells when it ends; before Linux 5.3 only another look can.
            match &held {
                Ok(process) => process.ends_within(TICK),
                Err(_) => std::thread::sleep(TICK / 4),
            }
        }
    }
}

/// Continues a process if it is stopped. Returns whether it was.
fn resume(pid: i32) -> bool {
    let stopped = proc::stat(pid).is_some_and(|stat| stat.stopped);
    if stopped {
        let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
    }
    stopped
}

/// Creates a log that only this user can read. It may hold secrets until the run ends.
///
/// # Errors
/// When it cannot be created.
pub(super) fn private(log: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).write(true).truncate(true).mode(0o600);
    options.open(log)
}

/// Sends an order to a warden.
///
/// # Errors
/// When the warden is gone or does not read.
pub(super) fn send(socket: &mut UnixStream, order: &Order) -> io::Result<()> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    socket.write_all(&line)
}
