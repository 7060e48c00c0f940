//! Ends wardens that are stopped after their `bench` has gone. A warden that is stopped (SIGSTOP)
//! or held by a debugger neither notices that its socket closed nor releases its registry entry.
//! Once it is ended, its processes are handled like those of any dead run.

use super::proc;
use super::process::PidFd;
use super::registry::{self, Living};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

/// How long killed wardens may take to release their entry.
const DYING: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);

/// The state of a run whose entry is locked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its `bench` runs.
    Running,
    /// No visible process has its entry open. The holder of the lock is in another PID namespace, or
    /// it is exiting: the kernel first takes the files away and releases their locks later.
    Unseen,
    /// Its `bench` is gone and its warden takes it down.
    Ending,
    /// Its `bench` is gone and its wardens were stopped. These were ended.
    Stalled(Vec<(i32, String)>),
}

/// Determines the state of a run. Ends its wardens if they are stopped and have no `bench`.
pub(super) fn end(run: &Living) -> State {
    let holders = holders(run);
    if holders.is_empty() {
        return State::Unseen;
    }
    // The runner itself does not have BENCH_RUN_ID in its environment; wardens do.
    if !holders.iter().all(|pid| has_run_id(*pid, &run.run_id)) {
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
        // Checked again, because only now the pid cannot be reused.
        let command = proc::command(*pid);
        if has_run_id(*pid, &run.run_id) && process.kill().is_ok() {
            ended.push((*pid, command));
        }
    }
    let until = Instant::now() + DYING;
    // Not until nobody has the entry open: the lock of a warden in a namespace outlives that by
    // milliseconds.
    while registry::is_locked(&run.path) && Instant::now() < until {
        std::thread::sleep(TICK);
    }
    State::Stalled(ended)
}

fn has_run_id(pid: i32, run_id: &str) -> bool {
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
