//! Decides when a phase has seen enough: when the answers of a warm-up no longer get faster, or
//! when a percentile is known precisely. Pure.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How much faster answers may still get, as a share of the earlier time.
const STEADY: f64 = 0.8;
/// Fewest answers in each of the two windows that are compared.
const FEWEST: usize = 8;
/// Fewest answers between two checks of a percentile.
const BETWEEN: u64 = 20;

/// What a phase waited for, and whether that happened before the phase's own end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// After how many requests; absent if the phase ended without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// For a percentile: its final estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// A percentile and its 95% confidence interval, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub low_ns: u64,
    pub value_ns: u64,
    pub high_ns: u64,
}

impl Interval {
    /// Whether both bounds are within this share of the value.
    #[must_use]
    pub fn within(&self, share: f64) -> bool {
        let off = |bound: u64| bound.abs_diff(self.value_ns) as f64;
        off(self.low_ns).max(off(self.high_ns)) <= share * self.value_ns as f64
    }
}

/// Follows the times of answers until they no longer fall. The first requests of a cold engine take
/// many times as long.
#[derive(Debug)]
pub(crate) struct Steady {
    window: usize,
    times: VecDeque<u64>,
}

impl Steady {
    /// For a phase with this many requests in flight.
    #[must_use]
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            window: (2 * concurrency).max(FEWEST),
            times: VecDeque::new(),
        }
    }

    /// Adds one answer's time. Returns whether the last answers were hardly faster than those
    /// before. The lower quartile is compared as well as the median, because the median moves only
    /// once half of a window is fast.
    pub(crate) fn add(&mut self, time: u64) -> bool {
        self.times.push_back(time);
        if self.times.len() > 2 * self.window {
            self.times.pop_front();
        }
        if self.times.len() < 2 * self.window {
            return false;
        }
        let (before, last) = self.times.make_contiguous().split_at(self.window);
        let (mut before, mut last) = (before.to_vec(), last.to_vec());
        before.sort_unstable();
        last.sort_unstable();
        [self.window / 4, self.window / 2]
            .into_iter()
            .all(|at| last[at] as f64 >= STEADY * before[at] as f64)
    }
}

/// Decides when a percentile is known precisely enough. A check after every answer would stop at
/// the first lucky one. So it checks after each further tenth of the answers, and requires two
/// successful checks in a row.
#[derive(Debug)]
pub(crate) struct Precision {
    within: f64,
    next: u64,
    once: bool,
}

impl Precision {
    /// Precision as a share of the value.
    #[must_use]
    pub(crate) fn new(within: f64) -> Self {
        Self {
            within,
            next: BETWEEN,
            once: false,
        }
    }

    /// Whether it is known after this many answers.
    pub(crate) fn reached(
        &mut self,
        answers: u64,
        known: impl FnOnce() -> Option<Interval>,
    ) -> bool {
        if answers < self.next {
            return false;
        }
        self.next = answers + (answers / 10).max(BETWEEN);
        let now = known().is_some_and(|interval| interval.within(self.within));
        std::mem::replace(&mut self.once, now) && now
    }
}

#[cfg(test)]
#[path = "tests/enough.rs"]
mod tests;
