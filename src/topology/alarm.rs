//! Waiting: what ends it at once, and how long it lasts between two tries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flag that ends waiting and load. The first unexpected exit sets it, as can any holder of a
/// clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarm(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    raised: Arc<AtomicBool>,
    /// Held while the flag is set, so that it is never set between a waiter's check and its sleep.
    lock: Mutex<()>,
    rung: Condvar,
}

impl Alarm {
    /// Raises it, and ends every [`pause`].
    pub(crate) fn raise(&self) {
        let held = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.raised.store(true, Ordering::SeqCst);
        drop(held);
        self.0.rung.notify_all();
    }

    /// Whether it was raised.
    #[must_use]
    pub(crate) fn raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// The flag itself, for code that does not know topologies and only reads it.
    #[must_use]
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.raised)
    }
}

/// Waits until `alarm` is raised or `time` has passed. Returns whether the alarm was raised.
pub(crate) fn pause(alarm: &Alarm, time: Duration) -> bool {
    let held = alarm.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = alarm
        .0
        .rung
        .wait_timeout_while(held, time, |()| !alarm.raised());
    drop(waited);
    alarm.raised()
}

/// The pause between two attempts at something that only another attempt can tell. The kernel
/// reports when a process ends, but not when it begins to listen, and only an answer says whether it
/// serves.
///
/// The pause is a tenth of the time waited so far. Readiness is noticed at most a tenth late, and a
/// start that takes minutes is not disturbed by hundreds of attempts per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackOff {
    /// The shortest pause.
    pub shortest: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl BackOff {
    /// The pause after so long a wait.
    #[must_use]
    pub(crate) fn after(self, waited: Duration) -> Duration {
        (waited / 10).max(self.shortest).min(self.longest)
    }
}

#[cfg(test)]
#[path = "tests/alarm.rs"]
mod tests;
