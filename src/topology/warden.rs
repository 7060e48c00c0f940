//! The warden: parent of every engine process, child subreaper, single-threaded. It is `bench` executed anew, so no thread
//! or lock of the runner is in it. When its socket closes, for whatever reason, it takes everything down: TERM to each
//! group in reverse order of stages, grace, KILL, and again over whatever children are left until there are none.

use super::process;
use super::protocol::{Order, Report, Start};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process that nobody started by name gets between TERM and KILL.
const STRAY_GRACE: Duration = Duration::from_secs(2);
/// How often the state of groups is looked at during teardown; exits wake us at once.
const TICK: Duration = Duration::from_millis(20);

struct Managed {
    name: String,
    group: Pid,
    stage: u32,
    grace: Duration,
    /// Whether its first process has been reaped.
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
    directories: Vec<PathBuf>,
    /// When teardown began.
    stopping: Option<Instant>,
    /// Whether grace is over.
    hurry: bool,
    strays: Vec<(Pid, Instant)>,
    connected: bool,
}

/// Runs the warden on a socket; returns when nothing is left.
///
/// # Errors
/// When the kernel refuses what a warden needs: a subreaper's role or a signal descriptor. Nothing was started then.
pub fn serve(socket: UnixStream) -> io::Result<()> {
    prctl::set_child_subreaper(true)?;
    let mut mask = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
    ] {
        mask.add(signal);
    }
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    socket.set_nonblocking(true)?;
    Warden {
        socket,
        signals,
        input: Vec::new(),
        orders: VecDeque::new(),
        processes: Vec::new(),
        directories: Vec::new(),
        stopping: None,
        hurry: false,
        strays: Vec::new(),
        connected: true,
    }
    .run();
    Ok(())
}

impl Warden {
    fn run(mut self) {
        loop {
            self.wait();
            self.read_signals();
            self.read_orders();
            while let Some(order) = self.orders.pop_front() {
                match order {
                    Order::Start(start) if self.stopping.is_none() => self.start(start),
                    Order::Start(start) => self.say(&Report::Refused {
                        name: start.name,
                        reason: "the topology is being taken down".into(),
                    }),
                    Order::Stop => self.begin_stop(),
                    Order::Kill => {
                        self.begin_stop();
                        self.hurry = true;
                    }
                }
            }
            self.reap();
            if let Some(began) = self.stopping
                && self.step_down(began)
            {
                let leftover = self.remove_directories();
                self.say(&Report::Gone {
                    ms: millis(began),
                    leftover,
                });
                return;
            }
        }
    }

    fn wait(&self) {
        let timeout = if self.stopping.is_some() {
            PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO)
        } else {
            PollTimeout::NONE
        };
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if self.connected {
            fds.push(PollFd::new(self.socket.as_fd(), PollFlags::POLLIN));
        }
        // An interrupted or failed poll only means looking around once more.
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
                // Only the runner writes here; an unreadable order means that it is not to be trusted any more.
                Err(_) => self.begin_stop(),
            }
        }
    }

    fn disconnect(&mut self) {
        self.connected = false;
        self.begin_stop();
    }

    fn begin_stop(&mut self) {
        self.stopping.get_or_insert_with(Instant::now);
    }

    fn say(&mut self, report: &Report) {
        if !self.connected {
            return;
        }
        let mut line = serde_json::to_vec(report).unwrap_or_default();
        line.push(b'\n');
        let written = self
            .socket
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
            Ok(pid) => self.say(&Report::Started {
                name,
                pid: pid.as_raw(),
            }),
            Err(reason) => self.say(&Report::Refused { name, reason }),
        }
    }

    fn try_start(&mut self, start: Start) -> Result<Pid, String> {
        for directory in &start.directories {
            std::fs::create_dir_all(directory)
                .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
            if !self.directories.contains(directory) {
                self.directories.push(directory.clone());
            }
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&start.log)
            .map_err(|error| format!("cannot write {}: {error}", start.log.display()))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let (program, arguments) = start.argv.split_first().ok_or("no program is named")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(start.env)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = process::spawn(&mut command, true)
            .map_err(|error| format!("cannot execute {program}: {error}"))?;
        let group = Pid::from_raw(child.id().cast_signed());
        self.processes.push(Managed {
            name: start.name,
            group,
            stage: start.stage,
            grace: Duration::from_millis(start.grace_ms),
            reaped: false,
            termed: None,
            killed: false,
        });
        Ok(group)
    }

    fn reap(&mut self) {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exit code {code}")),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (
                    pid,
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
                self.say(&Report::Exited { name, status });
            }
        }
    }

    /// Takes the next step of teardown; true when nothing is left.
    fn step_down(&mut self, began: Instant) -> bool {
        let alive = |managed: &Managed| {
            !managed.reaped || !matches!(killpg(managed.group, None), Err(Errno::ESRCH))
        };
        let Some(stage) = self
            .processes
            .iter()
            .filter(|managed| alive(managed))
            .map(|managed| managed.stage)
            .max()
        else {
            return self.sweep(began);
        };
        let mut sent = Vec::new();
        for managed in &mut self.processes {
            if managed.stage != stage || !alive(managed) {
                continue;
            }
            let overdue = managed
                .termed
                .is_some_and(|since| since.elapsed() >= managed.grace);
            if (self.hurry || overdue) && !managed.killed {
                managed.killed = true;
                let _ = killpg(managed.group, Signal::SIGKILL);
                sent.push((managed.name.clone(), "KILL"));
            } else if managed.termed.is_none() && !managed.killed {
                managed.termed = Some(Instant::now());
                let _ = killpg(managed.group, Signal::SIGTERM);
                // A stopped process acts on TERM only once it is continued.
                let _ = killpg(managed.group, Signal::SIGCONT);
                sent.push((managed.name.clone(), "TERM"));
            }
        }
        for (name, signal) in sent {
            self.say(&Report::Signalled {
                name,
                signal: signal.into(),
                at_ms: millis(began),
            });
        }
        false
    }

    /// Ends what left its group: as subreaper, this process is the parent of every orphan. True when none is left.
    fn sweep(&mut self, began: Instant) -> bool {
        let children = children();
        self.strays.retain(|(pid, _)| children.contains(pid));
        for pid in &children {
            let since = self.strays.iter().find(|(known, _)| known == pid);
            let signal = match since {
                None if !self.hurry => Signal::SIGTERM,
                Some((_, since)) if !self.hurry && since.elapsed() < STRAY_GRACE => continue,
                _ => Signal::SIGKILL,
            };
            let _ = kill(*pid, signal);
            let _ = kill(*pid, Signal::SIGCONT);
            if since.is_none() {
                self.strays.push((*pid, Instant::now()));
                self.say(&Report::Signalled {
                    name: format!("stray process {pid} ({})", command_name(*pid)),
                    signal: signal.as_str().trim_start_matches("SIG").into(),
                    at_ms: millis(began),
                });
            }
        }
        children.is_empty()
    }

    /// Removes the topology's directories; returns those that could not be.
    fn remove_directories(&mut self) -> Vec<PathBuf> {
        self.directories
            .drain(..)
            .rev()
            .filter(|directory| {
                std::fs::remove_dir_all(directory)
                    .is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
            })
            .collect()
    }
}

/// The direct children of this process, from the parent field of every process's `stat`.
fn children() -> Vec<Pid> {
    let me = Pid::this().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command name, in brackets, may hold anything; fields are counted after its last bracket.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
            (parent == me).then_some(Pid::from_raw(pid))
        })
        .collect()
}

fn command_name(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "gone".into(), |name| name.trim().to_owned())
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
