//! How long the reader may sleep while bytes come in. The kernel keeps the time of every one, so waking for each costs
//! processor time and gains nothing; but a slot whose answer has ended waits as well, so naps stay short against answers.

use crate::measure::exchange::Nanos;

/// Longest nap, in nanoseconds.
const LONGEST: f64 = 1e6;
/// Share of the time between two reads of one stream that a nap may take.
const SHARE: f64 = 0.05;
/// Reads that a nap must gather to be worth it.
const WORTH: f64 = 4.0;
/// Over how long reads are counted, in nanoseconds.
const WINDOW: Nanos = 20_000_000;

/// Counts reads and says how long a nap is fine.
#[derive(Debug, Default)]
pub(super) struct Naps {
    since: Nanos,
    count: u64,
    /// Reads a nanosecond, over the last window.
    rate: f64,
}

impl Naps {
    /// Notes so many reads, at `now`.
    pub(super) fn note(&mut self, reads: usize, now: Nanos) {
        self.count += reads as u64;
        let passed = now.saturating_sub(self.since);
        if passed >= WINDOW {
            self.rate = self.count as f64 / passed as f64;
            (self.since, self.count) = (now, 0);
        }
    }

    /// How long to sleep with so many streams in flight, in nanoseconds; 0 where it would not pay.
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
