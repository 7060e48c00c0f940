//! Descendants of an engine that clear their environment and leave their session, and chains of forks.

use super::kills::tiers;
use crate::support::{Running, bench, pids_with, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// A run that waits for an engine, a shell script, which never gets ready. `NAP` in the script is a number of the test's own.
fn starting(tier: &str, script: &str, nap: &str) -> Running {
    let bench = bench("run")
        .file(
            "run.yaml",
            "version: 1
name: escaped
model: {id: m}
runtime: {python: ./python}
engine: {vllm: {}}
prompts: {inline: [one]}
load: {phases: [{closed: {concurrency: 1, requests: 1}}]}
",
        )
        .env("BENCH_TIER", tier);
    let python = bench.folder().join("python");
    let script = script.replace("NAP", nap);
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = -c ] && {{ echo '{{\"vllm\": \"0.11.0\"}}'; exit; }}\n{script}\n"
    );
    std::fs::write(&python, text).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut running = bench.start();
    running.until("process_started");
    running
}

fn nap(number: u32) -> String {
    format!("{}{number:03}", 2_000_000 + std::process::id())
}

/// Two descendants without environment: one in a session of its own, and one that forked twice as well.
const CLEARED: &str = "env -i setsid sleep NAP &\n(env -i setsid sleep NAP &)\nsleep NAP";

fn sleeping(nap: &str) -> Vec<i32> {
    pids_with(&format!("sleep {nap}"))
}

#[test]
fn a_warden_ends_what_cleared_its_environment() {
    for (number, tier) in (0..).zip(tiers()) {
        for (again, signal) in (0..).zip([Signal::SIGTERM, Signal::SIGKILL]) {
            let nap = nap(10 * number + again);
            let running = starting(tier, CLEARED, &nap);
            wait_until("all sleep", || sleeping(&nap).len() >= 3);
            running.signal(signal);
            running.done().leaves_nothing(20);
            wait_until("none sleeps", || sleeping(&nap).is_empty());
        }
    }
}

#[test]
fn what_cleared_its_environment_is_found_where_both_were_killed() {
    for (number, tier) in (0..).zip(tiers()) {
        let nap = nap(100 + number);
        let running = starting(tier, CLEARED, &nap);
        wait_until("all sleep", || sleeping(&nap).len() >= 3);
        // While an engine starts, its warden notes each second who bears no mark.
        std::thread::sleep(Duration::from_millis(2_500));
        let wardens = running.pids(" warden ");
        running.signal(Signal::SIGKILL);
        for pid in wardens {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // Until they are gone, the run lives: `bench clean` would say that it is being taken down.
        wait_until("no warden lives", || running.pids(" warden ").is_empty());
        let done = running.done();
        let cleaned = done.then(&["clean"]);
        let said = String::from_utf8_lossy(&cleaned.stdout);
        assert!(cleaned.status.success(), "{said}");
        wait_until("none sleeps", || sleeping(&nap).is_empty());
        done.leaves_nothing(5);
    }
}

/// The orphans of a warden that was killed become children of `bench`.
#[test]
fn what_cleared_its_environment_is_found_where_the_warden_was_killed() {
    for (number, tier) in (0..).zip(tiers()) {
        let nap = nap(500 + number);
        let running = starting(tier, CLEARED, &nap);
        wait_until("all sleep", || sleeping(&nap).len() >= 3);
        let warden = running.pids(" warden ")[0];
        kill(Pid::from_raw(warden), Signal::SIGKILL).unwrap();
        running.done().code(3).leaves_nothing(20);
        wait_until("none sleeps", || sleeping(&nap).is_empty());
    }
}

#[test]
fn what_cleared_its_environment_is_found_under_a_stopped_warden() {
    for (number, tier) in (0..).zip(tiers()) {
        let nap = nap(200 + number);
        let running = starting(tier, CLEARED, &nap);
        wait_until("all sleep", || sleeping(&nap).len() >= 3);
        std::thread::sleep(Duration::from_millis(2_500));
        for pid in running.pids(" warden ") {
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
        running.signal(Signal::SIGKILL);
        let done = running.done();
        assert!(done.then(&["clean"]).status.success());
        wait_until("none sleeps", || sleeping(&nap).is_empty());
        done.leaves_nothing(5);
    }
}

/// A process that forks and exits again and again, in its engine's group or in sessions of its own.
#[test]
fn a_chain_of_forks_does_not_keep_a_run_from_ending() {
    let link = "#!/bin/sh\ntrap '' TERM\n# chain NAP\n";
    for (number, tier) in (0..).zip(tiers()) {
        for (again, next) in (0..).zip(["\"$0\" NAP &", "setsid \"$0\" NAP &"]) {
            let nap = nap(300 + 10 * number + again);
            let script = format!(
                "chain=$(dirname \"$0\")/chain\nprintf '%s\\n' \"{}\" > \"$chain\"\nchmod +x \"$chain\"\n(\"$chain\" NAP &)\nsleep NAP",
                format!("{link}{next}")
                    .replace('"', "\\\"")
                    .replace('$', "\\$")
            );
            let running = starting(tier, &script, &nap);
            let chain = format!("chain {nap}");
            wait_until("the chain runs", || !pids_with(&chain).is_empty());
            running.signal(Signal::SIGINT);
            let done = running.done().code(130);
            done.leaves_nothing(5);
            assert!(pids_with(&chain).is_empty(), "{tier} {next}");
        }
    }
}

#[test]
fn no_empty_cgroup_is_left() {
    let Some(cgroups) = cgroups() else { return };
    if !tiers().contains(&"cgroup") {
        return;
    }
    for (number, end) in (0..).zip([Signal::SIGTERM, Signal::SIGKILL]) {
        let nap = nap(400 + number);
        let running = starting("cgroup", "sleep NAP", &nap);
        wait_until("it sleeps", || !sleeping(&nap).is_empty());
        let wardens = running.pids(" warden ");
        let made: Vec<_> = wardens
            .iter()
            .flat_map(|pid| {
                let name = format!("bench-{pid}-");
                let all = std::fs::read_dir(&cgroups).unwrap().flatten();
                all.map(|entry| entry.path()).filter(move |path| {
                    path.file_name()
                        .unwrap()
                        .to_string_lossy()
                        .starts_with(&name)
                })
            })
            .collect();
        assert!(!made.is_empty());
        running.signal(end);
        if end == Signal::SIGKILL {
            for pid in wardens {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        let done = running.done();
        assert!(done.then(&["clean"]).status.success());
        wait_until("no cgroup is left", || {
            made.iter().all(|path| !path.exists())
        });
        done.leaves_nothing(5);
    }
}

/// The cgroup v2 that tests are in.
fn cgroups() -> Option<std::path::PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(std::path::Path::new(mount.split(' ').nth(1)?).join(own))
}
