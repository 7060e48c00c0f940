//! Taking everything down: TERM to each group in reverse order of stages, grace, KILL, and again over whatever children
//! are left until there are none. Then what they left in memory and on disk goes.

use super::{Managed, Warden, millis};
use crate::topology::proc;
use crate::topology::protocol::Report;
use crate::topology::registry::Line;
use crate::topology::scratch;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a process that nobody started by name gets between TERM and KILL.
const STRAY_GRACE: Duration = Duration::from_secs(2);

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
            if (self.hurry || overdue) && !managed.killed {
                managed.killed = true;
                due.push((managed.name.clone(), managed.group, Signal::SIGKILL));
            } else if managed.termed.is_none() && !managed.killed {
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

    /// Ends what left its group: as subreaper, this process is the parent of every orphan. True when none is left.
    fn sweep(&mut self, began: Instant) -> bool {
        let children = children();
        if self.hurry
            && let Some(cgroup) = &self.cgroup
        {
            cgroup.kill();
        }
        self.strays.retain(|(pid, _)| children.contains(pid));
        for pid in &children {
            let since = self.strays.iter().find(|(known, _)| known == pid);
            let new = since.is_none();
            let signal = match since {
                None if !self.hurry => Signal::SIGTERM,
                Some((_, since)) if !self.hurry && since.elapsed() < STRAY_GRACE => continue,
                _ => Signal::SIGKILL,
            };
            self.signal(|signal| kill(*pid, signal), signal);
            if new {
                self.strays.push((*pid, Instant::now()));
                self.say(&Report::Signalled {
                    name: format!("stray process {pid} ({})", proc::command(pid.as_raw())),
                    signal: signal.as_str().trim_start_matches("SIG").into(),
                    at_ms: millis(began),
                });
            }
        }
        children.is_empty()
    }

    /// Notes the shared memory that the processes use now, so that it can be removed should they not come to it. That of a
    /// namespace goes with it.
    pub(super) fn note_memory(&mut self) {
        if self.enclosed {
            return;
        }
        for pid in proc::descendants(Pid::this().as_raw()) {
            for (path, inode) in proc::shared_memory(pid) {
                if self.memory.insert((path.clone(), inode)) {
                    self.register(&Line::Memory { path, inode });
                }
            }
        }
    }

    /// Removes what outlived the processes and tells the runner that they are gone; directories stay where they are to be
    /// kept.
    pub(super) fn finish(&mut self) {
        proc::remove_shared_memory(&self.memory);
        self.cgroup = None;
        let leftover = if self.keep {
            Vec::new()
        } else {
            self.remove_directories()
        };
        if leftover.is_empty()
            && !self.keep
            && let Some(entry) = self.entry.take()
        {
            entry.remove();
        }
        self.say(&Report::Gone { leftover });
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
    proc::pids()
        .into_iter()
        .filter(|pid| proc::stat(*pid).is_some_and(|stat| stat.parent == me))
        .map(Pid::from_raw)
        .collect()
}
