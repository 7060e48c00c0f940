//! Takes everything down: SIGTERM to each process group in reverse order of stages, grace, SIGKILL;
//! then the same for the remaining children until there are none. Finally removes their shared
//! memory and directories.

use super::{Managed, Warden, millis};
use crate::measure::lifecycle::StopSignal;
use crate::topology::proc;
use crate::topology::protocol::Report;
use crate::topology::registry::Line;
use crate::topology::scratch;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Grace between SIGTERM and SIGKILL for strays, which are processes that the warden did not start
/// itself.
const STRAY_GRACE: Duration = Duration::from_secs(2);
/// Grace for all strays together, including strays that appear one after the other.
const SWEEP_GRACE: Duration = Duration::from_secs(6);
/// Limit on a sweep.
const SWEEP_LIMIT: Duration = Duration::from_secs(20);
/// Most strays that are reported by name.
const MAX_REPORTED: usize = 50;

impl Warden {
    /// Takes the next step of teardown. Returns whether nothing is left.
    pub(super) fn step_down(&mut self, began: Instant) -> bool {
        let alive = |managed: &Managed| {
            //  !matches!||An unreaped leader keeps its group in existence, so the group is asked
            // only after that. ESRCH: no member is left.
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
        let mut due = Vec::new();
        for managed in &mut self.processes {
            if managed.stage != stage || !alive(managed) {
                continue;
            }
            let overdue = managed
                .termed
                .is_some_and(|since| since.elapsed() >= managed.grace);
            if managed.killed {
                // Processes that have joined the group since.
                let _ = killpg(managed.group, Signal::SIGKILL);
            } else if self.hurry || overdue {
                managed.killed = true;
                due.push((managed.name.clone(), managed.group, StopSignal::Kill));
            } else if managed.termed.is_none() {
                managed.termed = Some(Instant::now());
                due.push((managed.name.clone(), managed.group, StopSignal::Term));
            }
        }
        for (name, group, signal) in due {
            self.signal(|signal| killpg(group, signal), system(signal));
            self.say(&Report::Signalled {
                name,
                signal,
                at_ms: millis(began),
            });
        }
        false
    }

    /// Sends a signal while the processes are stopped, so that their shared memory is recorded
    /// before it can be lost.
    fn signal(&mut self, send: impl Fn(Signal) -> nix::Result<()>, signal: Signal) {
        if !self.in_namespace {
            // Between reading /proc and the signal, a running process could map or unlink shared
            // memory, or fork.
            let _ = send(Signal::SIGSTOP);
            self.record_shared_memory();
        }
        let _ = send(signal);
        // A stopped process handles SIGTERM only once it is continued.
        let _ = send(Signal::SIGCONT);
    }

    /// Ends processes that left their group. As a subreaper, the warden is the parent of every
    /// orphan. Returns whether none is left, or those left fork faster than they can be ended.
    fn sweep(&mut self, began: Instant) -> bool {
        let swept = self.swept.get_or_insert_with(Instant::now).elapsed();
        if self.hurry || swept >= SWEEP_GRACE {
            self.kill_everything();
            let left = children();
            if left.is_empty() || swept < SWEEP_LIMIT {
                return left.is_empty();
            }
            self.running = left.iter().map(|pid| named(*pid)).collect();
            return true;
        }
        let children = children();
        self.strays.retain(|(pid, _)| children.contains(pid));
        for pid in &children {
            let since = self.strays.iter().find(|(known, _)| known == pid);
            let signal = match since {
                None => StopSignal::Term,
                Some((_, since)) if since.elapsed() < STRAY_GRACE => continue,
                Some(_) => StopSignal::Kill,
            };
            let new = since.is_none();
            self.signal(|signal| kill(*pid, signal), system(signal));
            if new {
                self.strays.push((*pid, Instant::now()));
                self.report_stray(*pid, signal, began);
            }
        }
        children.is_empty()
    }

    /// Reports that a stray was sent a signal. The number of such reports is limited, because a
    /// chain of forks could cause any number.
    fn report_stray(&mut self, pid: Pid, signal: StopSignal, began: Instant) {
        if self.told < MAX_REPORTED {
            self.told += 1;
            self.say(&Report::Signalled {
                name: format!("stray {}", named(pid)),
                signal,
                at_ms: millis(began),
            });
        }
    }

    /// Kills everything in sight. In a cgroup or namespace this is atomic: a fork is either seen or
    /// does not happen. Elsewhere each orphan is killed with its group as soon as it is seen,
    /// repeatedly, so that a process that forks and exits is caught as well.
    fn kill_everything(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        if self.in_namespace {
            // -1 means every process except this one, the first of its PID namespace (kill(2)).
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        }
        let began = Instant::now();
        let mut told = false;
        while began.elapsed() < super::TICK {
            let children = children();
            if children.is_empty() {
                return;
            }
            if !self.in_namespace && !std::mem::replace(&mut told, true) {
                self.record_shared_memory();
            }
            for pid in children {
                // Every such group belongs to a session that one of our processes created, so no
                // other process can be in it.
                if let Ok(group) = getpgid(Some(pid)) {
                    let _ = killpg(group, Signal::SIGKILL);
                }
                let _ = kill(pid, Signal::SIGKILL);
            }
            self.reap();
        }
    }

    /// Records the shared memory in use now, to remove it if the processes cannot do so themselves.
    /// Shared memory of a namespace disappears with it.
    pub(super) fn record_shared_memory(&mut self) {
        if self.in_namespace {
            return;
        }
        for pid in proc::descendants(Pid::this().as_raw()) {
            self.record_stray(pid);
            for (path, inode) in proc::shared_memory(pid) {
                if self.memory.insert((path.clone(), inode)) {
                    self.register(&Line::Memory { path, inode });
                }
            }
        }
    }

    /// Records a descendant whose environment does not name the run, because a later `bench` could
    /// not find it otherwise.
    fn record_stray(&mut self, pid: i32) {
        let Some(stat) = proc::stat(pid).filter(|stat| !stat.zombie) else {
            return;
        };
        let bears = matches!(proc::run_id(pid), Some(Some(id)) if std::env::var_os(proc::MARK).is_some_and(|own| *own == *id));
        let start = stat.start;
        if !bears && self.unmarked.insert((pid, start)) {
            self.register(&Line::Stray { pid, start });
        }
    }

    /// Removes what outlived the processes and reports to the runner that they are gone.
    /// Directories to be kept stay. Returns whether nothing that the registry names is left.
    pub(super) fn finish(&mut self) -> bool {
        proc::remove_shared_memory(&self.memory);
        self.cgroup = None;
        let running = std::mem::take(&mut self.running);
        let leftover = if self.keep || !running.is_empty() {
            Vec::new()
        } else {
            self.remove_directories()
        };
        let done = leftover.is_empty() && running.is_empty() && !self.keep;
        // In a namespace, the process outside removes the entry, because it ends last.
        if done
            && !self.in_namespace
            && let Some(entry) = self.entry.take()
        {
            entry.remove();
        }
        self.say(&Report::Gone { leftover, running });
        done
    }

    /// Removes the topology's directories. Returns those that could not be removed.
    fn remove_directories(&mut self) -> Vec<PathBuf> {
        let run_id = &self.run_id;
        self.directories
            .drain(..)
            .rev()
            .filter(|directory| {
                std::fs::symlink_metadata(directory).is_ok()
                    && scratch::remove(directory, run_id).is_err()
            })
            .collect()
    }
}

fn system(signal: StopSignal) -> Signal {
    match signal {
        StopSignal::Term => Signal::SIGTERM,
        StopSignal::Kill => Signal::SIGKILL,
    }
}

/// The direct children of this process.
fn children() -> Vec<Pid> {
    let me = Pid::this().as_raw();
    proc::children(me).into_iter().map(Pid::from_raw).collect()
}

/// A process in words.
fn named(pid: Pid) -> String {
    format!("process {pid} ({})", proc::command(pid.as_raw()))
}
