//! Programs that are asked before a run: an interpreter, `uv`. A signal ends them, they end with `bench`, and they may not
//! take for ever.

use crate::support::{Bench, bench, pids_with, wait_until};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a program is asked to sleep: so long that nobody waits for its end, and a number that no other test uses.
fn nap() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}{number:03}", 1_000_000 + std::process::id())
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn scenario(runtime: &str) -> String {
    format!(
        "version: 1
name: asked
model: {{id: m}}
runtime: {runtime}
engine: {{vllm: {{}}}}
prompts: {{inline: [one]}}
load: {{phases: [{{closed: {{concurrency: 1, requests: 1}}}}]}}
"
    )
}

/// A subcommand whose interpreter hangs, with a child in a session of its own, and ignores what asks it to end.
fn hanging(verb: &str, nap: &str) -> Bench {
    let bench = bench(verb).file("run.yaml", &scenario("{python: ./python}"));
    let text = format!("trap '' TERM INT HUP\nsetsid sleep {nap} &\nsleep {nap}");
    script(&bench.folder().join("python"), &text);
    bench
}

/// A run whose `uv` hangs.
fn hanging_uv(nap: &str) -> Bench {
    let bench = bench("run").file("run.yaml", &scenario("{uv: {packages: [vllm]}}"));
    script(
        &bench.folder().join("uv"),
        &format!("setsid sleep {nap} &\nsleep {nap}"),
    );
    let folder = bench.folder().to_str().unwrap().to_owned();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    bench.env("PATH", &path).env("BENCH_CACHE", &folder)
}

fn both_sleep(nap: &str) {
    let text = format!("sleep {nap}");
    wait_until("both sleep", || pids_with(&text).len() >= 2);
}

fn none_sleeps(nap: &str) {
    let text = format!("sleep {nap}");
    wait_until("none sleeps any more", || pids_with(&text).is_empty());
}

#[test]
fn a_signal_ends_a_hanging_interpreter() {
    for verb in ["run", "plan", "doctor", "up"] {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let nap = nap();
            let running = hanging(verb, &nap).start();
            both_sleep(&nap);
            running.signal(signal);
            running.done().code(130).leaves_nothing(5);
            none_sleeps(&nap);
        }
    }
}

#[test]
fn a_signal_ends_a_hanging_uv() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let nap = nap();
        let running = hanging_uv(&nap).start();
        both_sleep(&nap);
        running.signal(signal);
        let done = running.done().code(130).leaves_nothing(5);
        none_sleeps(&nap);
        assert_eq!(done.run()["verdict"], "partial");
    }
}

#[test]
fn what_is_asked_ends_with_bench() {
    for tier in super::kills::tiers() {
        for asked in [hanging_uv, |nap: &str| hanging("plan", nap)] {
            let nap = nap();
            let running = asked(&nap).env("BENCH_TIER", tier).start();
            both_sleep(&nap);
            running.signal(Signal::SIGKILL);
            running.done().leaves_nothing(10);
            none_sleeps(&nap);
        }
    }
}

#[test]
fn what_is_asked_under_a_stopped_warden_is_found_by_clean() {
    for tier in super::kills::tiers() {
        let nap = nap();
        let running = hanging("run", &nap).env("BENCH_TIER", tier).start();
        both_sleep(&nap);
        for pid in running.pids(" warden ") {
            let pid = nix::unistd::Pid::from_raw(pid);
            nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
        }
        running.signal(Signal::SIGKILL);
        let done = running.done();
        let cleaned = done.then(&["clean"]);
        let said = String::from_utf8_lossy(&cleaned.stdout);
        assert!(
            cleaned.status.success() && said.contains("ended process"),
            "{said}"
        );
        none_sleeps(&nap);
        done.leaves_nothing(5);
    }
}

#[test]
fn an_interpreter_that_hangs_is_given_up() {
    let nap = nap();
    let began = Instant::now();
    hanging("run", &nap)
        .env("BENCH_ASK_TIMEOUT", "1")
        .run()
        .code(3)
        .says("it did not end within 1 s and was killed; BENCH_ASK_TIMEOUT (in seconds) gives it more time")
        .leaves_nothing(5);
    none_sleeps(&nap);
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_limit_that_is_no_number_of_seconds_is_said() {
    hanging("plan", "0")
        .env("BENCH_ASK_TIMEOUT", "soon")
        .run()
        .code(3)
        .says("BENCH_ASK_TIMEOUT is `soon`, expected a whole number of seconds of at least 1");
}

#[test]
fn an_interpreter_that_prints_without_end_is_given_up() {
    let bench = bench("plan").file("run.yaml", &scenario("{python: ./python}"));
    script(&bench.folder().join("python"), "exec yes");
    bench
        .run()
        .code(3)
        .says("it printed more than 16 MiB and was killed")
        .leaves_nothing(5);
}

#[test]
fn a_wait_for_another_run_s_environment_is_ended_by_a_signal() {
    let nap = nap();
    let first = hanging_uv(&nap).start();
    both_sleep(&nap);
    let cache = first.dir().parent().unwrap().parent().unwrap().to_owned();
    let second = hanging_uv(&nap).env("BENCH_CACHE", cache.to_str().unwrap());
    let mut second = second.start();
    second.tells_until("waiting for another run");
    second.signal(Signal::SIGTERM);
    second.done().code(130).leaves_nothing(5);
    first.signal(Signal::SIGTERM);
    first.done().code(130).leaves_nothing(5);
}
