//! Turns the phases of a scenario into planned phases: when requests are sent, and when each phase ends.

use super::pace::{Pace, Rates};
use super::search::Search;
use crate::measure::lifecycle::PhaseKind;
use crate::scenario::model::{
    Arrival, Closed, Load, Open, Percentile, Phase, Ramp, Steps, WarmUntil,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// One planned phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhasePlan {
    /// Name in reports.
    pub name: String,
    /// Kind of load.
    pub kind: PhaseKind,
    /// How requests are sent.
    pub shape: Shape,
    /// Whether the phase is measured. The warm-up is not.
    pub measured: bool,
    /// Condition that ends the phase early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The search, if the phase is one. `shape` is then the first load to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// Condition that ends a phase early.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Answers no longer get faster.
    Steady,
    /// A percentile is known precisely.
    Known {
        /// The percentile.
        percentile: Percentile,
        /// Largest distance to an end of its confidence interval, as a share of the percentile.
        within: f64,
    },
}

/// How the requests of a phase are sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Sends `size` requests and waits for all of their answers, `batches` times.
    Batch {
        /// Requests sent at once.
        size: u32,
        /// Number of batches.
        batches: u32,
    },
    /// Keeps `concurrency` requests in flight until the limit.
    Closed {
        /// Requests in flight.
        concurrency: u32,
        /// When sending ends.
        limit: Limit,
        /// Time over which the first requests are spread.
        ramp: Duration,
        /// Pause between an answer and the next request.
        think_time: Duration,
    },
    /// Sends requests at their due times until the limit.
    Open {
        /// The arrival process.
        pace: Pace,
        /// When sending ends.
        limit: Limit,
        /// Largest number of requests in flight. Requests that are due beyond it are delayed.
        max_in_flight: u32,
    },
}

/// When a phase stops sending: at the first limit that is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Total number of requests.
    pub requests: Option<u64>,
    /// Time since the first request was due.
    pub duration: Option<Duration>,
}

impl Limit {
    /// A limit of `n` requests.
    #[must_use]
    pub const fn requests(n: u64) -> Self {
        Self {
            requests: Some(n),
            duration: None,
        }
    }

    /// Whether the request with this index, due `since` nanoseconds after the first, is beyond the limit.
    #[must_use]
    pub fn passed(&self, index: u64, since: u64) -> bool {
        self.requests.is_some_and(|n| index >= n)
            || self
                .duration
                .is_some_and(|time| u128::from(since) >= time.as_nanos())
    }
}

impl Shape {
    /// A closed loop without ramp and think time.
    #[must_use]
    pub const fn closed(concurrency: u32, requests: u64) -> Self {
        Self::Closed {
            concurrency,
            limit: Limit::requests(requests),
            ramp: Duration::ZERO,
            think_time: Duration::ZERO,
        }
    }

    /// Number of requests, if it is known in advance. For an open loop, the due times are generated and counted.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        match self {
            Self::Batch { size, batches } => Some(u64::from(*size) * u64::from(*batches)),
            Self::Closed { limit, .. } => limit.requests.filter(|_| limit.duration.is_none()),
            Self::Open { pace, limit, .. } => match limit.duration {
                // The trace was not read yet.
                _ if pace.times().next().is_none() => limit.requests,
                None => limit.requests,
                Some(_) => {
                    let due = (0..).zip(pace.times());
                    Some(due.take_while(|(i, at)| !limit.passed(*i, *at)).count() as u64)
                }
            },
        }
    }

    /// Whether the due times come from a trace.
    #[must_use]
    pub fn replays(&self) -> bool {
        matches!(self, Self::Open { pace, .. } if matches!(pace.rate, Rates::Recorded(_)))
    }

    /// Largest number of requests in flight at once.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        let (at_once, limit) = match self {
            Self::Batch { size, .. } => (*size, self.requests()),
            Self::Closed {
                concurrency, limit, ..
            } => (*concurrency, limit.requests),
            Self::Open {
                max_in_flight,
                limit,
                ..
            } => (*max_in_flight, limit.requests),
        };
        let most = u64::from(at_once).min(limit.unwrap_or(u64::MAX));
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

impl PhasePlan {
    /// Number of requests, if it is known in advance.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        self.shape.requests()
    }
}

/// The phases of every variant. A warm-up comes first.
#[must_use]
pub(crate) fn phases(load: &Load) -> Vec<PhasePlan> {
    let warmup = load.warmup.as_ref().map(|warmup| PhasePlan {
        name: "warmup".into(),
        kind: PhaseKind::Warmup,
        shape: Shape::closed(warmup.concurrency, warmup.requests),
        measured: false,
        until: warmup.until.map(|WarmUntil::Steady| Until::Steady),
        search: None,
    });
    // Each phase has its own seed. With the same seed, two phases of the same rate would have the same arrivals.
    let seeds = load.seed..;
    let measured = load.phases.iter().zip(seeds).flat_map(|(phase, seed)| {
        shapes(phase, seed)
            .into_iter()
            .map(move |(suffix, shape)| PhasePlan {
                name: format!("{}{suffix}", phase.name()),
                kind: kind(phase),
                shape,
                measured: true,
                until: until(phase),
                search: search(phase, seed),
            })
    });
    warmup.into_iter().chain(measured).collect()
}

fn kind(phase: &Phase) -> PhaseKind {
    match phase {
        Phase::Batch(_) => PhaseKind::Batch,
        Phase::Closed(_) => PhaseKind::Closed,
        Phase::Open(_) => PhaseKind::Open,
        Phase::Ramp(_) => PhaseKind::Ramp,
        Phase::Steps(_) => PhaseKind::Steps,
        Phase::Search(_) => PhaseKind::Search,
    }
}

/// The loads of a phase of a scenario, each with the suffix of its name.
fn shapes(phase: &Phase, seed: u64) -> Vec<(String, Shape)> {
    let one = |shape| vec![(String::new(), shape)];
    match phase {
        Phase::Batch(batch) => one(Shape::Batch {
            size: batch.size,
            batches: batch.batches,
        }),
        Phase::Closed(closed) => one(closed_loop(closed)),
        Phase::Open(open) => one(open_loop(open, seed)),
        Phase::Ramp(ramp) => one(ramped(ramp, seed)),
        Phase::Steps(steps) => stepped(steps, seed),
        Phase::Search(_) => {
            let shape = search(phase, seed).map(|search| search.shape(search.low()));
            shape
                .map(|shape| (String::new(), shape))
                .into_iter()
                .collect()
        }
    }
}

fn until(phase: &Phase) -> Option<Until> {
    let until = match phase {
        Phase::Closed(closed) => closed.until,
        Phase::Open(open) => open.until,
        _ => None,
    };
    until.map(|until| Until::Known {
        percentile: until.known,
        within: until.within.0,
    })
}

fn search(phase: &Phase, seed: u64) -> Option<Search> {
    let Phase::Search(search) = phase else {
        return None;
    };
    Some(Search {
        goal: search.goal.clone(),
        between: search.between,
        each: search.each.0,
        cv: search.arrival.cv(),
        max_in_flight: search.max_in_flight,
        seed,
    })
}

fn closed_loop(closed: &Closed) -> Shape {
    Shape::Closed {
        concurrency: closed.concurrency,
        limit: Limit {
            requests: closed.requests,
            duration: closed.duration.map(|time| time.0),
        },
        ramp: closed.ramp.map_or(Duration::ZERO, |time| time.0),
        think_time: closed.think_time.map_or(Duration::ZERO, |time| time.0),
    }
}

fn open_loop(open: &Open, seed: u64) -> Shape {
    let rate = match (open.arrival, open.rate) {
        (Arrival::Trace, _) | (_, None) => Rates::Recorded(Arc::new([])),
        (_, Some(rate)) => Rates::Steady(rate.0),
    };
    Shape::Open {
        pace: arrival_process(rate, open.arrival, seed),
        limit: Limit {
            requests: open.requests,
            duration: open.duration.map(|time| time.0),
        },
        max_in_flight: open.max_in_flight,
    }
}

fn ramped(ramp: &Ramp, seed: u64) -> Shape {
    let rate = Rates::Ramp {
        from: ramp.from.0,
        to: ramp.to.0,
        over: ramp.duration.0,
    };
    Shape::Open {
        pace: arrival_process(rate, ramp.arrival, seed),
        limit: duration_limit(ramp.duration.0),
        max_in_flight: ramp.max_in_flight,
    }
}

fn stepped(steps: &Steps, seed: u64) -> Vec<(String, Shape)> {
    let rates = steps.rates.iter().enumerate().map(|(i, rate)| {
        let shape = Shape::Open {
            pace: arrival_process(Rates::Steady(rate.0), steps.arrival, part_seed(seed, i)),
            limit: duration_limit(steps.each.0),
            max_in_flight: steps.max_in_flight,
        };
        (format!("-{}", rate.0), shape)
    });
    let closed = steps.concurrency.iter().map(|concurrency| {
        let shape = Shape::Closed {
            concurrency: *concurrency,
            limit: duration_limit(steps.each.0),
            ramp: Duration::ZERO,
            think_time: Duration::ZERO,
        };
        (format!("-{concurrency}"), shape)
    });
    rates.chain(closed).collect()
}

const fn duration_limit(duration: Duration) -> Limit {
    Limit {
        requests: None,
        duration: Some(duration),
    }
}

const fn arrival_process(rate: Rates, arrival: Arrival, seed: u64) -> Pace {
    Pace {
        rate,
        cv: arrival.cv(),
        seed,
    }
}

/// A seed for the i-th part of a phase that differs from the seeds of other phases.
fn part_seed(seed: u64, part: usize) -> u64 {
    seed ^ (part as u64).rotate_right(16)
}

#[cfg(test)]
#[path = "tests/phases.rs"]
mod tests;
