//! Taking everything down: TERM to each group in reverse order of stages, grace, KILL, and again over whatever children
//! are left until there are none. Then what they left in memory and on disk goes.

use super::{Managed, Warden, millis};
use crate::topology::proc;
use crate::topology::protocol::Report;
use crate::topology::registry::Line;
use crate::topology::scratch;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a process that nobody started by name gets between TERM and KILL.
const STRAY_GRACE: Duration = Duration::from_secs(2);
/// How long all of them together get, also those that come one after the other.
const SWEEP_GRACE: Duration = Duration::from_secs(6);
/// How long a sweep may take.
const SWEEP_LIMIT: Duration = Duration::from_secs(20);
/// Strays that are told of by name.
const MOST_TOLD: usize = 50;

impl Warden {
    /// Takes the next step of teardown; true when nothing is left.
    pub(super) fn step_down(&mut self, began: Instant) -> bool {
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
        let mut due = Vec::new();
        for managed in &mut self.processes {
            if managed.stage != stage || !alive(managed) {
                continue;
            }
            let overdue = managed
                .termed
                .is_some_and(|since| since.elapsed() >= managed.grace);
            if managed.killed {
                // What has joined the group since.
                let _ = killpg(managed.group, Signal::SIGKILL);
            } else if self.hurry || overdue {
                managed.killed = true;
                due.push((managed.name.clone(), managed.group, Signal::SIGKILL));
            } else if managed.termed.is_none() {
                managed.termed = Some(Instant::now());
                due.push((managed.name.clone(), managed.group, Signal::SIGTERM));
            }
        }
        for (name, group, signal) in due {
            self.signal(|signal| killpg(group, signal), signal);
            self.say(&Report::Signalled {
                name,
                signal: signal.as_str().trim_start_matches("SIG").into(),
                at_ms: millis(began),
            });
        }
        false
    }

    /// Sends a signal to processes that stand still meanwhile, so that what they share is noted before it can be lost.
    fn signal(&mut self, send: impl Fn(Signal) -> nix::Result<()>, signal: Signal) {
        if !self.enclosed {
            let _ = send(Signal::SIGSTOP);
            self.note_memory();
        }
        let _ = send(signal);
        // A stopped process acts on TERM only once it is continued.
        let _ = send(Signal::SIGCONT);
    }

    /// Ends what left its group: as subreaper, this process is the parent of every orphan. True when none is left, or what
    /// is left starts others faster than it can be ended.
    fn sweep(&mut self, began: Instant) -> bool {
        let swept = self.swept.get_or_insert_with(Instant::now).elapsed();
        if self.hurry || swept >= SWEEP_GRACE {
            self.kill_at_sight();
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
                None => Signal::SIGTERM,
                Some((_, since)) if since.elapsed() < STRAY_GRACE => continue,
                Some(_) => Signal::SIGKILL,
            };
            let new = since.is_none();
            self.signal(|signal| kill(*pid, signal), signal);
            if new {
                self.strays.push((*pid, Instant::now()));
                self.tell_of_stray(*pid, signal, began);
            }
        }
        children.is_empty()
    }

    /// Says that a stray was sent a signal; a chain of forks is told of only so often.
    fn tell_of_stray(&mut self, pid: Pid, signal: Signal, began: Instant) {
        if self.told < MOST_TOLD {
            self.told += 1;
            self.say(&Report::Signalled {
                name: format!("stray {}", named(pid)),
                signal: signal.as_str().trim_start_matches("SIG").into(),
                at_ms: millis(began),
            });
        }
    }

    /// Kills all that is there, at once where the kernel can: a fork is then either seen or does not happen. Elsewhere each
    /// orphan is killed with its group as soon as it is seen, again and again, so that one that forks and exits is met.
    fn kill_at_sight(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        if self.enclosed {
            // All but this process, the first of its PID namespace.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        }
        let began = Instant::now();
        let mut told = false;
        while began.elapsed() < super::TICK {
            let children = children();
            if children.is_empty() {
                return;
            }
            if !self.enclosed && !std::mem::replace(&mut told, true) {
                self.note_memory();
            }
            for pid in children {
                // Every group here is of a session that a process of ours has made: nobody else can be in it.
                if let Ok(group) = getpgid(Some(pid)) {
                    let _ = killpg(group, Signal::SIGKILL);
                }
                let _ = kill(pid, Signal::SIGKILL);
            }
            self.reap();
        }
    }

    /// Notes the shared memory that the processes use now, so that it can be removed should they not come to it. That of a
    /// namespace goes with it.
    pub(super) fn note_memory(&mut self) {
        if self.enclosed {
            return;
        }
        for pid in proc::descendants(Pid::this().as_raw()) {
            self.note_stray(pid);
            for (path, inode) in proc::shared_memory(pid) {
                if self.memory.insert((path.clone(), inode)) {
                    self.register(&Line::Memory { path, inode });
                }
            }
        }
    }

    /// Notes a descendant that has put off the run's mark, by which a later `bench` would find it.
    fn note_stray(&mut self, pid: i32) {
        let Some(stat) = proc::stat(pid).filter(|stat| !stat.zombie) else {
            return;
        };
        let bears = matches!(proc::run_id(pid), Some(Some(id)) if std::env::var_os(proc::MARK).is_some_and(|own| *own == *id));
        let start = stat.start;
        if !bears && self.unmarked.insert((pid, start)) {
            self.register(&Line::Stray { pid, start });
        }
    }

    /// Removes what outlived the processes and tells the runner that they are gone; directories stay where they are to be
    /// kept. Whether nothing is left that the registry names.
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
        // In a namespace the process outside removes it, as the last of this run that ends.
        if done
            && !self.enclosed
            && let Some(entry) = self.entry.take()
        {
            entry.remove();
        }
        self.say(&Report::Gone { leftover, running });
        done
    }

    /// Removes the topology's directories; returns those that could not be.
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

/// The direct children of this process.
fn children() -> Vec<Pid> {
    let me = Pid::this().as_raw();
    proc::children(me).into_iter().map(Pid::from_raw).collect()
}

/// A process, in words.
fn named(pid: Pid) -> String {
    format!("process {pid} ({})", proc::command(pid.as_raw()))
}
