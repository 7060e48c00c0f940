//! What a KILL leaves in each tier, as the table of docs/reliability.md says: every row of it is tried here.

use super::{LONG_LOAD, kills, scenario};
use crate::support::{Done, Running, bench, root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The heading above the table.
const HEADING: &str = "### What a KILL leaves";

/// One row: what becomes of what, once `killed` is killed.
#[derive(Debug)]
struct Row {
    tier: String,
    killed: String,
    /// Processes that the warden started, their descendants, shared memory, directories: whether they are left.
    left: [bool; 4],
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let (_, table) = page.split_once(HEADING).expect(HEADING);
    let lines = table.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [tier, killed, left @ ..] = &cells[..] else {
            panic!("{line}");
        };
        let is_left = |cell: &&str| match *cell {
            "end" | "goes" | "go" => false,
            "live" | "stays" | "stay" => true,
            other => panic!("`{other}` in {line}"),
        };
        Row {
            tier: tier.trim_matches('`').to_owned(),
            killed: killed.trim_matches('`').to_owned(),
            left: left
                .iter()
                .map(is_left)
                .collect::<Vec<_>>()
                .try_into()
                .unwrap(),
        }
    })
    .collect()
}

/// What a run has: what its registry and its mark say.
struct Things {
    directories: Vec<PathBuf>,
    memory: PathBuf,
}

impl Things {
    /// Of a run under load.
    fn of(running: &Running) -> Self {
        let registry = running.folder().join("bench/runs");
        let entry = std::fs::read_dir(registry).unwrap().flatten().next();
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<serde_json::Value> = lines.collect();
        let run = lines[0]["run"]["run_id"].as_str().unwrap();
        let directory = |line: &serde_json::Value| Some(line["directory"]["path"].as_str()?.into());
        Self {
            directories: lines.iter().filter_map(directory).collect(),
            memory: Path::new("/dev/shm").join(format!("psm_sim_{run}")),
        }
    }

    /// What is left, in the order of the table.
    fn left(&self, done: &Done) -> [bool; 4] {
        let running = done.running();
        let runs = |text: &str| running.iter().any(|(_, command)| command.contains(text));
        [
            runs(" sim "),
            runs("sleep 100000"),
            self.memory.exists(),
            self.directories.iter().any(|path| path.exists()),
        ]
    }
}

fn end(running: &Running, killed: &str) {
    let wardens = running.pids(" warden ");
    if killed != "warden" {
        running.signal(Signal::SIGKILL);
    }
    if killed != "bench" {
        for pid in wardens {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn tried(row: &Row, leave: &str) {
    let sim = format!("startup: 200ms, args: {{leave-child: {leave}, ignore-term: null}}");
    let mut running = bench("run")
        .file("run.yaml", &scenario(&sim, LONG_LOAD))
        .env("BENCH_TIER", &row.tier)
        .start();
    running.until("phase_started");
    let things = Things::of(&running);
    assert!(!things.directories.is_empty());
    end(&running, &row.killed);
    let done = running.done();
    let began = Instant::now();
    // What ends may take its grace; what is left is there for good, as a look a little later tells.
    while things.left(&done) != row.left {
        let now = things.left(&done);
        assert!(
            began.elapsed() < Duration::from_secs(kills::LIMIT),
            "{row:?}, {leave}: found {now:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        things.left(&done),
        row.left,
        "{row:?}, {leave}: a little later"
    );
    let cleaned = done.then(&["clean"]);
    let said = String::from_utf8_lossy(&cleaned.stdout);
    assert!(cleaned.status.success(), "{said}");
    assert_eq!(things.left(&done), [false; 4], "{row:?}, {leave}: {said}");
    done.leaves_nothing(1);
}

fn tier(name: &str) {
    if !kills::tiers().contains(&name) {
        missing(name);
        return;
    }
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.tier == name).collect();
    let killed: Vec<&str> = rows.iter().map(|row| row.killed.as_str()).collect();
    assert_eq!(killed, ["bench", "warden", "both"]);
    for row in &rows {
        for leave in ["setsid", "double-fork"] {
            tried(row, leave);
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn missing(tier: &str) {
    eprintln!("not tested: this machine has no tier `{tier}`");
}

#[test]
fn a_namespace_leaves_what_is_documented() {
    tier("namespace");
}

#[test]
fn a_cgroup_leaves_what_is_documented() {
    tier("cgroup");
}

#[test]
fn plain_groups_leave_what_is_documented() {
    tier("plain");
}
