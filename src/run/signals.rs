//! Ctrl-C and friends: the first asks a run to end politely, the second skips the grace.

use crate::topology::{Alarm, Killer};
use nix::sys::signal::{SigSet, Signal};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the signal thread shares with the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    interrupted: Arc<AtomicBool>,
    /// Whether a second signal came.
    hurried: Arc<AtomicBool>,
    alarm: Arc<Mutex<Option<Alarm>>>,
    killer: Arc<Mutex<Option<Killer>>>,
}

impl Signals {
    /// Takes SIGINT, SIGTERM and SIGHUP over from now on. Must be called before other threads are started: they inherit the
    /// blocked signals.
    ///
    /// # Errors
    /// When the kernel refuses to block signals, or allows no thread.
    pub(super) fn take_over() -> io::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        let signals = Self::default();
        let shared = signals.clone();
        let waiting = std::thread::Builder::new().name("signals".into());
        waiting.spawn(move || {
            while set.wait().is_ok() {
                shared.received();
            }
        })?;
        Ok(signals)
    }

    fn received(&self) {
        let again = self.interrupted.swap(true, Ordering::SeqCst);
        if let Some(alarm) = &*self.alarm.lock().unwrap_or_else(PoisonError::into_inner) {
            alarm.raise();
        }
        if again {
            self.hurried.store(true, Ordering::SeqCst);
            if let Some(killer) = &mut *self.killer.lock().unwrap_or_else(PoisonError::into_inner) {
                killer.kill();
            }
        }
    }

    /// Whether the run should end.
    #[must_use]
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// From now on, signals raise this alarm.
    pub(super) fn watch(&self, alarm: &Alarm) {
        *self.alarm.lock().unwrap_or_else(PoisonError::into_inner) = Some(alarm.clone());
        if self.interrupted() {
            alarm.raise();
        }
    }

    /// Whether the user waits for no grace any more.
    #[must_use]
    pub(super) fn hurried(&self) -> bool {
        self.hurried.load(Ordering::SeqCst)
    }

    /// From now on, a second signal uses this.
    pub(super) fn arm(&self, killer: Option<Killer>) {
        *self.killer.lock().unwrap_or_else(PoisonError::into_inner) = killer;
    }
}
