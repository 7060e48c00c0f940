//! Ending what dead runs left behind. A process is ended only when the registry names its run, no runner or warden of that
//! run lives, it belongs to this user, and one of these holds:
//!
//! - its environment names that run (`BENCH_RUN_ID`);
//! - its environment names no run at all, because it was overwritten by a title as `VLLM::EngineCore` does, and it is in the
//!   session of a process that the registry names and holds that process's log open, and is not older than it.
//!
//! Both are asked again after a pidfd is held, so that a pid that was given away meanwhile is never hit.
//!
//! A cgroup is killed as a whole only where no member names another run. A directory is removed only where it is marked as
//! the run's (`scratch`), shared memory only directly in `/dev/shm`.

use super::process::PidFd;
use super::registry::{self, Dead, Entries, Line};
use super::trust::Untrusted;
use super::{proc, registry::Entry, scratch, tier};
use std::collections::BTreeSet;
use std::path::PathBuf;
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

/// What a search for leftovers found.
#[derive(Debug, Default)]
pub struct Search {
    /// Dead runs that had left something.
    pub cleaned: Vec<Cleaned>,
    /// What was not looked at, because others may have written it, or could not be.
    pub refused: Vec<Untrusted>,
}

/// Finds and ends what every dead run of this user left; runs that left nothing are not told of.
#[must_use]
pub fn search() -> Search {
    let (places, refused) = registry::places();
    let mut search = clean(&places);
    search.refused.splice(0..0, refused);
    search
}

/// What was refused, in words.
#[must_use]
pub fn told(refused: &[Untrusted]) -> String {
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// Why what this run starts is not noted in the state directory, and where instead.
#[must_use]
pub fn noted_elsewhere() -> Option<String> {
    let (place, refused) = registry::place().ok()?;
    let noted = place.display();
    refused.map(|why| {
        format!(
            "the state directory is not used: {why}; what this run starts is noted in {noted} instead; set XDG_STATE_HOME to a directory that only you can write to"
        )
    })
}

/// Ends what dead runs in the registries at `places` left.
fn clean(places: &[PathBuf]) -> Search {
    let mut all = Entries::default();
    for place in places {
        let mut found = registry::entries(place);
        all.dead.append(&mut found.dead);
        all.living.append(&mut found.living);
        all.refused.append(&mut found.refused);
    }
    let told = |cleaned: &Cleaned| {
        !(cleaned.ended.is_empty() && cleaned.removed.is_empty() && cleaned.stuck.is_empty())
    };
    let dead = all.dead.iter();
    Search {
        cleaned: dead
            .filter_map(|entry| end_dead(entry, &all.living))
            .filter(told)
            .collect(),
        refused: all.refused,
    }
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
    /// Path, and inode where it is known.
    cgroups: Vec<(PathBuf, Option<u64>)>,
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
                Line::Cgroup { path, inode } => owned.cgroups.push((path.clone(), *inode)),
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
            for (cgroup, _) in &self.cgroups {
                if tier::is_cgroup(cgroup) {
                    let _ = std::fs::remove_dir(cgroup);
                }
            }
        }
        self.remove_directories(&mut cleaned);
        cleaned
    }

    /// Removes the run's directories; those inside others go with them.
    fn remove_directories(&self, cleaned: &mut Cleaned) {
        let outer = |path: &&PathBuf| {
            let mut others = self.directories.iter().filter(|other| other != path);
            !others.any(|other| path.starts_with(other))
        };
        for directory in self.directories.iter().filter(outer) {
            if std::fs::symlink_metadata(directory).is_err() {
                continue;
            }
            match scratch::remove(directory, &self.run_id) {
                Ok(()) => cleaned.removed.push(directory.clone()),
                Err(why) => cleaned
                    .stuck
                    .push(format!("{} ({why})", directory.display())),
            }
        }
    }

    /// Kills what is in the run's cgroups, and in nobody else's.
    fn kill_cgroups(&self, cleaned: &mut Cleaned, memory: &mut BTreeSet<(PathBuf, u64)>) {
        for (cgroup, inode) in &self.cgroups {
            if !tier::is_cgroup(cgroup) {
                continue;
            }
            let held = tier::members(cgroup);
            let same = *inode == tier::inode(cgroup) && inode.is_some();
            if !held.iter().all(|pid| self.holds(*pid, same)) {
                // What is marked among them is found one by one.
                continue;
            }
            for pid in held {
                memory.append(&mut proc::shared_memory(pid));
                cleaned.ended.push((pid, proc::command(pid)));
            }
            tier::kill_cgroup(cgroup);
        }
    }

    /// Whether a member of the cgroup is the run's: in the `same` one that its warden made, whatever names no other run.
    fn holds(&self, pid: i32, same: bool) -> bool {
        match proc::run_id(pid) {
            Some(Some(run_id)) => run_id == self.run_id,
            Some(None) | None => same,
        }
    }

    /// Kills until no process is found any more: one that is being killed may have started another.
    fn end_processes(&self, cleaned: &mut Cleaned, memory: &mut BTreeSet<(PathBuf, u64)>) {
        let began = Instant::now();
        self.kill_cgroups(cleaned, memory);
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
                let leader = proc::stat(*session);
                stat.session == *session
                    && stat.start >= *start
                    && leader.is_none_or(|leader| leader.start == *start)
                    // A terminal or `/dev/null` is open in processes that are none of the run's.
                    && std::fs::symlink_metadata(log).is_ok_and(|data| data.is_file())
                    && proc::mine(log)
                    && proc::open_files(pid).contains(log)
            }),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
