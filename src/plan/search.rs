//! The highest rate or concurrency that keeps its goals, by bisection. Pure: it says what to try next, and is told what came
//! of it.

use super::pace::{Pace, Rates};
use super::phases::{Limit, Shape};
use crate::scenario::gate::Gate;
use crate::scenario::rate::Bounds;
use serde::Serialize;
use std::time::Duration;

/// Where a search may end, as the ratio of what broke to what held.
const CLOSE: f64 = 1.05;
/// Most probes of one search, confirmations included.
const MOST: usize = 24;

/// A search that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// What must hold.
    pub goal: Vec<Gate>,
    /// Where to look.
    pub between: Bounds,
    /// How long requests are sent at each value.
    pub each: Duration,
    /// Standard deviation of the gaps between requests over their mean, for rates.
    pub cv: f64,
    /// Requests in flight at most, for rates.
    pub max_in_flight: u32,
    /// What arrivals are drawn from.
    pub seed: u64,
}

impl Search {
    /// The load at one value.
    #[must_use]
    pub fn shape(&self, value: f64) -> Shape {
        let limit = Limit {
            requests: None,
            duration: Some(self.each),
        };
        match self.between {
            Bounds::Rate(..) => Shape::Open {
                pace: Pace {
                    rate: Rates::Steady(value),
                    cv: self.cv,
                    seed: self.seed,
                },
                limit,
                max_in_flight: self.max_in_flight,
            },
            Bounds::Concurrency(..) => Shape::Closed {
                concurrency: whole(value),
                limit,
                ramp: Duration::ZERO,
                think_time: Duration::ZERO,
            },
        }
    }

    /// A value as it is shown: `7.5/s`, or `12 at once`.
    #[must_use]
    pub fn shown(&self, value: f64) -> String {
        match self.between {
            Bounds::Rate(..) => format!("{}/s", (value * 1e3).round() / 1e3),
            Bounds::Concurrency(..) => format!("{value} at once"),
        }
    }

    /// The smallest value, where it begins.
    #[must_use]
    pub fn low(&self) -> f64 {
        match self.between {
            Bounds::Rate(low, _) => low.0,
            Bounds::Concurrency(low, _) => low.into(),
        }
    }

    fn high(&self) -> f64 {
        match self.between {
            Bounds::Rate(_, high) => high.0,
            Bounds::Concurrency(_, high) => high.into(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to an integer saturates"
)]
fn whole(value: f64) -> u32 {
    value as u32
}

/// How far a search is.
#[derive(Debug, Clone)]
pub(crate) struct Bisection {
    low: f64,
    high: f64,
    whole: bool,
    /// Values that held, each the highest then, with how often.
    held: Vec<(f64, u32)>,
    /// The lowest value that broke.
    broke: Option<f64>,
    probes: usize,
}

impl Bisection {
    /// A search that has tried nothing.
    #[must_use]
    pub(crate) fn new(search: &Search) -> Self {
        Self {
            low: search.low(),
            high: search.high(),
            whole: matches!(search.between, Bounds::Concurrency(..)),
            held: Vec::new(),
            broke: None,
            probes: 0,
        }
    }

    /// The value to try next; `None` when the search is over. The best value is tried twice, so that luck is no result.
    #[must_use]
    pub(crate) fn next(&self) -> Option<f64> {
        let best = self.held.last().copied();
        if self.probes >= MOST {
            return None;
        }
        match (best, self.broke) {
            (None, None) => Some(self.low),
            // The smallest broke: nothing keeps the goal.
            (None, Some(_)) => None,
            (Some((value, _)), None) if value < self.high => Some(self.high),
            (Some((value, times)), None) => (times < 2).then_some(value),
            (Some((value, times)), Some(broke)) => match self.between(value, broke) {
                Some(middle) => Some(middle),
                None => (times < 2).then_some(value),
            },
        }
    }

    /// What came of trying `value`.
    pub(crate) fn note(&mut self, value: f64, held: bool) {
        self.probes += 1;
        if !held {
            self.held.retain(|(known, _)| *known < value);
            self.broke = Some(self.broke.map_or(value, |known| known.min(value)));
            return;
        }
        match self.held.last_mut() {
            Some((known, times)) if *known == value => *times += 1,
            _ => self.held.push((value, 1)),
        }
    }

    /// The highest value that held twice.
    #[must_use]
    pub(crate) fn found(&self) -> Option<f64> {
        let twice = self.held.iter().filter(|(_, times)| *times >= 2);
        twice.map(|(value, _)| *value).reduce(f64::max)
    }

    /// The middle of two values, by their ratio; `None` when they are close enough.
    fn between(&self, held: f64, broke: f64) -> Option<f64> {
        let middle = (held * broke).sqrt();
        if self.whole {
            let middle = middle.round().clamp(held + 1.0, broke);
            return (middle < broke && broke / held > CLOSE).then_some(middle);
        }
        (broke / held > CLOSE).then_some(middle)
    }
}

#[cfg(test)]
#[path = "tests/search.rs"]
mod tests;
