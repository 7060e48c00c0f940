//! Processes: the warden that owns them, their ports, logs, readiness and end. A [`Topology`] is the runner's handle on a
//! warden; dropping it takes everything down.

pub mod logs;
pub mod ports;
mod process;
mod protocol;
pub mod ready;
pub mod warden;

use crate::engine::Process;
use crate::event::{Event, Events};
use crate::measure::lifecycle::{SignalRecord, Teardown};
use protocol::{Order, Report, Start};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a topology is not up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The warden could not be started or has gone.
    #[error("the warden that supervises the engines {0}")]
    Warden(String),
    /// A process could not be executed.
    #[error("{process} could not be started: {reason}")]
    Refused {
        /// Its name.
        process: String,
        /// Why.
        reason: String,
    },
    /// A process ended although it should run.
    #[error("{process} ended with {status} {when}")]
    Died {
        /// Its name.
        process: String,
        /// `exit code 1`, `signal 9 (KILL)`.
        status: String,
        /// `while starting`, `under load`.
        when: &'static str,
        /// Its log.
        log: PathBuf,
    },
    /// A process does not answer its probe.
    #[error("{process} was not ready after {seconds} s: {last}")]
    NotReady {
        /// Its name, or `the topology`.
        process: String,
        /// The limit.
        seconds: u64,
        /// What the last probe saw.
        last: String,
        /// Its log, or every process's where all of them are there.
        logs: Vec<PathBuf>,
    },
    /// It answers, but not as the scenario says.
    #[error("{0}")]
    Unproven(String),
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// A process that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its name.
    pub process: String,
    /// `exit code 1`, `signal 9 (KILL)`.
    pub status: String,
}

/// A flag that ends waiting and load: set by the first unexpected exit, or by whoever holds a clone.
#[derive(Debug, Clone, Default)]
pub struct Alarm(Arc<AtomicBool>);

impl Alarm {
    /// Raises it.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    /// Whether it was raised.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
    /// The flag itself, for code that knows nothing of topologies.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// Tells a warden to skip the grace; usable from a signal-handling thread.
#[derive(Debug)]
pub struct Killer(UnixStream);

impl Killer {
    /// Kills what is left.
    pub fn kill(&mut self) {
        let _ = send(&mut self.0, &Order::Kill);
    }
}

/// Running processes under a warden of their own.
#[derive(Debug)]
pub struct Topology {
    socket: UnixStream,
    warden: Child,
    replies: Receiver<Result<i32, String>>,
    gone: Receiver<(f64, Vec<PathBuf>)>,
    exits: Arc<Mutex<Vec<Exit>>>,
    signals: Arc<Mutex<Vec<SignalRecord>>>,
    stopping: Arc<AtomicBool>,
    /// Whether the warden went away without being asked to.
    lost: Arc<AtomicBool>,
    logs: PathBuf,
}

impl Topology {
    /// Starts a warden: this program executed anew. `logs` is where every process's output goes; `alarm` is raised
    /// when a process ends that was not asked to.
    ///
    /// # Errors
    /// [`Error::Warden`] when it can't be started.
    pub fn open(run_id: &str, logs: &Path, alarm: &Alarm, events: &Events) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::Warden(format!("could not be started: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let log = std::fs::File::create(logs.join("warden.log")).map_err(failed)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("warden")
            .env("BENCH_RUN_ID", run_id)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(log);
        let warden = process::spawn(&mut command, false).map_err(failed)?;
        // The command still holds the warden's end of the socket; its closing must be seen by us.
        drop(command);
        let reader = ours.try_clone().map_err(failed)?;
        let (reply, replies) = channel();
        let (done, gone) = channel();
        let topology = Self {
            socket: ours,
            warden,
            replies,
            gone,
            exits: Arc::default(),
            signals: Arc::default(),
            stopping: Arc::default(),
            lost: Arc::default(),
            logs: logs.to_owned(),
        };
        let (exits, signals) = (Arc::clone(&topology.exits), Arc::clone(&topology.signals));
        let (stopping, lost) = (Arc::clone(&topology.stopping), Arc::clone(&topology.lost));
        let (alarm, events) = (alarm.clone(), events.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                let Ok(Ok(report)) = line.map(|line| serde_json::from_str(&line)) else {
                    break;
                };
                match report {
                    Report::Started { name, pid } => {
                        events.emit(Event::ProcessStarted { process: name, pid });
                        let _ = reply.send(Ok(pid));
                    }
                    Report::Refused { reason, .. } => {
                        let _ = reply.send(Err(reason));
                    }
                    Report::Exited { name, status } => {
                        let expected = stopping.load(Ordering::SeqCst);
                        if !expected {
                            locked(&exits).push(Exit {
                                process: name.clone(),
                                status: status.clone(),
                            });
                            alarm.raise();
                        }
                        events.emit(Event::ProcessExited {
                            process: name,
                            status,
                            expected,
                        });
                    }
                    Report::Signalled {
                        name,
                        signal,
                        at_ms,
                    } => {
                        events.emit(Event::Signalled {
                            process: name.clone(),
                            signal: signal.clone(),
                        });
                        locked(&signals).push(SignalRecord {
                            process: name,
                            signal,
                            at_ms,
                        });
                    }
                    Report::Gone { ms, leftover } => {
                        let _ = done.send((ms, leftover));
                    }
                }
            }
            // The socket closed: either all is gone, or the warden died and nobody supervises any more.
            if !stopping.load(Ordering::SeqCst) {
                lost.store(true, Ordering::SeqCst);
                alarm.raise();
            }
        });
        Ok(topology)
    }

    /// Starts one process with exactly the environment `env`; its log begins with `header`.
    ///
    /// # Errors
    /// [`Error::Refused`] with the system's reason.
    pub fn start(
        &mut self,
        process: &Process,
        env: Vec<(String, String)>,
        header: &str,
    ) -> Result<i32, Error> {
        let refused = |reason: String| Error::Refused {
            process: process.name.clone(),
            reason,
        };
        let log = self.log(&process.name);
        std::fs::write(&log, format!("{header}\n")).map_err(|error| refused(error.to_string()))?;
        let order = Order::Start(Start {
            name: process.name.clone(),
            argv: process.argv.clone(),
            env,
            log,
            stage: process.stage,
            grace_ms: u64::try_from(process.grace.as_millis()).unwrap_or(u64::MAX),
            directories: process.directories.clone(),
        });
        send(&mut self.socket, &order).map_err(|error| Error::Warden(error.to_string()))?;
        match self.replies.recv_timeout(Duration::from_secs(30)) {
            Ok(reply) => reply.map_err(refused),
            Err(_) => Err(Error::Warden("ended or does not answer".into())),
        }
    }

    /// Where a process's output goes.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.logs.join(format!("{process}.log"))
    }

    /// The first process that ended without being asked to, as an error; the warden itself counts.
    #[must_use]
    pub fn death(&self, when: &'static str) -> Option<Error> {
        if self.lost.load(Ordering::SeqCst) {
            return Some(Error::Warden(
                "was ended by someone else, and its processes with it".into(),
            ));
        }
        locked(&self.exits).first().map(|exit| Error::Died {
            process: exit.process.clone(),
            status: exit.status.clone(),
            when,
            log: self.log(&exit.process),
        })
    }

    /// A handle with which another thread can skip the grace.
    ///
    /// # Errors
    /// When the socket can't be duplicated.
    pub fn killer(&self) -> io::Result<Killer> {
        self.socket.try_clone().map(Killer)
    }

    /// Takes everything down and waits until nothing is left.
    ///
    /// # Errors
    /// [`Error::Warden`] when it does not report that all is gone, or a directory could not be removed.
    pub fn stop(mut self) -> Result<Teardown, Error> {
        self.stopping.store(true, Ordering::SeqCst);
        let began = Instant::now();
        // A warden that can't be told to stop has stopped, or is about to: the answer tells.
        let _ = send(&mut self.socket, &Order::Stop);
        let answer = self.gone.recv();
        let _ = self.warden.wait();
        let signals = locked(&self.signals).clone();
        match answer {
            Ok((_, leftover)) if !leftover.is_empty() => Err(Error::Warden(format!(
                "could not remove {}; remove it by hand",
                leftover[0].display()
            ))),
            Ok(_) => Ok(Teardown {
                ms: began.elapsed().as_secs_f64() * 1e3,
                signals,
            }),
            Err(_) => Err(Error::Warden(
                "ended before it had taken everything down; look for what it left with `grep -l BENCH_RUN_ID /proc/*/environ`".into(),
            )),
        }
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.warden.wait();
    }
}

fn send(socket: &mut UnixStream, order: &Order) -> io::Result<()> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    socket.write_all(&line)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `alarm` is raised or `time` has passed; true when it was raised.
pub fn pause(alarm: &Alarm, time: Duration) -> bool {
    let until = Instant::now() + time;
    while !alarm.raised() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(left.min(Duration::from_millis(10)));
    }
    true
}
