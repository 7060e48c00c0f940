//! What this machine's clock, network and cores allow the client: measured against the oracle, in this process, in about two
//! seconds.

use super::{Finding, Weight, finding};
use crate::load::{self, Cancel, Client, PhaseLoad, PhaseRun, Target};
use crate::measure::answer::assemble;
use crate::measure::exchange::{Exchange, Nanos};
use crate::plan::pace::{Pace, Rates};
use crate::plan::{Limit, Shape};
use crate::sim::exact::{Oracle, Timetable, Truth};
use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Rate at which lateness is measured, a second.
const RATE: f64 = 500.0;
/// Streams whose events are counted.
const STREAMS: u32 = 64;
/// Tokens a second of one stream that a reader would call fast.
const FAST: f64 = 50.0;
/// Schedule lag and client delay at p99 that are as they should be, in milliseconds.
const FINE: f64 = 1.0;
/// What helps against a busy machine.
const CORES: &str = "end what else runs here, or give bench cores of its own";

/// What came of driving load at the oracle.
pub(crate) struct Driven {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) run: PhaseRun,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests hold the client against it")
    )]
    pub(crate) truths: Vec<Truth>,
}

/// Why no load was driven at the oracle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDriven {
    /// The oracle did not start.
    #[error(transparent)]
    Oracle(#[from] io::Error),
    /// The client did not drive.
    #[error(transparent)]
    Client(#[from] load::Error),
}

/// Drives one phase of streams at an oracle of its own.
pub(crate) fn drive(timetable: Timetable, shape: &Shape) -> Result<Driven, NotDriven> {
    drive_beside(timetable, shape, &|| {})
}

/// As [`drive`], and the client's thread does something else after each exchange.
pub(crate) fn drive_beside(
    timetable: Timetable,
    shape: &Shape,
    other: &dyn Fn(),
) -> Result<Driven, NotDriven> {
    let (tell, told) = channel();
    let oracle = Oracle::start(timetable, move |truth| drop(tell.send(truth)))?;
    let target = Target::resolve(&format!("http://{}", oracle.address), &[])?;
    let phase = PhaseLoad {
        phase: 0,
        shape,
        path: "/v1/completions",
        stream: true,
        timeout: Duration::from_secs(20),
        body: &|_| br#"{"prompt":"x","stream":true}"#.to_vec(),
        headers: None,
        ready: None,
        seen: &load::Seen::new(),
        patience: load::Patience::default(),
    };
    let mut exchanges = Vec::new();
    let run = load::drive(&target, &phase, &Cancel::new(), &mut |exchange| {
        exchanges.push(exchange);
        other();
    });
    let run = run?;
    drop(oracle);
    Ok(Driven {
        exchanges,
        run,
        truths: told.iter().collect(),
    })
}

/// Measures, and says what load the machine can be trusted with.
pub(super) fn add(all: &mut Vec<Finding>) {
    all.push(reads());
    match lateness().and_then(|late| Ok((late, capacity()?))) {
        Ok(((lag, delay), events_per_s)) => {
            all.push(spread("schedule lag", "requests leave", &lag));
            all.push(spread("client delay", "bytes are read", &delay));
            let streams = events_per_s / 2.0 / FAST;
            all.push(finding(
                "capacity",
                Weight::Good,
                format!(
                    "{events_per_s:.0} events/s with the oracle beside it; trust it with {streams:.0} streams of {FAST} tokens/s"
                ),
            ));
        }
        Err(why) => all.push(finding(
            "capacity",
            Weight::Note,
            format!("not measured: {why}"),
        )),
    }
}

fn reads() -> Finding {
    let says = match Client::reads_by_ring() {
        Ok(()) => "by io_uring: many connections with one call".into(),
        Err(why) => format!(
            "by epoll, which costs a sixth more processor time an event; no io_uring: {why}"
        ),
    };
    finding("reads", Weight::Good, says)
}

fn spread(topic: &'static str, what: &str, sorted: &[Nanos]) -> Finding {
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).copied().unwrap_or(0) as f64 / 1e6
    };
    let p99 = at(99);
    let says = format!("{what} {:.2} ms late at p50, {p99:.2} ms at p99", at(50));
    if p99 <= FINE {
        finding(topic, Weight::Good, says)
    } else {
        finding(topic, Weight::Note, says).fix(CORES)
    }
}

/// How late requests of an open loop leave, and how long bytes wait to be read; sorted.
fn lateness() -> Result<(Vec<Nanos>, Vec<Nanos>), NotDriven> {
    let shape = Shape::Open {
        pace: Pace {
            rate: Rates::Steady(RATE),
            cv: 1.0,
            seed: 0,
        },
        limit: Limit::requests(500),
        max_in_flight: 100,
    };
    let driven = drive(timetable(5, 1, 4), &shape)?;
    let sent = driven.exchanges.iter();
    let mut lag: Vec<Nanos> = sent
        .filter_map(|e| Some(e.sent?.saturating_sub(e.due)))
        .collect();
    let mut delay: Vec<Nanos> = driven.exchanges.iter().flat_map(Exchange::delays).collect();
    lag.sort_unstable();
    delay.sort_unstable();
    Ok((lag, delay))
}

/// Events a second when the oracle sends as fast as it can.
fn capacity() -> Result<f64, NotDriven> {
    let driven = drive(timetable(0, 0, 200), &Shape::closed(STREAMS, 512))?;
    let events: u32 = driven
        .exchanges
        .iter()
        .map(|e| assemble(e).timeline.events)
        .sum();
    let took = driven.run.ended.saturating_sub(driven.run.started).max(1);
    Ok(f64::from(events) / (took as f64 / 1e9))
}

pub(crate) fn timetable(ttft_ms: u64, gap_ms: u64, tokens: u32) -> Timetable {
    Timetable {
        ttft: Duration::from_millis(ttft_ms),
        gap: Duration::from_millis(gap_ms),
        tokens,
        late_every: None,
        late_by: Duration::ZERO,
        drop_every: None,
        double_every: None,
    }
}
