use super::{LONG_LOAD, scenario};
use crate::support::{Running, bench};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn under_load(sim: &str) -> Running {
    let mut running = bench("run")
        .file("run.yaml", &scenario(sim, LONG_LOAD))
        .start();
    running.until("phase_started");
    running
}

#[test]
fn an_interrupt_under_load_ends_everything_and_keeps_what_was_measured() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let running = under_load("");
        std::thread::sleep(std::time::Duration::from_millis(300));
        running.signal(signal);
        let done = running.done().code(130).leaves_nothing(5);
        let run = done.run();
        assert_eq!(run["verdict"], "partial", "{signal}");
        assert!(!done.samples().is_empty());
        assert!(run["variants"][0]["teardown"].is_object());
    }
}

#[test]
fn an_interrupt_while_starting_ends_everything() {
    let mut running = bench("run")
        .file("run.yaml", &scenario("startup: 60s", LONG_LOAD))
        .start();
    running.until("process_started");
    running.signal(Signal::SIGINT);
    running.done().code(130).leaves_nothing(5);
}

#[test]
fn a_second_interrupt_skips_the_grace() {
    // Long enough that only a skipped grace ends it within the limit below.
    let mut running = under_load("args: {ignore-term: null}");
    running.signal(Signal::SIGINT);
    running.until("teardown_started");
    running.signal(Signal::SIGINT);
    let done = running.done().code(130).leaves_nothing(5);
    let signals = done.run()["variants"][0]["teardown"]["signals"].clone();
    let last = signals.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["signal"], "KILL", "{signals}");
}

#[test]
fn killing_the_runner_leaves_nothing() {
    let running = under_load("");
    running.signal(Signal::SIGKILL);
    let done = running.done().leaves_nothing(20);
    assert_eq!(
        done.run()["verdict"],
        "partial",
        "the record is valid at every instant"
    );
}

#[test]
fn killing_the_warden_leaves_nothing_and_ends_the_run() {
    let running = under_load("");
    let warden = running.pids(" warden ");
    assert!(!warden.is_empty());
    kill(Pid::from_raw(warden[0]), Signal::SIGKILL).unwrap();
    running.done().code(3).says("warden").leaves_nothing(20);
}
