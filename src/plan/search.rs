//! Finds the highest rate or concurrency that meets the goals, by bisection. It returns the next value to try and takes
//! the outcome; it sends no requests itself.

use super::pace::{Pace, Rates};
use super::phases::{Limit, Shape};
use crate::scenario::gate::Gate;
use crate::scenario::rate::Bounds;
use serde::Serialize;
use std::time::Duration;

/// Ratio of the lowest failed value to the highest successful value at which a search ends.
const CLOSE: f64 = 1.05;
/// Largest number of tries of one search, including confirmations.
const MOST: usize = 24;

/// A planned search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// Gates that must hold.
    pub goal: Vec<Gate>,
    /// Range to search.
    pub between: Bounds,
    /// Duration of each try.
    pub each: Duration,
    /// Coefficient of variation of the gaps between requests, for rates.
    pub cv: f64,
    /// Largest number of requests in flight, for rates.
    pub max_in_flight: u32,
    /// Seed of the arrivals.
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

    /// A value for display: `7.5/s`, or `12 at once`.
    #[must_use]
    pub fn shown(&self, value: f64) -> String {
        match self.between {
            Bounds::Rate(..) => format!("{}/s", (value * 1e3).round() / 1e3),
            Bounds::Concurrency(..) => format!("{value} at once"),
        }
    }

    /// The smallest value, at which the search starts.
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

/// The state of a search.
#[derive(Debug, Clone)]
pub(crate) struct Bisection {
    low: f64,
    high: f64,
    whole: bool,
    /// Successful values in increasing order, with the number of successes.
    held: Vec<(f64, u32)>,
    /// The lowest value that failed.
    broke: Option<f64>,
    probes: usize,
}

impl Bisection {
    /// A search without tries.
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

    /// The next value to try. `None` when the search is over. The best value must succeed twice, to exclude chance.
    #[must_use]
    pub(crate) fn next(&self) -> Option<f64> {
        let best = self.held.last().copied();
        if self.probes >= MOST {
            return None;
        }
        match (best, self.broke) {
            (None, None) => Some(self.low),
            // The smallest value failed, so no value meets the goal.
            (None, Some(_)) => None,
            (Some((value, _)), None) if value < self.high => Some(self.high),
            (Some((value, times)), None) => (times < 2).then_some(value),
            (Some((value, times)), Some(broke)) => match self.between(value, broke) {
                Some(middle) => Some(middle),
                None => (times < 2).then_some(value),
            },
        }
    }

    /// Records the outcome of trying `value`.
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

    /// The highest value that succeeded twice.
    #[must_use]
    pub(crate) fn found(&self) -> Option<f64> {
        let twice = self.held.iter().filter(|(_, times)| *times >= 2);
        twice.map(|(value, _)| *value).reduce(f64::max)
    }

    /// The geometric mean of two values. `None` when they are close enough.
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
