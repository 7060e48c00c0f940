//! From the phases of a scenario to those that are driven: how requests follow each other, and when each phase ends.

use super::pace::{Pace, Rates};
use super::search::Search;
use crate::measure::lifecycle::PhaseKind;
use crate::scenario::model::{
    Arrival, Closed, Load, Open, Percentile, Phase, Ramp, Steps, WarmUntil,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhasePlan {
    /// Name in reports.
    pub name: String,
    /// What kind of load it is.
    pub kind: PhaseKind,
    /// How requests follow each other.
    pub shape: Shape,
    /// Whether it is measured; warm-up is not.
    pub measured: bool,
    /// What ends it before its shape does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The search that it is; its shape is then the first that is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// What a phase waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// That answers no longer get faster.
    Steady,
    /// That a percentile is known.
    Known {
        /// Which.
        percentile: Percentile,
        /// To such a share of it.
        within: f64,
    },
}

/// How requests follow each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Send `size`, await all, `batches` times.
    Batch {
        /// Requests sent at once.
        size: u32,
        /// How many batches.
        batches: u32,
    },
    /// `concurrency` in flight until the limit.
    Closed {
        /// Requests in flight.
        concurrency: u32,
        /// When it ends.
        limit: Limit,
        /// Time over which the first requests are spread.
        ramp: Duration,
        /// Pause between an answer and the next request.
        think_time: Duration,
    },
    /// Requests come by themselves until the limit.
    Open {
        /// When.
        pace: Pace,
        /// When it ends.
        limit: Limit,
        /// Requests in flight at most; those that are due beyond are held back.
        max_in_flight: u32,
    },
}

/// When a phase stops sending: at the first of what is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Requests in all.
    pub requests: Option<u64>,
    /// Time since the first was due.
    pub duration: Option<Duration>,
}

impl Limit {
    /// So many requests.
    #[must_use]
    pub const fn requests(n: u64) -> Self {
        Self {
            requests: Some(n),
            duration: None,
        }
    }

    /// Whether the request that would be number `index`, due so many nanoseconds after the first, comes too late.
    #[must_use]
    pub fn passed(&self, index: u64, since: u64) -> bool {
        self.requests.is_some_and(|n| index >= n)
            || self
                .duration
                .is_some_and(|time| u128::from(since) >= time.as_nanos())
    }
}

impl Shape {
    /// A plain closed loop.
    #[must_use]
    pub const fn closed(concurrency: u32, requests: u64) -> Self {
        Self::Closed {
            concurrency,
            limit: Limit::requests(requests),
            ramp: Duration::ZERO,
            think_time: Duration::ZERO,
        }
    }

    /// Requests it sends, where that is known before. Those of an open loop are drawn to be counted.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        match self {
            Self::Batch { size, batches } => Some(u64::from(*size) * u64::from(*batches)),
            Self::Closed { limit, .. } => limit.requests.filter(|_| limit.duration.is_none()),
            Self::Open { pace, limit, .. } => match limit.duration {
                // The trace has not been read.
                _ if pace.times().next().is_none() => limit.requests,
                None => limit.requests,
                Some(_) => {
                    let due = (0..).zip(pace.times());
                    Some(due.take_while(|(i, at)| !limit.passed(*i, *at)).count() as u64)
                }
            },
        }
    }

    /// Whether requests are due when a trace says so.
    #[must_use]
    pub fn replays(&self) -> bool {
        matches!(self, Self::Open { pace, .. } if matches!(pace.rate, Rates::Recorded(_)))
    }

    /// The most requests that are in flight at once.
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
    /// Requests it sends, where that is known before.
    #[must_use]
    pub fn requests(&self) -> Option<u64> {
        self.shape.requests()
    }
}

/// The phases of every variant, warm-up first where there is one.
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
    // Phases draw from seeds of their own, or two of the same rate would see the same arrivals.
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

/// What a phase of a scenario drives, each with what is added to the phase's name.
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
        pace: pace(rate, open.arrival, seed),
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
        pace: pace(rate, ramp.arrival, seed),
        limit: lasting(ramp.duration.0),
        max_in_flight: ramp.max_in_flight,
    }
}

fn stepped(steps: &Steps, seed: u64) -> Vec<(String, Shape)> {
    let rates = steps.rates.iter().enumerate().map(|(i, rate)| {
        let shape = Shape::Open {
            pace: pace(Rates::Steady(rate.0), steps.arrival, mixed(seed, i)),
            limit: lasting(steps.each.0),
            max_in_flight: steps.max_in_flight,
        };
        (format!("-{}", rate.0), shape)
    });
    let closed = steps.concurrency.iter().map(|concurrency| {
        let shape = Shape::Closed {
            concurrency: *concurrency,
            limit: lasting(steps.each.0),
            ramp: Duration::ZERO,
            think_time: Duration::ZERO,
        };
        (format!("-{concurrency}"), shape)
    });
    rates.chain(closed).collect()
}

const fn lasting(duration: Duration) -> Limit {
    Limit {
        requests: None,
        duration: Some(duration),
    }
}

const fn pace(rate: Rates, arrival: Arrival, seed: u64) -> Pace {
    Pace {
        rate,
        cv: arrival.cv(),
        seed,
    }
}

/// A seed for the i-th part of a phase, far from the seeds of other phases.
fn mixed(seed: u64, part: usize) -> u64 {
    seed ^ (part as u64).rotate_right(16)
}

#[cfg(test)]
#[path = "tests/phases.rs"]
mod tests;
