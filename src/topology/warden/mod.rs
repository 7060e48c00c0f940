//! The warden: the parent of every engine process, a child subreaper, single-threaded. It is
//! `bench` executed again, so it has no threads or locks of the runner. When its socket closes, for
//! whatever reason, it takes everything down (`down`).

mod down;

use super::containment::{self, Cgroup, Containment};
use super::proc;
use super::process::{self, Bond, PidFd};
use super::protocol::{Order, Report, Start};
use super::registry::{Entry, Line};
use super::scratch;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Interval at which the state of process groups is checked during teardown. Exits wake the warden
/// at once.
const TICK: Duration = Duration::from_millis(20);
/// Interval of scans for shared memory while processes start. There are none while measurements
/// run.
const LOOK: Duration = Duration::from_secs(1);

/// Exit codes of a warden: nothing that the registry names is left; or something is left, or it
/// could not work.
const CLEAN: i32 = 0;
const UNCLEAN: i32 = 1;

/// Arguments of a warden. Orders arrive on its standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How processes are contained.
    #[arg(long)]
    containment: Containment,
    /// Path of the run's entry in the registry.
    #[arg(long)]
    entry: Option<PathBuf>,
    /// Pid (outside) of the process that created the PID namespace whose first process this is.
    #[arg(long)]
    outside: Option<i32>,
}

/// Runs a warden until nothing is left. Returns its exit code.
///
/// # Errors
/// When the kernel refuses what it needs; nothing was started then.
pub(crate) fn run(options: &Options) -> io::Result<i32> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let served = match options.containment {
        Containment::Namespace if options.outside.is_none() => {
            return run_in_namespace(options, &mut socket);
        }
        _ => Warden::new(options, socket.try_clone()?),
    };
    match served {
        Ok(warden) => Ok(if warden.run() { CLEAN } else { UNCLEAN }),
        Err(error) => report_unable(&mut socket, &error),
    }
}

fn run_in_namespace(options: &Options, socket: &mut UnixStream) -> io::Result<i32> {
    // This process locks the entry as well: a later `bench` finds this process through it if it is
    // stopped. It also removes the entry at the end, because it is the last process of the run.
    let entry = options.entry.as_deref().map(Entry::join).transpose()?;
    let mut inner = Command::new("/proc/self/exe");
    inner
        .args([
            "warden",
            "--containment",
            Containment::Namespace.name(),
            "--outside",
        ])
        .arg(std::process::id().to_string());
    if let Some(entry) = &options.entry {
        inner.arg("--entry").arg(entry);
    }
    let code =
        containment::run_in_namespace(&mut inner).or_else(|error| report_unable(socket, &error))?;
    if code == CLEAN
        && let Some(entry) = entry
    {
        entry.remove();
    }
    Ok(code)
}

fn report_unable(socket: &mut UnixStream, error: &io::Error) -> io::Result<i32> {
    let mut line = serde_json::to_vec(&Report::Unable {
        reason: error.to_string(),
    })?;
    line.push(b'\n');
    socket.write_all(&line)?;
    Ok(UNCLEAN)
}

struct Managed {
    name: String,
    group: Pid,
    stage: u32,
    grace: Duration,
    /// Whether its first process was reaped.
    reaped: bool,
    termed: Option<Instant>,
    killed: bool,
}

struct Warden {
    socket: UnixStream,
    signals: SignalFd,
    input: Vec<u8>,
    orders: VecDeque<Order>,
    processes: Vec<Managed>,
    /// The run's own directories, without the directories inside them.
    directories: Vec<PathBuf>,
    /// Id of the run, written into its directories.
    run_id: String,
    /// When teardown began.
    stopping: Option<Instant>,
    /// Whether the grace is over.
    hurry: bool,
    strays: Vec<(Pid, Instant)>,
    /// When the sweep for strays began.
    swept: Option<Instant>,
    /// Number of strays that were reported.
    told: usize,
    /// Processes that could not be ended.
    running: Vec<String>,
    /// Descendants whose environment does not name the run, by pid and start time.
    unmarked: BTreeSet<(i32, u64)>,
    connected: bool,
    entry: Option<Entry>,
    cgroup: Option<Cgroup>,
    /// Whether pids differ outside, because this is a PID namespace.
    in_namespace: bool,
    /// Whether measurements run, so that nothing may disturb the processes.
    scanning_stopped: bool,
    /// Whether the directories are kept.
    keep: bool,
    /// Shared memory that was seen in use: path and inode.
    memory: BTreeSet<(PathBuf, u64)>,
}

impl Warden {
    fn new(options: &Options, socket: UnixStream) -> io::Result<Self> {
        if options
            .outside
            .is_some_and(|parent| !containment::is_parent(parent))
        {
            return Err(io::Error::other("who started this has gone"));
        }
        // Before the first process is started: descendants whose parent ends become children of the
        // warden instead of init, and can be found and reaped.
        prctl::set_child_subreaper(true)?;
        let mut mask = process::polite_signals();
        mask.add(Signal::SIGCHLD);
        // signalfd delivers only blocked signals; unblocked ones would run their default action.
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        // The loop waits in poll for signals and orders together. A blocking read of one would
        // starve the other.
        socket.set_nonblocking(true)?;
        let mut warden = Self {
            socket,
            signals,
            input: Vec::new(),
            orders: VecDeque::new(),
            processes: Vec::new(),
            directories: Vec::new(),
            run_id: std::env::var(proc::MARK).unwrap_or_default(),
            stopping: None,
            hurry: false,
            strays: Vec::new(),
            swept: None,
            told: 0,
            running: Vec::new(),
            unmarked: BTreeSet::new(),
            connected: true,
            entry: options.entry.as_deref().map(Entry::join).transpose()?,
            cgroup: None,
            in_namespace: options.outside.is_some(),
            scanning_stopped: false,
            keep: false,
            memory: BTreeSet::new(),
        };
        if options.containment == Containment::Cgroup {
            // Recorded before it is created: an unrecorded cgroup would stay for ever. No process
            // joins it before its inode is recorded as well.
            let path = Cgroup::place()?;
            let note = |inode| Line::Cgroup {
                path: path.clone(),
                inode,
            };
            warden.register(&note(None));
            warden.cgroup = Some(Cgroup::create(path.clone())?);
            warden.register(&note(containment::inode(&path)));
        }
        warden.say(&Report::Ready);
        Ok(warden)
    }

    /// Records a line on disk. A full disk must not stop the warden: only a later search would find
    /// less.
    fn register(&mut self, line: &Line) {
        if let Some(entry) = &mut self.entry {
            let _ = entry.add(line);
        }
    }

    /// Works until nothing is left. Returns whether nothing that the registry names is left.
    fn run(mut self) -> bool {
        loop {
            self.wait();
            // Signals before orders: after SIGTERM, no further process may start.
            self.read_signals();
            self.read_orders();
            while let Some(order) = self.orders.pop_front() {
                match order {
                    Order::Start(start) if self.stopping.is_none() => self.start(start),
                    Order::Start(start) => self.say(&Report::Refused {
                        name: start.name,
                        reason: "the topology is being taken down".into(),
                        errno: None,
                    }),
                    Order::StopScanning => {
                        self.record_shared_memory();
                        self.scanning_stopped = true;
                    }
                    Order::Stop { keep } => {
                        self.keep = keep;
                        self.begin_stop();
                    }
                    Order::Kill => {
                        self.begin_stop();
                        self.hurry = true;
                    }
                }
            }
            self.reap();
            if self.stopping.is_none() && !self.scanning_stopped {
                self.record_shared_memory();
            }
            if let Some(began) = self.stopping
                && self.step_down(began)
            {
                return self.finish();
            }
        }
    }

    fn wait(&self) {
        let timeout = match self.stopping {
            Some(_) => PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO),
            None if self.scanning_stopped || self.processes.is_empty() => PollTimeout::NONE,
            None => PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO),
        };
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if self.connected {
            fds.push(PollFd::new(self.socket.as_fd(), PollFlags::POLLIN));
        }
        // If poll was interrupted or failed, the loop merely runs once more.
        let _ = poll(&mut fds, timeout);
    }

    fn read_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            if info.ssi_signo != Signal::SIGCHLD as u32 {
                self.begin_stop();
            }
        }
    }

    fn read_orders(&mut self) {
        let mut buffer = [0; 64 * 1024];
        while self.connected {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.disconnect(),
                Ok(n) => self.input.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.disconnect(),
            }
        }
        while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(order) => self.orders.push_back(order),
                // Only the runner writes to this socket. After an unreadable order it cannot be
                // trusted.
                Err(_) => self.begin_stop(),
            }
        }
    }

    fn disconnect(&mut self) {
        self.connected = false;
        self.begin_stop();
    }

    fn begin_stop(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(Instant::now());
        }
    }

    fn say(&mut self, report: &Report) {
        if !self.connected {
            return;
        }
        let mut line = serde_json::to_vec(report).unwrap_or_default();
        line.push(b'\n');
        let written = self
            .socket
            // A runner that is stopped does not read. The timeout keeps it from delaying teardown.
            .set_nonblocking(false)
            .and_then(|()| self.socket.set_write_timeout(Some(Duration::from_secs(1))))
            .and_then(|()| self.socket.write_all(&line))
            .and_then(|()| self.socket.set_nonblocking(true));
        if written.is_err() {
            self.disconnect();
        }
    }

    fn start(&mut self, start: Start) {
        let name = start.name.clone();
        match self.try_start(start) {
            Ok(pid) => self.say(&Report::Started { name, pid }),
            Err(Refusal { reason, errno }) => self.say(&Report::Refused {
                name,
                reason,
                errno,
            }),
        }
    }

    fn try_start(&mut self, start: Start) -> Result<i32, Refusal> {
        for directory in &start.directories {
            self.make(directory)
                .map_err(|error| Refusal::of("cannot make", directory, &error))?;
        }
        let errors = append(&start.log)?;
        let output = match &start.output {
            Some(output) => append(Path::new(&output.0))?,
            None => append(&start.log)?,
        };
        let Some((program, arguments)) = start.argv.split_first() else {
            let none = io::Error::other("no program is named");
            return Err(Refusal::of("cannot execute", Path::new(""), &none));
        };
        let mut command = Command::new(&program.0);
        if !start.inherit {
            command.env_clear();
        }
        command
            .args(arguments.iter().map(|argument| &argument.0))
            .envs(start.env.into_iter().map(|(name, value)| (name.0, value.0)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let cgroup = self.cgroup.as_ref().map(Cgroup::procs).transpose();
        // A child that could not join the cgroup must not run, so spawning depends on it.
        let child = cgroup
            .and_then(|procs| process::spawn(&mut command, Bond::Tied(procs)))
            .map_err(|error| Refusal::of("cannot execute", Path::new(&program.0), &error))?;
        let group = Pid::from_raw(child.id().cast_signed());
        self.processes.push(Managed {
            name: start.name.clone(),
            group,
            stage: start.stage,
            grace: Duration::from_millis(start.grace_ms),
            reaped: false,
            termed: None,
            killed: false,
        });
        let pid = self.outside(group);
        // The one line that follows its action: there is no pid before. Until it is on disk,
        // BENCH_RUN_ID in the environment identifies the process.
        self.register(&Line::Process {
            name: start.name,
            pid,
            start: proc::stat(group.as_raw()).map_or(0, |stat| stat.start),
            log: std::fs::canonicalize(&start.log).unwrap_or(start.log),
        });
        Ok(pid)
    }

    /// Creates a directory. The run's own directory that contains it is created exclusively and
    /// marked.
    fn make(&mut self, directory: &Path) -> io::Result<()> {
        let top = scratch::top(directory)
            .ok_or_else(|| io::Error::other("it is not in a directory for runs of this user"))?;
        if !self.directories.iter().any(|known| known == top) {
            let path = top.to_owned();
            self.register(&Line::Directory { path });
            // Recorded in the list first, so that a half-made directory is removed as well.
            self.directories.push(top.to_owned());
            scratch::make(top, &self.run_id)?;
        }
        std::fs::create_dir_all(directory)
    }

    /// The pid of a process as the runner sees it.
    fn outside(&self, pid: Pid) -> i32 {
        self.in_namespace
            .then(|| proc::pid_outside(&PidFd::open(pid.as_raw()).ok()?))
            .flatten()
            .unwrap_or(pid.as_raw())
    }

    fn reap(&mut self) {
        loop {
            // SIGCHLD is not queued: one signal may stand for many exits, so reap until none is
            // left. Orphans that came to the subreaper are reaped here as well.
            let (pid, success, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, code == 0, format!("exit code {code}")),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (
                    pid,
                    false,
                    format!(
                        "signal {} ({})",
                        signal as i32,
                        signal.as_str().trim_start_matches("SIG")
                    ),
                ),
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if let Some(managed) = self
                .processes
                .iter_mut()
                .find(|managed| managed.group == pid && !managed.reaped)
            {
                managed.reaped = true;
                let name = managed.name.clone();
                self.say(&Report::Exited {
                    name,
                    status,
                    success,
                });
            }
        }
    }
}

/// Why a process was not started.
struct Refusal {
    reason: String,
    errno: Option<i32>,
}

impl Refusal {
    fn of(what: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            reason: format!("{what} {}: {error}", path.display()),
            errno: error.raw_os_error(),
        }
    }
}

/// Opens a file to append output to.
fn append(path: &Path) -> Result<std::fs::File, Refusal> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Refusal::of("cannot write", path, &error))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
