//! Decides how long the reader may sleep while bytes arrive. The kernel timestamps each segment, so
//! waking up for each one costs CPU time and improves no number. A finished answer waits during a
//! nap, too, so naps stay short compared with answers.

use crate::measure::exchange::Nanos;

/// Longest nap, in nanoseconds.
const LONGEST: f64 = 1e6;
/// Largest share of the time between two reads of one stream that a nap may take.
const SHARE: f64 = 0.05;
/// Fewest reads that a nap must gather to pay.
const WORTH: f64 = 4.0;
/// Window over which reads are counted, in nanoseconds.
const WINDOW: Nanos = 20_000_000;

/// Counts reads and says how long a nap may be.
#[derive(Debug, Default)]
pub(super) struct Naps {
    since: Nanos,
    count: u64,
    /// Reads per nanosecond in the last window.
    rate: f64,
}

impl Naps {
    /// Counts `reads` at `now`.
    pub(super) fn note(&mut self, reads: usize, now: Nanos) {
        self.count += reads as u64;
        let passed = now.saturating_sub(self.since);
        if passed >= WINDOW {
            self.rate = self.count as f64 / passed as f64;
            (self.since, self.count) = (now, 0);
        }
    }

    /// How long to nap with this many streams in flight, in nanoseconds; 0 if it does not pay.
    pub(super) fn length(&self, streams: usize) -> Nanos {
        let between = streams as f64 / self.rate;
        let nap = (SHARE * between).min(LONGEST);
        if nap * self.rate >= WORTH {
            nap as Nanos
        } else {
            0
        }
    }
}

#[cfg(test)]
#[path = "tests/nap.rs"]
mod tests;
