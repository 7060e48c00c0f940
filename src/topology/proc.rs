//! What `/proc` says of processes: who their parent is, what they carry, what they hold. Everything here is a reading of an
//! instant; who acts on it opens a pidfd first and reads again.

use super::process::PidFd;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The variable that every process of a run carries.
pub(super) const MARK: &str = "BENCH_RUN_ID";

/// From a process's `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Its parent.
    pub(super) parent: i32,
    /// Its process group.
    pub(super) group: i32,
    /// Its session: the process that called `setsid`.
    pub(super) session: i32,
    /// When it started, in ticks since boot: with the pid, a name that is not given twice.
    pub(super) start: u64,
    /// Whether it has ended and only waits to be reaped.
    pub(super) zombie: bool,
    /// Whether it is stopped, by a signal or a debugger.
    pub(super) stopped: bool,
}

/// Every process that is visible.
pub(super) fn pids() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// What is known of a process; `None` when it is gone.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    stat_of(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn stat_of(line: &str) -> Option<Stat> {
    // The command name, in brackets, may hold anything; fields are counted after its last bracket.
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        stopped: matches!(*fields.first()?, "T" | "t"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// In the first process of a PID namespace, whose standard output is the `/proc` of outside: its parent's pid there.
pub(super) fn parent_outside() -> Option<i32> {
    field("/proc/self/fd/1/self/status", "PPid:")
}

/// As [`parent_outside`]: the pid that a process held by a pidfd has outside.
pub(super) fn pid_outside(process: &PidFd) -> Option<i32> {
    field(
        &format!("/proc/self/fd/1/self/fdinfo/{}", process.number()),
        "Pid:",
    )
}

fn field(file: &str, name: &str) -> Option<i32> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The children of a process. Asked of the process itself where the kernel can: that is fast enough to meet a child that
/// lives for less than a millisecond.
pub(super) fn children(parent: i32) -> Vec<i32> {
    // A child belongs to the thread that started it; wardens have one thread.
    let told = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    if let Ok(told) = told {
        return told
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect();
    }
    pids()
        .into_iter()
        .filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent))
        .collect()
}

/// Whether this process has children, whichever of its threads is their parent.
pub(super) fn is_parent() -> bool {
    let me = std::process::id().cast_signed();
    pids()
        .into_iter()
        .any(|pid| stat(pid).is_some_and(|stat| stat.parent == me))
}

/// Every descendant of a process.
pub(super) fn descendants(root: i32) -> BTreeSet<i32> {
    let parents: Vec<(i32, i32)> = pids()
        .into_iter()
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut found = BTreeSet::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for (pid, _) in parents.iter().filter(|(_, of)| *of == parent) {
            if found.insert(*pid) {
                next.push(*pid);
            }
        }
    }
    found
}

/// The user a process belongs to: its real user, also where it may not be looked into and its files are root's.
pub(super) fn owner(pid: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().next()?.parse().ok()
}

/// Whether processes can be looked for at all.
///
/// # Errors
/// Why not.
pub(super) fn can_look() -> Result<(), String> {
    let me = std::process::id().cast_signed();
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    drop(entries);
    if !pids().contains(&me) || stat(me).is_none() || owner(me).is_none() {
        return Err("/proc: it does not show this process, so it is not that of this PID namespace or not mounted".into());
    }
    Ok(())
}

/// Which run a process says it belongs to; `Some(None)` when its environment can be read and names none, or was
/// overwritten by its title.
pub(super) fn run_id(pid: i32) -> Option<Option<String>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let named = environment
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .next();
    Some(named)
}

/// A process's command line, or its name where it has none.
pub(super) fn command(pid: i32) -> String {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let mut line = read("cmdline");
    if line.iter().all(|byte| *byte == 0) {
        line = read("comm");
    }
    let text = String::from_utf8_lossy(&line).replace(|c: char| c.is_control(), " ");
    match text.trim() {
        "" => "gone".into(),
        text => text.chars().take(120).collect(),
    }
}

/// What a process's open files are: paths, or `socket:[INODE]` and the like.
pub(super) fn open_files(pid: i32) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .collect()
}

/// Whether a process's open files are kept from us.
pub(super) fn hides_files(pid: i32) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Named shared memory that a process maps or holds open: path and inode.
pub(super) fn shared_memory(pid: i32) -> BTreeSet<(PathBuf, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mapped = maps
        .lines()
        .filter_map(|line| Some(&line[line.find("/dev/shm/")?..]))
        .map(PathBuf::from);
    open_files(pid)
        .into_iter()
        .chain(mapped)
        .filter(|path| path.starts_with("/dev/shm"))
        .filter_map(|path| {
            let inode = std::fs::symlink_metadata(&path).ok()?.ino();
            Some((path, inode))
        })
        .collect()
}

/// Removes shared memory that is still what it was, is ours and is used by no process any more; returns what was removed.
pub(super) fn remove_shared_memory(noted: &BTreeSet<(PathBuf, u64)>) -> Vec<PathBuf> {
    let there = |(path, inode): &&(PathBuf, u64)| {
        path.parent() == Some(Path::new("/dev/shm"))
            && mine(path)
            && std::fs::symlink_metadata(path).is_ok_and(|data| data.ino() == *inode)
    };
    if !noted.iter().any(|entry| there(&entry)) {
        return Vec::new();
    }
    let used: BTreeSet<_> = pids().into_iter().flat_map(shared_memory).collect();
    noted
        .difference(&used)
        .filter(there)
        .filter(|(path, _)| std::fs::remove_file(path).is_ok())
        .map(|(path, _)| path.clone())
        .collect()
}

/// Whether a file or directory itself, not what a link leads to, belongs to this user.
pub(super) fn mine(path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|data| data.uid() == nix::unistd::geteuid().as_raw() && !data.is_symlink())
}

#[cfg(test)]
#[path = "tests/proc.rs"]
mod tests;
