//! Ending what dead runs left behind. A process is ended only when the registry names its run, no runner or warden of that
//! run lives, it belongs to this user, and one of these holds:
//!
//! - its environment names that run (`BENCH_RUN_ID`);
//! - its environment names no run at all, because it was overwritten by a title as `VLLM::EngineCore` does, and it is in the
//!   session of a process that the registry names and holds that process's log open, and is not older than it.
//!
//! Both are asked again after a pidfd is held, so that a pid that was given away meanwhile is never hit.

use super::process::PidFd;
use super::registry::{self, Dead, Line};
use super::{proc, registry::Entry, tier};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long ending one run's leftovers may take.
const LIMIT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// What was found of one dead run, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The run.
    pub run_id: String,
    /// Processes that were ended: pid and command.
    pub ended: Vec<(i32, String)>,
    /// Directories and shared memory that were removed.
    pub removed: Vec<PathBuf>,
    /// What could not be ended or removed, in words.
    pub stuck: Vec<String>,
}

impl std::fmt::Display for Cleaned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} had ended without cleaning up:", self.run_id)?;
        for (pid, command) in &self.ended {
            write!(f, "\n  ended process {pid} ({command})")?;
        }
        for path in &self.removed {
            write!(f, "\n  removed {}", path.display())?;
        }
        for what in &self.stuck {
            write!(f, "\n  left: {what}")?;
        }
        Ok(())
    }
}

/// Finds and ends what every dead run in the registry at `place` left; runs that left nothing are not told of.
#[must_use]
pub fn clean(place: &Path) -> Vec<Cleaned> {
    let (dead, living) = registry::entries(place);
    dead.into_iter()
        .filter_map(|entry| end_dead(&entry, &living))
        .filter(|cleaned| {
            !(cleaned.ended.is_empty() && cleaned.removed.is_empty() && cleaned.stuck.is_empty())
        })
        .collect()
}

fn end_dead(entry: &Dead, living: &[String]) -> Option<Cleaned> {
    let Some(owned) = Owned::read(&entry.lines) else {
        // Not even its first line was written: nothing had been started.
        let _ = std::fs::remove_file(&entry.path);
        return None;
    };
    // Another machine's is that machine's to clean, and a name that a living run bears names nothing that is dead.
    if owned.host != registry::host() || living.contains(&owned.run_id) {
        return None;
    }
    let cleaned = owned.end();
    if cleaned.stuck.is_empty() {
        let _ = std::fs::remove_file(&entry.path);
    }
    Some(cleaned)
}

/// Ends what a warden left that died before its runner, who calls this; the entry goes with it.
pub(super) fn end_own(entry: &Entry) -> Option<Cleaned> {
    let cleaned = Owned::read(&registry::read(entry.path())?)?.end();
    if cleaned.stuck.is_empty() {
        let _ = std::fs::remove_file(entry.path());
    }
    Some(cleaned)
}

/// What the registry says that a run owns.
struct Owned {
    run_id: String,
    host: String,
    /// Whether this is still the boot in which it ran: no process outlives one.
    same_boot: bool,
    /// Pid, start and log.
    processes: Vec<(i32, u64, PathBuf)>,
    directories: Vec<PathBuf>,
    cgroups: Vec<PathBuf>,
    /// Path and inode.
    memory: BTreeSet<(PathBuf, u64)>,
}

impl Owned {
    fn read(lines: &[Line]) -> Option<Self> {
        let Some(Line::Run {
            run_id,
            host,
            boot_id,
            ..
        }) = lines.first()
        else {
            return None;
        };
        let mut owned = Self {
            run_id: run_id.clone(),
            host: host.clone(),
            same_boot: *boot_id == registry::boot_id(),
            processes: Vec::new(),
            directories: Vec::new(),
            cgroups: Vec::new(),
            memory: BTreeSet::new(),
        };
        for line in lines {
            match line {
                Line::Process {
                    pid, start, log, ..
                } => owned.processes.push((*pid, *start, log.clone())),
                Line::Directory { path } => owned.directories.push(path.clone()),
                Line::Cgroup { path } => owned.cgroups.push(path.clone()),
                Line::Memory { path, inode } => {
                    owned.memory.insert((path.clone(), *inode));
                }
                Line::Run { .. } => {}
            }
        }
        Some(owned)
    }

    fn end(&self) -> Cleaned {
        let mut cleaned = Cleaned {
            run_id: self.run_id.clone(),
            ended: Vec::new(),
            removed: Vec::new(),
            stuck: Vec::new(),
        };
        if self.same_boot {
            let mut memory = self.memory.clone();
            self.end_processes(&mut cleaned, &mut memory);
            if !cleaned.stuck.is_empty() {
                return cleaned;
            }
            cleaned.removed = proc::remove_shared_memory(&memory);
            for cgroup in &self.cgroups {
                let _ = std::fs::remove_dir(cgroup);
            }
        }
        for directory in self.directories.iter().filter(|path| path.exists()) {
            let removed = proc::mine(directory) && std::fs::remove_dir_all(directory).is_ok();
            if removed || !directory.exists() {
                cleaned.removed.push(directory.clone());
            } else {
                cleaned.stuck.push(directory.display().to_string());
            }
        }
        cleaned
    }

    /// Kills until no process is found any more: one that is being killed may have started another.
    fn end_processes(&self, cleaned: &mut Cleaned, memory: &mut BTreeSet<(PathBuf, u64)>) {
        let began = Instant::now();
        for cgroup in &self.cgroups {
            let members = std::fs::read_to_string(cgroup.join("cgroup.procs"));
            let pids = members.iter().flat_map(|text| text.lines());
            let held = pids.filter_map(|pid| pid.parse().ok());
            for pid in held.collect::<Vec<i32>>() {
                memory.append(&mut proc::shared_memory(pid));
                cleaned.ended.push((pid, proc::command(pid)));
            }
            tier::kill_cgroup(cgroup);
        }
        loop {
            let found: Vec<i32> = proc::pids()
                .into_iter()
                .filter(|pid| self.owns(*pid))
                .collect();
            if found.is_empty() {
                return;
            }
            if began.elapsed() > LIMIT {
                cleaned.stuck.extend(
                    found
                        .iter()
                        .map(|pid| format!("process {pid} ({})", proc::command(*pid))),
                );
                return;
            }
            for pid in found {
                let Ok(process) = PidFd::open(pid) else {
                    continue;
                };
                // The pid may have been given to another between the look and the open; now it can't any more.
                if !self.owns(pid) {
                    continue;
                }
                memory.append(&mut proc::shared_memory(pid));
                let command = proc::command(pid);
                if process.kill().is_ok() && !cleaned.ended.iter().any(|(known, _)| *known == pid) {
                    cleaned.ended.push((pid, command));
                }
            }
            std::thread::sleep(TICK);
        }
    }

    /// The rule of this module.
    fn owns(&self, pid: i32) -> bool {
        let Some(stat) = proc::stat(pid) else {
            return false;
        };
        if stat.zombie
            || pid == std::process::id().cast_signed()
            || proc::owner(pid) != Some(nix::unistd::geteuid().as_raw())
        {
            return false;
        }
        match proc::run_id(pid) {
            Some(Some(run_id)) => run_id == self.run_id,
            Some(None) => self.processes.iter().any(|(session, start, log)| {
                stat.session == *session
                    && stat.start >= *start
                    && proc::open_files(pid).contains(log)
            }),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
