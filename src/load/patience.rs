//! How failures affect load: slots back off before they try again, and a phase in which no request
//! succeeds is given up.

use crate::measure::exchange::Nanos;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Time from the start of a failed request to the next request of its slot, in nanoseconds. Each
/// further consecutive failure doubles it, up to [`LONGEST`].
const SHORTEST: Nanos = 10_000_000;
const LONGEST: Nanos = 1_000_000_000;
/// Number of recent answers of which most must have failed before answers with status 200 are
/// doubted.
const WINDOW: u64 = 64;
/// Fewest consecutive failures for which a phase is given up.
const FEWEST: u64 = 3;

/// How a phase of load tolerates failures.
#[derive(Clone, Copy, Default)]
pub(crate) struct Patience<'a> {
    /// Which statuses besides 2xx are not failures.
    pub accepts: Option<&'a dyn Fn(u16) -> bool>,
    /// How long every request may fail before the phase is given up; without it, for ever.
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

/// Time from the start of a failed request to the next request of its slot, after this many
/// consecutive failures, in nanoseconds.
pub(super) fn back_off(failures: u32) -> Nanos {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST)
}

/// Whether a request was so fast that further failures like it must not follow at once.
pub(super) fn is_quick(took: Nanos) -> bool {
    took < SHORTEST
}

/// What the assessor has seen of a phase. One thread writes it, the driver reads it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    enough: AtomicBool,
    /// Exchanges assessed.
    assessed: AtomicU64,
    /// Outcomes of the last [`WINDOW`] exchanges, one bit each; 1 is a failure.
    recent: AtomicU64,
    /// Failures since the last success.
    failures: AtomicU64,
    /// Start of the first of these failures.
    failing_since: AtomicU64,
    /// End of the last of these failures.
    failed_at: AtomicU64,
    /// End of the last success.
    succeeded_at: AtomicU64,
}

impl Seen {
    /// Nothing seen yet.
    #[must_use]
    pub(crate) const fn new() -> Self {
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

    /// Records an exchange: whether it succeeded, when it began and when it ended.
    pub(crate) fn note(&self, ok: bool, begun: Nanos, ended: Nanos) {
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
        // Last, and with release order: a reader that loads this counter with acquire order sees
        // all stores above.
        self.assessed
            .fetch_add(1, std::sync::atomic::Ordering::Release);
    }

    /// Records that no more requests are needed.
    pub(crate) fn enough(&self) {
        self.enough.store(true, Relaxed);
    }

    pub(super) fn has_enough(&self) -> bool {
        self.enough.load(Relaxed)
    }

    pub(super) fn assessed(&self) -> u64 {
        self.assessed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Whether most of the recent answers failed, whatever their status.
    pub(super) fn is_failing(&self) -> bool {
        u64::from(self.recent.load(Relaxed).count_ones()) > WINDOW / 2
    }

    /// End of the last success, or 0.
    pub(super) fn succeeded_at(&self) -> Nanos {
        self.succeeded_at.load(Relaxed)
    }

    /// Start of the failures since the last success (here, or at `succeeded`), if they are numerous
    /// enough and span `limit`. A request that was sent before that success and failed after it
    /// counts from the success.
    pub(super) fn failing_for(&self, limit: Nanos, succeeded: Nanos) -> Option<Nanos> {
        let since = self.failing_since.load(Relaxed).max(succeeded);
        let spans = self.failed_at.load(Relaxed).saturating_sub(since) >= limit;
        (self.failures.load(Relaxed) >= FEWEST && spans).then_some(since)
    }
}

#[cfg(test)]
#[path = "tests/patience.rs"]
mod tests;
