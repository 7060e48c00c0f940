//! The runner's handle on a warden and its processes.

use super::kept;
use super::leftovers::{self, Cleaned};
use super::link::{Link, PARTING, PATIENCE, Reports, TICK, WardenProcess, private, send};
use super::listeners::stranger;
use super::proc;
use super::protocol::{Order, Report, Start};
use super::raw::RawText;
use super::registry::{self, Entry};
use super::scratch;
use super::{Alarm, Containment, Error, Exit};
use crate::engine::Process;
use crate::event::{Event, Events};
use crate::measure::lifecycle::{SignalRecord, Teardown};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a warden may stay silent during teardown, beyond the longest grace of its processes.
const SILENCE: Duration = Duration::from_secs(60);
/// The same once the user skipped the grace, and once the warden was found stopped as well.
const HURRIED: Duration = Duration::from_secs(10);
const STOPPED: Duration = Duration::from_secs(2);

/// Tells a warden to skip the grace. A signal-handling thread may use it.
#[derive(Debug)]
pub(crate) struct Killer {
    socket: UnixStream,
    seen: Arc<Seen>,
}

impl Killer {
    /// Kills the remaining processes.
    pub(crate) fn kill(&mut self) {
        // Recorded first: a stopped warden does not read, so sending may block for a while.
        locked(&self.seen.hurried).get_or_insert_with(Instant::now);
        let _ = send(&mut self.socket, &Order::Kill);
    }
}

/// The running processes and their warden.
#[derive(Debug)]
pub(crate) struct Topology {
    socket: UnixStream,
    warden: WardenProcess,
    alarm: Alarm,
    /// The longest grace of its processes.
    grace: Duration,
    containment: Containment,
    replies: Receiver<Result<i32, String>>,
    gone: Receiver<Gone>,
    seen: Arc<Seen>,
    entry: Option<Entry>,
    run_id: String,
    logs: PathBuf,
    /// The directories that its processes were given.
    directories: Vec<PathBuf>,
}

/// What remains after the warden has done what it can.
struct Gone {
    leftover: Vec<PathBuf>,
    running: Vec<String>,
}

/// What the listening thread has learned from the warden.
#[derive(Debug, Default)]
struct Seen {
    exits: Mutex<Vec<Exit>>,
    signals: Mutex<Vec<SignalRecord>>,
    /// Whether the warden was asked to take everything down.
    stopping: AtomicBool,
    /// Whether the warden ended without being asked to.
    lost: AtomicBool,
    /// Whether unexpected exits raise no alarm.
    tolerant: AtomicBool,
    /// When the warden last sent a report.
    heard: Mutex<Option<Instant>>,
    /// When the user skipped the grace.
    hurried: Mutex<Option<Instant>>,
}

impl Topology {
    /// Starts a warden (this program executed again) with the strongest containment available, or
    /// the one that BENCH_TIER names. The output of every process goes to `logs`. `alarm` is raised
    /// when a process ends unexpectedly.
    ///
    /// # Errors
    /// [`Error::Warden`] when it cannot be started.
    pub(crate) fn open(
        run_id: &str,
        logs: &Path,
        alarm: &Alarm,
        events: &Events,
    ) -> Result<Self, Error> {
        let containments = containments()?;
        // If the state directory cannot be used, the user was told so when the run began.
        let entry = registry::place().and_then(|(place, _)| Entry::create(&place, run_id));
        if let Err(error) = &entry {
            events.emit(Event::Warning {
                message: format!(
                    "what this run starts can't be noted, so that `bench clean` would not find it: {error}"
                ),
            });
        }
        let entry = entry.ok();
        let log = logs.join("warden.log");
        match Strongest::start(&containments, run_id, &log, entry.as_ref(), alarm) {
            Ok(started) => {
                let mut topology = Self::listening(started, alarm, events)?;
                topology.entry = entry;
                run_id.clone_into(&mut topology.run_id);
                logs.clone_into(&mut topology.logs);
                Ok(topology)
            }
            Err(error) => {
                if let Some(entry) = entry {
                    entry.remove();
                }
                Err(error)
            }
        }
    }

    /// Starts the thread that listens to a warden.
    fn listening(started: Strongest, alarm: &Alarm, events: &Events) -> Result<Self, Error> {
        let Strongest {
            mut link,
            containment,
        } = started;
        let (reply, replies) = channel();
        let (done, gone) = channel();
        let seen = Arc::<Seen>::default();
        let listener = Listener {
            seen: Arc::clone(&seen),
            alarm: alarm.clone(),
            events: events.clone(),
            reply,
            done,
        };
        let listening = std::thread::Builder::new()
            .name("warden".into())
            .spawn(move || listener.listen(link.reports));
        if let Err(error) = listening {
            // This closes our last end of the socket, so the warden ends.
            drop(link.socket);
            link.warden.end(PARTING);
            return Err(Error::Warden(format!(
                "can't be listened to: no thread can be started: {error}"
            )));
        }
        Ok(Self {
            socket: link.socket,
            warden: link.warden,
            alarm: alarm.clone(),
            grace: Duration::ZERO,
            containment,
            replies,
            gone,
            seen,
            entry: None,
            run_id: String::new(),
            logs: PathBuf::new(),
            directories: Vec::new(),
        })
    }

    /// Returns how the processes are contained.
    #[must_use]
    pub(crate) fn containment(&self) -> Containment {
        self.containment
    }

    /// Starts one process with exactly the environment `env`. Its log begins with `header`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the system's reason.
    pub(crate) fn start(
        &mut self,
        process: &Process,
        env: Vec<(OsString, OsString)>,
        header: &str,
    ) -> Result<i32, Error> {
        let refused = |reason: String| Error::Refused {
            process: process.name.clone(),
            reason,
        };
        self.directories.extend_from_slice(&process.directories);
        self.grace = self.grace.max(process.grace);
        let log = self.log(&process.name);
        private(&log)
            .and_then(|mut file| writeln!(file, "{header}"))
            .map_err(|error| refused(error.to_string()))?;
        let order = Order::Start(Start {
            name: process.name.clone(),
            argv: process.argv.iter().cloned().map(RawText).collect(),
            env: env
                .into_iter()
                .map(|(name, value)| (RawText(name), RawText(value)))
                .collect(),
            log,
            output: None,
            inherit: false,
            stage: process.stage,
            grace_ms: u64::try_from(process.grace.as_millis()).unwrap_or(u64::MAX),
            directories: process.directories.clone(),
        });
        send(&mut self.socket, &order).map_err(|error| Error::Warden(error.to_string()))?;
        self.started().and_then(|reply| reply.map_err(refused))
    }

    /// Waits for the result of a start. The user may end the wait.
    fn started(&self) -> Result<Result<i32, String>, Error> {
        let began = Instant::now();
        loop {
            match self.replies.recv_timeout(TICK) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Timeout) if began.elapsed() < PATIENCE => {
                    self.warden.resume();
                    // A working warden answers sooner than this.
                    if self.alarm.raised() && began.elapsed() > STOPPED {
                        return Err(Error::Interrupted);
                    }
                }
                Err(_) => return Err(Error::Warden("ended or does not answer".into())),
            }
        }
    }

    /// Another process that listens on a port of this process: the port, and the process in words.
    pub(super) fn stranger(&self, process: &Process) -> Option<(u16, String)> {
        let tree = proc::descendants(self.warden.id());
        let taken = |port: &u16| Some((*port, stranger(*port, &tree)?));
        process.ports.iter().find_map(taken)
    }

    /// Tells the warden that measurements begin: from now on it scans nothing.
    pub(crate) fn stop_scanning(&mut self) {
        // If the warden is gone, the listening thread notices.
        let _ = send(&mut self.socket, &Order::StopScanning);
    }

    /// From now on, unexpected exits raise no alarm. [`Self::death`] still reports them.
    pub(crate) fn tolerate(&self) {
        self.seen.tolerant.store(true, Ordering::SeqCst);
    }

    /// Path of a process's log.
    #[must_use]
    pub(crate) fn log(&self, process: &str) -> PathBuf {
        self.logs.join(format!("{process}.log"))
    }

    /// The first process that ended unexpectedly, as an error. The warden itself counts.
    #[must_use]
    pub(crate) fn death(&self, when: &'static str) -> Option<Error> {
        if self.seen.lost.load(Ordering::SeqCst) {
            return Some(Error::Warden(
                "was ended by someone else, and its processes with it".into(),
            ));
        }
        locked(&self.seen.exits).first().map(|exit| Error::Died {
            process: exit.process.clone(),
            status: exit.status.clone(),
            when,
            log: self.log(&exit.process),
        })
    }

    /// Creates a handle with which another thread can skip the grace.
    ///
    /// # Errors
    /// When the socket cannot be duplicated.
    pub(crate) fn killer(&self) -> io::Result<Killer> {
        Ok(Killer {
            socket: self.socket.try_clone()?,
            seen: Arc::clone(&self.seen),
        })
    }

    /// Takes everything down and waits until nothing remains; without grace if `hurried`. First
    /// copies the content of its directories to `keep`, up to a limit.
    ///
    /// # Errors
    /// [`Error::Warden`] when the warden does not report that everything is gone, or a directory
    /// could not be removed.
    pub(crate) fn stop(mut self, keep: Option<&Path>, hurried: bool) -> Result<Teardown, Error> {
        self.seen.stopping.store(true, Ordering::SeqCst);
        let began = Instant::now();
        // A warden that cannot be told to stop has ended, or is about to: its answer shows that.
        let order = Order::Stop {
            keep: keep.is_some(),
        };
        let _ = send(&mut self.socket, &order);
        if hurried {
            locked(&self.seen.hurried).get_or_insert_with(Instant::now);
            let _ = send(&mut self.socket, &Order::Kill);
        }
        let answer = self.gone_or_silent();
        self.warden.end(PARTING);
        if let (Some(keep), Ok(_)) = (keep, &answer) {
            self.keep(keep)?;
        }
        match answer {
            Ok(gone) if !gone.running.is_empty() => Err(Error::Warden(format!(
                "could not end {}; `bench clean` tries again",
                gone.running.join(", ")
            ))),
            Ok(gone) if !gone.leftover.is_empty() => Err(Error::Warden(format!(
                "could not remove {}; remove it by hand",
                gone.leftover[0].display()
            ))),
            Ok(_) => Ok(Teardown {
                ms: began.elapsed().as_secs_f64() * 1e3,
                signals: locked(&self.seen.signals).clone(),
            }),
            Err(how) => Err(Error::Warden(match self.end_leftovers() {
                Some(cleaned) => format!("{how} before it had taken everything down; {cleaned}"),
                None => format!(
                    "{how} before it had taken everything down, and nothing says what it left; look for it with `grep -l BENCH_RUN_ID /proc/*/environ`"
                ),
            })),
        }
    }

    /// Waits until the warden reports that everything is gone. A warden that stays silent for too
    /// long is killed: its containment then ends the processes it holds, and the registry names the
    /// rest.
    fn gone_or_silent(&mut self) -> Result<Gone, String> {
        let began = Instant::now();
        let mut stopped = false;
        loop {
            match self.gone.recv_timeout(TICK) {
                Ok(gone) => return Ok(gone),
                Err(RecvTimeoutError::Disconnected) => return Err("ended".into()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // A stopped warden cannot act on any order.
            stopped |= self.warden.resume();
            let hurried = *locked(&self.seen.hurried);
            let heard = *locked(&self.seen.heard);
            let since = [Some(began), heard, hurried].into_iter().flatten().max();
            let silent = since.unwrap_or(began).elapsed();
            let limit = match hurried {
                Some(_) if stopped => STOPPED,
                Some(_) => HURRIED,
                None => self.grace + SILENCE,
            };
            if silent > limit {
                self.warden.kill();
                return Err(format!(
                    "did not answer for {} s{} and was killed",
                    silent.as_secs(),
                    if stopped { ", was found stopped" } else { "" }
                ));
            }
        }
    }

    /// Copies the content of the directories and removes them. The warden left them for this.
    fn keep(&mut self, to: &Path) -> Result<(), Error> {
        let kept = kept::keep(&self.directories, to);
        let own: BTreeSet<_> = self
            .directories
            .iter()
            .filter_map(|path| scratch::top(path))
            .collect();
        for directory in own {
            let _ = scratch::remove(directory, &self.run_id);
        }
        if let Some(entry) = self.entry.take() {
            entry.remove();
        }
        kept.map_err(|error| {
            let to = to.display();
            Error::Warden(format!(
                "has ended; failed to keep its files in {to}: {error}"
            ))
        })
    }

    /// Ends what a warden left behind that ended too early.
    fn end_leftovers(&mut self) -> Option<Cleaned> {
        leftovers::end_own(&self.entry.take()?)
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        self.seen.stopping.store(true, Ordering::SeqCst);
        // shutdown and not close: the listening thread and killers hold duplicates of this socket.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        self.warden.end(self.grace + SILENCE);
        self.end_leftovers();
    }
}

/// Receives the warden's reports, on a thread of its own.
struct Listener {
    seen: Arc<Seen>,
    alarm: Alarm,
    events: Events,
    reply: Sender<Result<i32, String>>,
    done: Sender<Gone>,
}

impl Listener {
    fn listen(self, mut reports: Reports) {
        while let Ok(report) = reports.next(PATIENCE) {
            if let Some(report) = report {
                *locked(&self.seen.heard) = Some(Instant::now());
                self.hear(report);
            }
        }
        // The socket closed: either everything is gone, or the warden died and nothing supervises
        // the processes.
        if !self.seen.stopping.load(Ordering::SeqCst) {
            self.seen.lost.store(true, Ordering::SeqCst);
            self.alarm.raise();
        }
    }

    fn hear(&self, report: Report) {
        match report {
            Report::Started { name, pid } => {
                self.events
                    .emit(Event::ProcessStarted { process: name, pid });
                let _ = self.reply.send(Ok(pid));
            }
            Report::Refused { reason, .. } => {
                let _ = self.reply.send(Err(reason));
            }
            Report::Exited { name, status, .. } => self.exited(name, status),
            Report::Signalled {
                name,
                signal,
                at_ms,
            } => {
                self.events.emit(Event::Signalled {
                    process: name.clone(),
                    signal,
                });
                locked(&self.seen.signals).push(SignalRecord {
                    process: name,
                    signal,
                    at_ms,
                });
            }
            Report::Gone { leftover, running } => {
                let _ = self.done.send(Gone { leftover, running });
            }
            Report::Ready | Report::Unable { .. } => {}
        }
    }

    fn exited(&self, process: String, status: String) {
        let expected = self.seen.stopping.load(Ordering::SeqCst);
        if !expected {
            locked(&self.seen.exits).push(Exit {
                process: process.clone(),
                status: status.clone(),
            });
            if !self.seen.tolerant.load(Ordering::SeqCst) {
                self.alarm.raise();
            }
        }
        self.events.emit(Event::ProcessExited {
            process,
            status,
            expected,
        });
    }
}

/// A warden with the strongest containment available.
struct Strongest {
    link: Link,
    containment: Containment,
}

impl Strongest {
    fn start(
        containments: &[Containment],
        run_id: &str,
        log: &Path,
        entry: Option<&Entry>,
        alarm: &Alarm,
    ) -> Result<Self, Error> {
        let mut missed = Vec::new();
        for &containment in containments {
            match Link::start(containment, run_id, log, entry, &|| alarm.raised()) {
                Ok(link) => {
                    return Ok(Self { link, containment });
                }
                Err(error) => missed.push(format!("{}: {error}", containment.name())),
            }
        }
        Err(Error::Warden(format!(
            "could not be started: {}",
            missed.join("; ")
        )))
    }
}

/// The containments to try, in order.
pub(super) fn containments() -> Result<Vec<Containment>, Error> {
    let Some(asked) = std::env::var_os("BENCH_TIER").filter(|value| !value.is_empty()) else {
        return Ok(Containment::ALL.to_vec());
    };
    let known = Containment::ALL
        .iter()
        .find(|containment| asked == containment.name());
    known.map(|containment| vec![*containment]).ok_or_else(|| {
        Error::Warden(format!(
            "can't be started: BENCH_TIER is {}, not `namespace`, `cgroup` or `plain`",
            asked.display()
        ))
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
