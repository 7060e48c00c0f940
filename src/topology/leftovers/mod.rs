//! Ends what dead runs left behind. A process is ended only if the registry names its run, no
//! runner or warden of that run lives, it belongs to this user, and one of these holds:
//!
//! - its environment names that run (`BENCH_RUN_ID`);
//! - its environment names no run, because it was cleared or overwritten by a title
//!   (`VLLM::EngineCore` does that), and
//!   - the registry names it by pid and start time, or
//!   - it is in the session of a process that the registry names, is not older than that process,
//!     and that process still lives or its log is held open;
//! - this process is a child subreaper, the dead warden was its child, and the process is an orphan
//!   that became a child of this process;
//! - it names no other run, and its parent or the leader of its session is one of these.
//!
//! All of this is checked again after a pidfd is open, so that a reused pid is never hit.
//!
//! A cgroup is killed as a whole, with those below it, only if it is the recorded one and no member
//! names another run. A directory is removed only if it is marked as the run's (`scratch`), and
//! shared memory only directly in `/dev/shm`.

use super::proc::Stat;
use super::process::PidFd;
use super::registry::{self, Dead, Entries, Line};
use super::stalled::{self, State};
use super::{containment, link, proc, registry::Entry, scratch};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long ending the leftovers of one run may take.
const LIMIT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

/// What was found of one dead run, and what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleaned {
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

/// The result of looking through the registries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Dead runs that had left something behind.
    pub runs: Vec<Cleaned>,
    /// Runs whose `bench` is gone and whose warden is taking everything down.
    pub ending: Vec<String>,
    /// What was not read, because it is not trusted or not readable, and why.
    pub unseen: Vec<String>,
}

/// Finds and ends what every dead run of this user left behind. Runs that left nothing are not
/// reported. If the warden of a run is taking it down, waits for it for at most `wait` and passes the
/// run's id to `waiting` once.
#[must_use]
pub(crate) fn clean(wait: Duration, waiting: impl FnMut(&str)) -> Looked {
    let (places, refused) = registry::places();
    let mut looked = clean_at(&places, wait, waiting);
    let refused = refused.iter().map(ToString::to_string);
    looked.unseen.splice(0..0, refused);
    looked
}

/// Why the state directory does not record what this run starts, and which directory does.
#[must_use]
pub(crate) fn noted_elsewhere() -> Option<String> {
    let (place, refused) = registry::place().ok()?;
    let noted = place.display();
    refused.map(|why| {
        format!(
            "the state directory is not used: {why}; what this run starts is noted in {noted} instead; set XDG_STATE_HOME to a directory that only you can write to"
        )
    })
}

/// Ends what dead runs in the registries at `places` left behind.
fn clean_at(places: &[PathBuf], wait: Duration, mut waiting: impl FnMut(&str)) -> Looked {
    let mut looked = Looked::default();
    if let Err(why) = proc::check_proc() {
        looked.unseen.push(why);
        return looked;
    }
    let until = Instant::now() + wait;
    let mut wardens = HashMap::new();
    let mut told = HashSet::new();
    let mut without_bench = HashSet::new();
    let found = loop {
        let found = entries(places);
        let mut stalled = false;
        looked.ending.clear();
        for run in &found.living {
            match stalled::end(run) {
                State::Running => {}
                // A warden seen before is exiting. Any other may be one of another PID namespace.
                State::Unseen if !without_bench.contains(&run.path) => {}
                State::Unseen | State::Ending => {
                    without_bench.insert(run.path.clone());
                    looked.ending.push(run.run_id.clone());
                }
                State::Stalled(ended) => {
                    // A warden that KILL does not end is found again. The registry is read anew once.
                    without_bench.insert(run.path.clone());
                    stalled |= wardens.insert(run.path.clone(), ended).is_none();
                }
            }
        }
        let patient = !looked.ending.is_empty() && Instant::now() < until;
        if !stalled && !patient {
            break found;
        }
        // Release the locks on the entries: wardens can then end, and the entries of killed wardens
        // can be locked.
        drop(found);
        if patient {
            for run_id in &looked.ending {
                if told.insert(run_id.clone()) {
                    waiting(run_id);
                }
            }
            std::thread::sleep(TICK);
        }
    };
    looked.unseen = found.unseen.iter().map(ToString::to_string).collect();
    let living: Vec<String> = found.living.into_iter().map(|run| run.run_id).collect();
    for entry in &found.dead {
        let ended = wardens.remove(&entry.path).unwrap_or_default();
        looked.runs.extend(end_dead(entry, &living, ended));
    }
    looked.runs.retain(|cleaned| {
        !(cleaned.ended.is_empty() && cleaned.removed.is_empty() && cleaned.stuck.is_empty())
    });
    looked
}

/// The entries of all registries.
fn entries(places: &[PathBuf]) -> Entries {
    let mut all = Entries::default();
    for place in places {
        let mut found = registry::entries(place);
        all.dead.append(&mut found.dead);
        all.living.append(&mut found.living);
        all.unseen.append(&mut found.unseen);
    }
    all
}

/// Ends what a dead run left behind. Its `wardens` were ended already.
fn end_dead(entry: &Dead, living: &[String], wardens: Vec<(i32, String)>) -> Option<Cleaned> {
    let Some(owned) = Owned::read(&entry.lines) else {
        // Not even its first line was written, so nothing had been started.
        let _ = std::fs::remove_file(&entry.path);
        return None;
    };
    // Entries of another machine are cleaned up there. If a live run has the same id, BENCH_RUN_ID
    // identifies nothing dead.
    if owned.host != registry::host() || living.contains(&owned.run_id) {
        return None;
    }
    let mut cleaned = owned.end();
    cleaned.ended.splice(0..0, wardens);
    if cleaned.stuck.is_empty() {
        let _ = std::fs::remove_file(&entry.path);
    }
    Some(cleaned)
}

/// Ends what a warden left behind that died before its runner, which is this process. Removes the
/// entry.
pub(super) fn end_own(entry: &Entry) -> Option<Cleaned> {
    let mut owned = Owned::read(&registry::read(entry.path()).ok()?)?;
    owned.adopted = link::become_subreaper();
    let cleaned = owned.end();
    if cleaned.stuck.is_empty() {
        let _ = std::fs::remove_file(entry.path());
    }
    Some(cleaned)
}

/// What a run owns according to the registry.
struct Owned {
    run_id: String,
    host: String,
    /// Whether the machine has not been rebooted since: no process survives a reboot.
    same_boot: bool,
    /// Pid, start time and log.
    processes: Vec<(i32, u64, PathBuf)>,
    /// Whether orphans of its warden have become children of this process.
    adopted: bool,
    /// Pid and start time of descendants whose environment does not name the run.
    strays: BTreeSet<(i32, u64)>,
    directories: Vec<PathBuf>,
    /// Path, and inode if known.
    cgroups: BTreeMap<PathBuf, Option<u64>>,
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
            adopted: false,
            strays: BTreeSet::new(),
            directories: Vec::new(),
            cgroups: BTreeMap::new(),
            memory: BTreeSet::new(),
        };
        for line in lines {
            match line {
                Line::Process {
                    pid, start, log, ..
                } => owned.processes.push((*pid, *start, log.clone())),
                Line::Stray { pid, start } => _ = owned.strays.insert((*pid, *start)),
                Line::Directory { path } => owned.directories.push(path.clone()),
                // Recorded before it is created, and again with its inode.
                Line::Cgroup { path, inode } => _ = owned.cgroups.insert(path.clone(), *inode),
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
            for (cgroup, inode) in &self.cgroups {
                if self.is_ours(cgroup, *inode) && !containment::remove_cgroup(cgroup) {
                    cleaned.stuck.push(format!("cgroup {}", cgroup.display()));
                }
            }
        }
        self.remove_directories(&mut cleaned);
        cleaned
    }

    /// Removes the run's directories. Directories inside others go with those.
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

    /// Kills all processes in the run's own cgroups.
    fn kill_cgroups(&self, cleaned: &mut Cleaned, memory: &mut BTreeSet<(PathBuf, u64)>) {
        for (cgroup, inode) in &self.cgroups {
            if !self.is_ours(cgroup, *inode) {
                // Its marked members are found one by one.
                continue;
            }
            for pid in containment::members(cgroup) {
                memory.append(&mut proc::shared_memory(pid));
                cleaned.ended.push((pid, proc::command(pid)));
            }
            containment::kill_cgroup(cgroup);
        }
    }

    /// Whether a cgroup is the one that the run's warden created and holds no other processes.
    fn is_ours(&self, cgroup: &Path, inode: Option<u64>) -> bool {
        if !containment::is_cgroup(cgroup) {
            return false;
        }
        let same = inode.is_some() && inode == containment::inode(cgroup);
        // If the warden died before the inode was recorded, nothing was started in the cgroup.
        (same || inode.is_none())
            && containment::members(cgroup)
                .iter()
                .all(|pid| self.holds(*pid, same))
    }

    /// Whether a member of a cgroup belongs to the run. In the `same` cgroup that its warden
    /// created, this includes every process that names no other run.
    fn holds(&self, pid: i32, same: bool) -> bool {
        match proc::run_id(pid) {
            Some(Some(run_id)) => run_id == self.run_id,
            Some(None) | None => same,
        }
    }

    /// Kills until no process is found any more, because a process that is being killed may have
    /// forked another.
    fn end_processes(&self, cleaned: &mut Cleaned, memory: &mut BTreeSet<(PathBuf, u64)>) {
        let began = Instant::now();
        self.kill_cgroups(cleaned, memory);
        loop {
            let found = self.owned();
            if found.is_empty() {
                return;
            }
            if began.elapsed() > LIMIT {
                cleaned.stuck.extend(found.keys().map(|pid| {
                    format!(
                        "process {pid} ({}), which did not end or starts others again and again",
                        proc::command(*pid)
                    )
                }));
                return;
            }
            for (pid, stat) in &found {
                let Ok(process) = PidFd::open(*pid) else {
                    continue;
                };
                // The pid may have been reused between reading `stat` and opening the pidfd. From
                // now on it cannot be.
                if proc::stat(*pid).is_none_or(|now| now.start != stat.start) {
                    continue;
                }
                memory.append(&mut proc::shared_memory(*pid));
                let command = proc::command(*pid);
                self.kill_group(stat.group, &found);
                if process.kill().is_ok() && !cleaned.ended.iter().any(|(known, _)| known == pid) {
                    cleaned.ended.push((*pid, command));
                }
            }
            std::thread::sleep(TICK);
        }
    }

    /// Kills a whole process group at once, if all its members belong to the run. Killing members
    /// one by one would leave time for a fork.
    fn kill_group(&self, group: i32, found: &BTreeMap<i32, Stat>) {
        let is_stranger = |pid: i32| {
            !found.contains_key(&pid)
                && proc::stat(pid).is_some_and(|stat| stat.group == group && !stat.zombie)
                && proc::run_id(pid).flatten().as_ref() != Some(&self.run_id)
        };
        if !proc::pids().into_iter().any(is_stranger) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }

    /// The processes of the run, by the rules of this module.
    fn owned(&self) -> BTreeMap<i32, Stat> {
        let user = nix::unistd::geteuid().as_raw();
        let all: BTreeMap<i32, Stat> = proc::pids()
            .into_iter()
            .filter_map(|pid| Some((pid, proc::stat(pid)?)))
            .collect();
        let ours = ancestry(&all);
        let candidates: Vec<(i32, Stat, Option<String>)> = all
            .iter()
            .filter(|(pid, stat)| {
                !stat.zombie && !ours.contains(pid) && proc::owner(**pid) == Some(user)
            })
            .map(|(pid, stat)| (*pid, *stat, proc::run_id(*pid).flatten()))
            .collect();
        let mut found: BTreeMap<i32, Stat> = candidates
            .iter()
            .filter(|(pid, stat, run_id)| match run_id {
                Some(run_id) => *run_id == self.run_id,
                None => self.names(*pid, stat, &all),
            })
            .map(|(pid, stat, _)| (*pid, *stat))
            .collect();
        // Their descendants whose environment was cleared.
        loop {
            let before = found.len();
            for (pid, stat, run_id) in &candidates {
                let of_ours = found.contains_key(&stat.parent) || found.contains_key(&stat.session);
                if run_id.is_none() && of_ours {
                    found.insert(*pid, *stat);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    /// Whether the registry names a process whose environment names no run.
    fn names(&self, pid: i32, stat: &Stat, all: &BTreeMap<i32, Stat>) -> bool {
        let me = std::process::id().cast_signed();
        // Wardens start processes in new sessions. A process in our session was started by the
        // user.
        let elsewhere = all.get(&me).is_some_and(|own| own.session != stat.session);
        let lives = |leader: &i32| elsewhere && all.contains_key(leader);
        // A terminal or `/dev/null` is also open in unrelated processes, so only a regular file
        // counts.
        let holds = |log: &PathBuf| {
            std::fs::symlink_metadata(log).is_ok_and(|data| data.is_file())
                && proc::is_mine(log)
                && proc::open_files(pid).contains(log)
        };
        let adopted = self.adopted && stat.parent == me && elsewhere;
        adopted
            || self.strays.contains(&(pid, stat.start))
            || self.processes.iter().any(|(session, start, log)| {
                stat.session == *session
                    && stat.start >= *start
                    // The session still belongs to that process: its pid was not reused by a
                    // process that created another session.
                    && all.get(session).is_none_or(|leader| leader.start == *start)
                    && (lives(session) || holds(log))
            })
    }
}

/// This process and its ancestors, which are never ended.
fn ancestry(all: &BTreeMap<i32, Stat>) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut next = Some(std::process::id().cast_signed());
    while let Some(pid) = next.filter(|pid| found.insert(*pid)) {
        next = all.get(&pid).map(|stat| stat.parent);
    }
    found
}

#[cfg(test)]
mod tests;
