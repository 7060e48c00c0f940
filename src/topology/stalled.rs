//! Wardens that stand still after their `bench` has gone: stopped (SIGSTOP) or held by a debugger, they neither see that
//! their socket has closed nor let go of the registry's entry. They are ended, and what they held is then ended as any dead
//! run's.

use super::proc;
use super::process::PidFd;
use super::registry::Living;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// How long wardens that were killed may take to let go of their entry.
const DYING: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);

/// How it stands with a run that lives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its `bench` runs, or it can't be told who holds its entry.
    Running,
    /// Its `bench` has gone; its warden takes it down.
    Ending,
    /// Its `bench` has gone, and its wardens stood still: these were ended.
    Stalled(Vec<(i32, String)>),
}

/// Says how it stands with a run, and ends its wardens where they stand still without a `bench`.
pub(super) fn end(run: &Living) -> State {
    let holders = holders(run);
    // The runner itself does not bear the mark.
    if holders.is_empty() || !holders.iter().all(|pid| bears(*pid, &run.run_id)) {
        return State::Running;
    }
    let stopped = |pid: &i32| proc::stat(*pid).is_some_and(|stat| stat.stopped);
    if !holders.iter().any(stopped) {
        return State::Ending;
    }
    let mut ended = Vec::new();
    for pid in &holders {
        let Ok(process) = PidFd::open(*pid) else {
            continue;
        };
        // Asked again now that the pid can't be given to another.
        let command = proc::command(*pid);
        if bears(*pid, &run.run_id) && process.kill().is_ok() {
            ended.push((*pid, command));
        }
    }
    let until = Instant::now() + DYING;
    while !self::holders(run).is_empty() && Instant::now() < until {
        std::thread::sleep(TICK);
    }
    State::Stalled(ended)
}

fn bears(pid: i32, run_id: &str) -> bool {
    proc::run_id(pid).flatten().is_some_and(|id| id == run_id)
        && proc::owner(pid) == Some(nix::unistd::geteuid().as_raw())
}

/// The processes that have a run's entry open: its runner and its wardens.
fn holders(run: &Living) -> Vec<i32> {
    let Ok(entry) = std::fs::metadata(&run.path) else {
        return Vec::new();
    };
    let me = std::process::id().cast_signed();
    let is_entry = |path: std::path::PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|data| (data.dev(), data.ino()) == (entry.dev(), entry.ino()))
    };
    let holds = |pid: &i32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let files = files.into_iter().flatten().flatten();
        *pid != me && files.map(|file| file.path()).any(is_entry)
    };
    proc::pids().into_iter().filter(holds).collect()
}
