//! What failures do to load: slots wait before they try again, and a phase in which nothing succeeds is given up.

use crate::measure::exchange::Nanos;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Time from the beginning of a failed request to the next one of its slot, in nanoseconds; doubled by each further
/// failure in a row, up to [`LONGEST`].
const SHORTEST: Nanos = 10_000_000;
const LONGEST: Nanos = 1_000_000_000;
/// Answers of which most must have failed for answers of status 200 to be doubted.
const WINDOW: u64 = 64;
/// Fewest failures in a row that a phase is given up for.
const FEWEST: u64 = 3;

/// How a phase of load bears failures.
#[derive(Clone, Copy, Default)]
pub struct Patience<'a> {
    /// Which statuses beside 2xx are no failures.
    pub accepts: Option<&'a dyn Fn(u16) -> bool>,
    /// For how long every request may fail before the phase is given up; for ever where it is none.
    pub give_up_after: Option<Duration>,
}

impl Patience<'_> {
    pub(super) fn accepts(&self, status: u16) -> bool {
        (200..300).contains(&status) || self.accepts.is_some_and(|accepts| accepts(status))
    }

    pub(super) fn limit(&self) -> Option<Nanos> {
        let limit = self.give_up_after?.as_nanos();
        Some(u64::try_from(limit).unwrap_or(u64::MAX))
    }
}

/// How long after the beginning of a failed request its slot may send the next, after so many failures in a row.
pub(super) fn back_off(failures: u32) -> Nanos {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST)
}

/// Whether a request took so short a time that failures of its kind must not follow each other at once.
pub(super) fn is_quick(took: Nanos) -> bool {
    took < SHORTEST
}

/// What whoever assesses the answers of a phase has seen of it. Written by one thread, read by the driver.
#[derive(Debug, Default)]
pub struct Seen {
    enough: AtomicBool,
    /// Exchanges assessed.
    assessed: AtomicU64,
    /// How the last [`WINDOW`] went, a bit each: 1 is a failure.
    recent: AtomicU64,
    /// Failures since the last success.
    failures: AtomicU64,
    /// When the first of these was begun.
    failing_since: AtomicU64,
    /// When the last of these ended.
    failed_at: AtomicU64,
    /// When the last success ended.
    succeeded_at: AtomicU64,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            enough: AtomicBool::new(false),
            assessed: AtomicU64::new(0),
            recent: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failing_since: AtomicU64::new(0),
            failed_at: AtomicU64::new(0),
            succeeded_at: AtomicU64::new(0),
        }
    }

    /// Notes an exchange that was begun and ended at these instants, and whether it succeeded.
    pub fn note(&self, ok: bool, begun: Nanos, ended: Nanos) {
        let recent = self.recent.load(Relaxed) << 1 | u64::from(!ok);
        self.recent.store(recent, Relaxed);
        if ok {
            self.failures.store(0, Relaxed);
            self.succeeded_at.fetch_max(ended, Relaxed);
        } else {
            if self.failures.fetch_add(1, Relaxed) == 0 {
                self.failing_since.store(begun, Relaxed);
            }
            self.failing_since.fetch_min(begun, Relaxed);
            self.failed_at.store(ended, Relaxed);
        }
        // Last, so that whoever finds all assessed finds the rest as well.
        self.assessed
            .fetch_add(1, std::sync::atomic::Ordering::Release);
    }

    /// Says that no more requests are needed.
    pub fn enough(&self) {
        self.enough.store(true, Relaxed);
    }

    pub(super) fn has_enough(&self) -> bool {
        self.enough.load(Relaxed)
    }

    pub(super) fn assessed(&self) -> u64 {
        self.assessed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Whether most of the last answers failed, whatever their status.
    pub(super) fn is_failing(&self) -> bool {
        u64::from(self.recent.load(Relaxed).count_ones()) > WINDOW / 2
    }

    /// When the last success ended, or 0.
    pub(super) fn succeeded_at(&self) -> Nanos {
        self.succeeded_at.load(Relaxed)
    }

    /// When the failures since the last success, here or at `succeeded`, began, if they are enough and span this long. What
    /// was sent before that success and failed after it counts from the success.
    pub(super) fn failing_for(&self, limit: Nanos, succeeded: Nanos) -> Option<Nanos> {
        let since = self.failing_since.load(Relaxed).max(succeeded);
        let spans = self.failed_at.load(Relaxed).saturating_sub(since) >= limit;
        (self.failures.load(Relaxed) >= FEWEST && spans).then_some(since)
    }
}

#[cfg(test)]
#[path = "tests/patience.rs"]
mod tests;
