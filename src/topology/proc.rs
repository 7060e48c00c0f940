//! Reads `/proc`: parents, environments and open files of processes. Everything here is a snapshot.
//! Code that acts on it must open a pidfd first and then read again.

use super::process::PidFd;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The environment variable that every process of a run has.
pub(super) const MARK: &str = "BENCH_RUN_ID";

/// Fields of a process's `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Its parent.
    pub(super) parent: i32,
    /// Its process group.
    pub(super) group: i32,
    /// Its session, which is the pid of the process that called `setsid`.
    pub(super) session: i32,
    /// Start time in ticks since boot. Together with the pid it identifies a process.
    pub(super) start: u64,
    /// Whether it has ended but was not reaped.
    pub(super) zombie: bool,
    /// Whether it is stopped, by a signal or a debugger.
    pub(super) stopped: bool,
}

/// Every visible process.
pub(super) fn pids() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The `stat` of a process, or `None` if it is gone.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    stat_of(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn stat_of(line: &str) -> Option<Stat> {
    // The command name is in parentheses and may contain anything, so count fields after the last
    // parenthesis.
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

/// The parent's pid outside, read in the first process of a PID namespace. Its standard output is
/// the outer `/proc`.
pub(super) fn parent_outside() -> Option<i32> {
    field("/proc/self/fd/1/self/status", "PPid:")
}

/// The pid outside of a process held by a pidfd. As for [`parent_outside`].
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

/// The children of a process. `children` in `/proc` is preferred: reading it is fast enough to
/// catch a child that lives for less than a millisecond.
pub(super) fn children(parent: i32) -> Vec<i32> {
    // The kernel lists children by the thread that started them. Wardens have one thread.
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

/// Whether any thread of this process has children.
pub(super) fn is_parent() -> bool {
    let me = std::process::id().cast_signed();
    pids()
        .into_iter()
        .any(|pid| stat(pid).is_some_and(|stat| stat.parent == me))
}

/// All descendants of a process.
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

/// The real user of a process. This can be read even if the process may not be inspected and its
/// files appear as root's.
pub(super) fn owner(pid: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_whitespace().next()?.parse().ok()
}

/// Checks that processes can be found at all.
///
/// # Errors
/// Why they cannot.
pub(super) fn check_proc() -> Result<(), String> {
    let me = std::process::id().cast_signed();
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    drop(entries);
    if !pids().contains(&me) || stat(me).is_none() || owner(me).is_none() {
        return Err("/proc: it does not show this process, so it is not that of this PID namespace or not mounted".into());
    }
    Ok(())
}

/// The run that a process belongs to, from its environment. `Some(None)` if the environment is
/// readable but names no run: it was cleared, or overwritten by the process's title.
pub(super) fn run_id(pid: i32) -> Option<Option<String>> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let named = environment
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .next();
    Some(named)
}

/// A process's command line, or its name if it has no command line.
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

/// A process's open files: paths, or names such as `socket:[INODE]`.
pub(super) fn open_files(pid: i32) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .collect()
}

/// Whether a process's open files are hidden from this user.
pub(super) fn hides_files(pid: i32) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Named shared memory that a process maps or has open: path and inode.
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

/// Removes shared memory that is unchanged, belongs to this user and is no longer in use. Returns
/// what was removed.
pub(super) fn remove_shared_memory(noted: &BTreeSet<(PathBuf, u64)>) -> Vec<PathBuf> {
    let there = |(path, inode): &&(PathBuf, u64)| {
        path.parent() == Some(Path::new("/dev/shm"))
            && is_mine(path)
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

/// Whether a path (not the target of a link) belongs to this user.
pub(super) fn is_mine(path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|data| data.uid() == nix::unistd::geteuid().as_raw() && !data.is_symlink())
}

#[cfg(test)]
#[path = "tests/proc.rs"]
mod tests;
