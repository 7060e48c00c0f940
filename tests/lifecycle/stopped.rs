//! Wardens that are stopped (SIGSTOP) never block `bench`, and `bench clean` finds what they hold.

#![expect(
    clippy::print_stdout,
    reason = "a test says that it was skipped, and why"
)]

use super::kills::tiers;
use super::others::{STRANGER, can_be_others};
use super::{LONG_LOAD, scenario};
use crate::support::{Running, bench};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn under_load(tier: &str) -> Running {
    let mut running = bench("run")
        .file("run.yaml", &scenario("", LONG_LOAD))
        .env("BENCH_TIER", tier)
        .start();
    running.until("phase_started");
    running
}

fn stop(running: &Running) -> Vec<i32> {
    let wardens = running.pids(" warden ");
    assert!(!wardens.is_empty());
    for pid in &wardens {
        let _ = kill(Pid::from_raw(*pid), Signal::SIGSTOP);
    }
    wardens
}

#[test]
fn one_signal_ends_a_run_whose_warden_is_stopped() {
    for tier in tiers() {
        let running = under_load(tier);
        stop(&running);
        running.signal(Signal::SIGINT);
        let done = running.done().code(130).leaves_nothing(5);
        assert_eq!(done.run()["verdict"], "partial", "{tier}");
    }
}

/// A warden that is stopped again as often as it is continued never answers: the second signal kills it.
#[test]
fn two_signals_end_a_run_whose_warden_is_stopped_again_and_again() {
    for tier in tiers() {
        let mut running = under_load(tier);
        let wardens = stop(&running);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    for pid in &wardens {
                        let _ = kill(Pid::from_raw(*pid), Signal::SIGSTOP);
                    }
                }
            });
            running.signal(Signal::SIGINT);
            running.until_or_end("teardown_started");
            running.signal(Signal::SIGINT);
            let done = running.done();
            over.store(true, Ordering::SeqCst);
            done.code(130).leaves_nothing(20);
        });
    }
}

#[test]
fn a_run_whose_warden_is_stopped_while_it_starts_comes_up() {
    let mut running = bench("run")
        .file("run.yaml", &scenario("startup: 1s", super::LOAD))
        .start();
    running.until("process_started");
    stop(&running);
    running.done().ran().leaves_nothing(5);
}

#[test]
fn clean_ends_what_a_stopped_warden_holds() {
    for tier in tiers() {
        let running = under_load(tier);
        stop(&running);
        running.signal(Signal::SIGKILL);
        let done = running.done();
        std::thread::sleep(Duration::from_millis(200));
        assert!(!done.running().is_empty(), "{tier}: nothing stood still");
        let cleaned = done.then(&["clean"]);
        let said = String::from_utf8_lossy(&cleaned.stdout);
        assert!(cleaned.status.success(), "{said}");
        assert!(said.contains(" warden "), "{said}");
        done.leaves_nothing(2);
    }
}

/// In the user namespace of an unprivileged user, the kernel releases the lock of a killed warden late.
#[test]
fn clean_of_an_unprivileged_user_ends_what_a_stopped_warden_holds() {
    if !can_be_others() {
        return;
    }
    for tier in tiers() {
        let run = bench("run").file("run.yaml", &scenario("", LONG_LOAD));
        let mut running = run.env("BENCH_TIER", tier).user(STRANGER).start();
        running.until_or_end("phase_started");
        if running.ended() && tier != "plain" {
            println!("skipped: {tier} for an unprivileged user");
            continue;
        }
        stop(&running);
        running.signal(Signal::SIGKILL);
        let done = running.done();
        let cleaned = done.then(&["clean"]);
        let said = String::from_utf8_lossy(&cleaned.stdout);
        assert!(cleaned.status.success(), "{tier}: {said}");
        assert!(said.contains("removed "), "{tier}: {said}");
        done.leaves_nothing(2);
    }
}

#[test]
fn clean_leaves_a_living_run_whose_warden_is_stopped_alone() {
    let running = under_load("plain");
    let wardens = stop(&running);
    let (pid, dir) = (running.pid(), running.dir());
    let state = dir.parent().unwrap().parent().unwrap();
    let output = std::process::Command::new(crate::support::program())
        .arg("clean")
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "nothing was left behind\n");
    for warden in wardens {
        assert!(Path::new(&format!("/proc/{warden}")).exists() && pid > 0);
    }
    running.signal(Signal::SIGTERM);
    running.done().code(130).leaves_nothing(5);
}

#[test]
fn clean_says_what_it_could_not_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bench/runs");
    let clean = |script: &str| {
        let output = std::process::Command::new("sh")
            .args(["-c", script])
            .arg(crate::support::program())
            .env("XDG_STATE_HOME", folder.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    // Not a directory; an entry that is a pipe; no processes to be seen.
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "").unwrap();
    let (code, said) = clean("exec \"$0\" clean");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("failed to look for what was left behind"),
        "{said}"
    );
    assert!(!said.contains("nothing was left"), "{said}");
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    let pipe = place.join("run.1-1.jsonl");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (code, said) = clean("exec \"$0\" clean");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("is a FIFO, expected a regular file"),
        "{said}"
    );
    std::fs::remove_file(&pipe).unwrap();
    if tiers().contains(&"namespace") {
        let hidden =
            "exec unshare --mount sh -c 'mount -t tmpfs none /proc && exec \"$0\" clean' \"$0\"";
        let (code, said) = clean(hidden);
        if !said.contains("unshare:") {
            assert_eq!(code, Some(3), "{said}");
            assert!(said.contains("/proc: "), "{said}");
        }
    }
    let (code, said) = clean("exec \"$0\" clean");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "nothing was left behind\n")
    );
}
