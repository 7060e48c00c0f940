//! Random kills of real Dynamo with etcd and its mock engine: `BENCH_DYNAMO_KILLS=40 cargo test --test all -- engines::kills
//! --nocapture`.
#![expect(
    clippy::print_stdout,
    reason = "what was drawn must be known to be repeated"
)]

use super::{alone, run};
use crate::lifecycle::kills::{Draw, HOWS, How, LIMIT, ordered, renders, tiers};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[test]
fn dynamo_at_random() {
    let count = ordered("BENCH_DYNAMO_KILLS");
    if count == 0 {
        return;
    }
    at_random(count, "scenarios/dynamo-mocker.yaml", 12_000);
}

#[test]
fn vllm_at_random() {
    let count = ordered("BENCH_VLLM_KILLS");
    if count == 0 {
        return;
    }
    at_random(count, "scenarios/vllm-cpu.yaml", 90_000);
}

/// Ends `count` runs of a scenario, each at an instant of its first `within` milliseconds.
fn at_random(count: usize, scenario: &str, within: usize) {
    let _alone = alone();
    let tiers = tiers();
    let mut draw = Draw::seeded();
    let (mut rendered, mut slowest) = (0, 0.0_f64);
    for number in 1..=count {
        let how = draw.from(&HOWS);
        let tier = draw.from(&tiers);
        let at = Duration::from_millis(u64::try_from(draw.below(within)).unwrap());
        let engine = draw.from(&["etcd", "dynamo.frontend", "dynamo.mocker", "vllm"]);
        let mut bench = run(scenario)
            .set("load.phases[1].closed.requests=1000000")
            .env("BENCH_TIER", tier);
        if how == How::Panic {
            bench = bench.env(
                "BENCH_PANIC_AT",
                draw.from(&["process_started", "phase_started"]),
            );
        }
        let mut running = bench.start();
        std::thread::sleep(at);
        match how {
            // What is not there yet can't be what ends the run.
            How::EngineDies if running.pids(engine).is_empty() => running.signal(Signal::SIGTERM),
            how => how.end(&mut running, engine),
        }
        let began = Instant::now();
        let done = running.done();
        how.left(tier, &done);
        let done = done.leaves_nothing(LIMIT);
        let took = began.elapsed().as_secs_f64();
        slowest = slowest.max(took);
        rendered += usize::from(renders(&done));
        println!(
            "{number}/{count} {how:?} ({engine}) {tier} at {at:?}: exit {}, nothing left after {took:.1} s",
            done.code
        );
    }
    println!(
        "{count} runs ended, nothing left of any, at the latest after {slowest:.1} s; {rendered} had a record, and each rendered"
    );
}
