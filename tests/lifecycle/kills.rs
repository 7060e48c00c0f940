//! The kill matrix: how a run is ended x when x what shape its engine has x how firmly it is held. Whatever the case,
//! nothing is left, or the next `bench` ends it. A fixed part of it always runs; `BENCH_KILLS=300 cargo test --test all --
//! kills::at_random --nocapture` draws that many cases, and `BENCH_SEED` repeats them.

#![expect(
    clippy::print_stdout,
    reason = "what was drawn must be known to be repeated"
)]

use super::scenario;
use crate::support::{Bench, Done, Running, bench, not_ignored};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant, SystemTime};

/// Longest time until nothing is left, in seconds.
pub(crate) const LIMIT: u64 = 20;
/// In the command line of the embedded engine.
const SIM: &str = " sim ";

/// How a run is ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum How {
    EngineDies,
    Panic,
    Int,
    IntTwice,
    Term,
    Hup,
    KillRunner,
    KillWarden,
    KillBoth,
    /// SIGSTOP of the warden, then SIGINT of `bench`.
    StopWardenInt,
    /// SIGSTOP of the warden, then SIGKILL of `bench`.
    StopWardenKill,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    BeforeStart,
    Starting,
    Ready,
    Loading,
    TearingDown,
    /// Milliseconds after the start of `bench`.
    At(u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Plain,
    Setsid,
    DoubleFork,
    IgnoresTerm,
    Stopped,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    how: How,
    when: When,
    shape: Shape,
    tier: &'static str,
}

/// Every way.
pub(crate) const HOWS: [How; 11] = [
    How::EngineDies,
    How::Panic,
    How::Int,
    How::IntTwice,
    How::Term,
    How::Hup,
    How::KillRunner,
    How::KillWarden,
    How::KillBoth,
    How::StopWardenInt,
    How::StopWardenKill,
];
const WHENS: [When; 5] = [
    When::BeforeStart,
    When::Starting,
    When::Ready,
    When::Loading,
    When::TearingDown,
];
const SHAPES: [Shape; 5] = [
    Shape::Plain,
    Shape::Setsid,
    Shape::DoubleFork,
    Shape::IgnoresTerm,
    Shape::Stopped,
];

/// The tiers that this machine has.
pub(crate) fn tiers() -> Vec<&'static str> {
    let said = bench("doctor").run().stdout;
    let has = |tier: &&str| said.contains(&format!("{tier} works"));
    ["namespace", "cgroup", "plain"]
        .into_iter()
        .filter(has)
        .collect()
}

impl When {
    /// The event that says that it is now.
    fn event(self) -> &'static str {
        match self {
            Self::BeforeStart | Self::At(_) => "\"variant_started\"",
            Self::Starting => "\"process_started\"",
            Self::Ready => "\"process\":\"topology\"",
            Self::Loading => "\"phase_started\"",
            Self::TearingDown => "\"teardown_started\"",
        }
    }

    fn panic_at(self) -> &'static str {
        match self {
            Self::BeforeStart => "variant_started",
            Self::Starting => "process_started",
            Self::Ready => "stage_ready",
            Self::Loading | Self::At(_) => "phase_started",
            Self::TearingDown => "teardown_started",
        }
    }
}

impl Case {
    fn bench(self) -> Bench {
        let args = match self.shape {
            Shape::Plain | Shape::Stopped => "",
            Shape::Setsid => "leave-child: setsid",
            Shape::DoubleFork => "leave-child: double-fork, ignore-term: null",
            Shape::IgnoresTerm => "ignore-term: null",
        };
        let requests = if self.when == When::TearingDown {
            20
        } else {
            400
        };
        let load =
            format!("load: {{phases: [{{closed: {{concurrency: 4, requests: {requests}}}}}]}}");
        let sim = format!("startup: 200ms, args: {{{args}}}");
        let bench = bench("run")
            .file("run.yaml", &scenario(&sim, &load))
            .env("BENCH_TIER", self.tier);
        match self.how {
            How::Panic => bench.env("BENCH_PANIC_AT", self.when.panic_at()),
            _ => bench,
        }
    }

    /// Ends the run as the case says and returns what was left of it, once nothing is left.
    fn run(self) -> Done {
        let began = Instant::now();
        let mut running = self.bench().start();
        match self.when {
            When::At(ms) => {
                std::thread::sleep(Duration::from_millis(ms).saturating_sub(began.elapsed()));
            }
            when => _ = running.until_or_end(when.event()),
        }
        if self.shape == Shape::Stopped {
            signal(&running.pids(SIM), Signal::SIGSTOP);
        }
        self.how.end(&mut running, SIM);
        let done = running.done();
        if self.how == How::Panic {
            // An engine that was stopped before it was ready fails the run before the panic is due.
            let failed = matches!(self.when, When::At(_)) && self.shape == Shape::Stopped;
            assert!(
                failed && done.code == 3 || done.stderr.contains("requested by BENCH_PANIC_AT"),
                "{self:?}: {}{}",
                done.stdout,
                done.stderr
            );
        }
        self.how.left(self.tier, &done);
        done.leaves_nothing(LIMIT)
    }
}

impl How {
    /// Ends a run so; `engine` is in the command line of the engine's processes.
    pub(crate) fn end(self, running: &mut Running, engine: &str) {
        match self {
            Self::EngineDies => signal(&running.pids(engine), Signal::SIGKILL),
            // It comes by itself.
            Self::Panic => {}
            Self::Int => running.signal(Signal::SIGINT),
            Self::IntTwice => {
                running.signal(Signal::SIGINT);
                running.until_or_end(When::TearingDown.event());
                running.signal(Signal::SIGINT);
            }
            Self::Term => running.signal(Signal::SIGTERM),
            Self::Hup => running.signal(Signal::SIGHUP),
            Self::KillRunner => running.signal(Signal::SIGKILL),
            Self::KillWarden => signal(&running.pids(" warden "), Signal::SIGKILL),
            Self::KillBoth => {
                let wardens = running.pids(" warden ");
                running.signal(Signal::SIGKILL);
                signal(&wardens, Signal::SIGKILL);
            }
            Self::StopWardenInt => {
                signal(&running.pids(" warden "), Signal::SIGSTOP);
                running.signal(Signal::SIGINT);
            }
            Self::StopWardenKill => {
                signal(&running.pids(" warden "), Signal::SIGSTOP);
                running.signal(Signal::SIGKILL);
            }
        }
    }

    /// Where both were killed, what the tier could not hold and every directory is for the next `bench` to end.
    pub(crate) fn left(self, tier: &str, done: &Done) {
        if self == Self::StopWardenKill {
            // A warden that was not met ends by itself, and what it held with it.
            let began = Instant::now();
            while !done.running().is_empty() && began.elapsed() < Duration::from_secs(LIMIT) {
                let cleaned = done.then(&["clean"]);
                let said = String::from_utf8_lossy(&cleaned.stdout);
                assert!(cleaned.status.success(), "{said}");
            }
            // Directories, where the warden had ended before it was met.
            assert!(done.then(&["clean"]).status.success());
            return;
        }
        if self != Self::KillBoth {
            return;
        }
        if tier == "namespace" {
            gone(done, Duration::from_secs(LIMIT));
        } else {
            // The kernel ends what it does by itself in a moment; only the rest is to be found.
            gone_or(done, Duration::from_millis(300));
        }
        let cleaned = done.then(&["clean"]);
        let said = String::from_utf8_lossy(&cleaned.stdout);
        assert!(cleaned.status.success(), "{said}");
        assert!(done.running().is_empty(), "{said}{:?}", done.running());
    }
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        let _ = kill(Pid::from_raw(*pid), signal);
    }
}

fn gone_or(done: &Done, limit: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < limit {
        if done.running().is_empty() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn gone(done: &Done, limit: Duration) {
    assert!(gone_or(done, limit), "still running: {:?}", done.running());
}

/// A record that is there renders.
pub(crate) fn renders(done: &Done) -> bool {
    if done.record().is_none() {
        return false;
    }
    let dir = done.dir();
    let shown = done.then(&["report", dir.to_str().unwrap()]);
    assert!(
        shown.status.code().is_some() && !shown.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    true
}

/// Every instant of one way to end, with shapes and tiers that change from one to the next.
fn row(how: How) {
    let tiers = tiers();
    let number = HOWS.iter().position(|known| *known == how).unwrap();
    for (index, when) in WHENS.into_iter().enumerate() {
        let case = Case {
            how,
            when,
            shape: SHAPES[(index + number) % SHAPES.len()],
            tier: tiers[(index + number) % tiers.len()],
        };
        println!("{case:?}");
        case.run();
    }
}

#[test]
fn an_engine_that_dies() {
    row(How::EngineDies);
}

#[test]
fn a_panic() {
    row(How::Panic);
}

#[test]
fn an_interrupt() {
    row(How::Int);
}

#[test]
fn an_interrupt_twice() {
    row(How::IntTwice);
}

#[test]
fn a_term() {
    row(How::Term);
}

#[test]
fn a_hangup() {
    row(How::Hup);
}

#[test]
fn a_kill_of_the_runner() {
    row(How::KillRunner);
}

#[test]
fn a_kill_of_the_warden() {
    row(How::KillWarden);
}

#[test]
fn an_interrupt_while_the_warden_is_stopped() {
    row(How::StopWardenInt);
}

#[test]
fn a_kill_while_the_warden_is_stopped() {
    row(How::StopWardenKill);
}

#[test]
fn a_kill_of_both() {
    row(How::KillBoth);
}

#[test]
fn what_no_tier_held_is_ended_by_the_next_run() {
    let case = Case {
        how: How::KillBoth,
        when: When::Loading,
        shape: Shape::DoubleFork,
        tier: "plain",
    };
    let mut running = case.bench().start();
    running.until(case.when.event());
    case.how.end(&mut running, SIM);
    let done = running.done();
    assert!(
        !gone_or(&done, Duration::from_millis(500)),
        "the plain tier holds a double-forked child after all: say so in docs/reliability.md"
    );
    let plan = scenario("", super::LOAD);
    let file = done.dir().join("next.yaml");
    std::fs::write(&file, plan).unwrap();
    let out = done.dir().join("next");
    let next = done.then(&[
        "run",
        file.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&next.stderr);
    assert!([Some(0), Some(4)].contains(&next.status.code()), "{said}");
    assert!(
        said.contains("had ended without cleaning up") && said.contains("sleep 100000"),
        "{said}"
    );
    done.leaves_nothing(1);
}

/// Numbers drawn one after the other (splitmix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// From BENCH_SEED, else from the clock.
    pub(crate) fn seeded() -> Self {
        let clock = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let told = std::env::var("BENCH_SEED").ok();
        let seed = told.map_or_else(clock, |text| text.parse().unwrap());
        println!("BENCH_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    pub(crate) fn from<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How many cases were ordered.
pub(crate) fn ordered(variable: &str) -> usize {
    std::env::var(variable).map_or(0, |text| text.parse().unwrap())
}

#[test]
fn at_random() {
    let count = ordered("BENCH_KILLS");
    if count == 0 {
        return;
    }
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        not_ignored(signal);
    }
    let tiers = tiers();
    let mut draw = Draw::seeded();
    let mut rendered = 0;
    for number in 1..=count {
        // Half of the instants are drawn from the clock, half from what the run itself says.
        let at = When::At(u64::try_from(draw.below(1_500)).unwrap());
        let when = draw.from(&WHENS);
        let case = Case {
            how: draw.from(&HOWS),
            when: if draw.below(2) == 0 { at } else { when },
            shape: draw.from(&SHAPES),
            tier: draw.from(&tiers),
        };
        let began = Instant::now();
        let done = case.run();
        rendered += usize::from(renders(&done));
        println!(
            "{number}/{count} {case:?}: exit {}, nothing left after {:.1} s",
            done.code,
            began.elapsed().as_secs_f64()
        );
    }
    println!("{count} runs ended, nothing left of any; {rendered} had a record, and each rendered");
}

#[test]
fn a_run_killed_at_any_instant_leaves_a_record_that_renders() {
    let mut draw = Draw(20);
    let mut rendered = 0;
    for _ in 0..5 {
        let case = Case {
            how: How::KillRunner,
            when: When::At(100 + u64::try_from(draw.below(1_200)).unwrap()),
            shape: Shape::Plain,
            tier: "plain",
        };
        rendered += usize::from(renders(&case.run()));
    }
    assert!(rendered > 0, "no kill came late enough for a record");
}
