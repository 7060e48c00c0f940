//! Finds out which process listens on a port. An answer proves nothing if a stale server gave it.

use super::proc;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// `LISTEN` in the state column of `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// The process that listens on `port` and is not in `tree`, in words. `None` if no process listens,
/// or only processes of `tree`.
pub(super) fn stranger(port: u16, tree: &BTreeSet<i32>) -> Option<String> {
    let held = |pid: i32| -> BTreeSet<PathBuf> { proc::open_files(pid).into_iter().collect() };
    let ours: BTreeSet<PathBuf> = tree.iter().copied().flat_map(held).collect();
    let theirs = sockets(port)
        .into_iter()
        .find(|socket| !ours.contains(socket))?;
    let owner = proc::pids()
        .into_iter()
        .find(|pid| proc::open_files(*pid).contains(&theirs));
    match owner {
        Some(pid) => Some(format!("process {pid} ({})", proc::command(pid))),
        // The listener may be one of ours whose open files are hidden from us.
        None if tree.iter().any(|pid| proc::hides_files(*pid)) => None,
        None => Some("a process of another user".into()),
    }
}

/// The sockets that listen on a port, named as in `/proc/PID/fd`.
fn sockets(port: u16) -> Vec<PathBuf> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| PathBuf::from(format!("socket:[{inode}]")))
        .collect()
}

/// The inodes of the listeners on a port in a table (proc(5): local address, state and inode are
/// fields 1, 3 and 9).
fn listening(table: &str, port: u16) -> Vec<u64> {
    let port = format!(":{port:04X}");
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&port)))
        .filter(|fields| fields.get(3) == Some(&LISTEN))
        .filter_map(|fields| fields.get(9)?.parse().ok())
        .collect()
}

#[cfg(test)]
#[path = "tests/listeners.rs"]
mod tests;
