//! Ctrl-C and friends: the first asks a run to end politely, the second skips the grace. Signals that were ignored when
//! `bench` began, as SIGHUP is under `nohup`, stay ignored.

use crate::topology::{Alarm, Killer, polite_signals};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The exit code of a process that a signal ends while it has nothing to finish.
const INTERRUPTED: i32 = 130;

/// What the signal thread shares with the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    interrupted: Arc<AtomicBool>,
    /// Whether a second signal came.
    hurried: Arc<AtomicBool>,
    /// Whether nothing is left to finish, so that a signal ends the process at once.
    over: Arc<AtomicBool>,
    alarm: Arc<Mutex<Option<Alarm>>>,
    killer: Arc<Mutex<Option<Killer>>>,
}

impl Signals {
    /// Takes SIGINT, SIGTERM and SIGHUP over from now on, those that are not ignored. Must be called before other threads
    /// are started: they inherit the blocked signals.
    ///
    /// # Errors
    /// When the kernel refuses to block signals, or allows no thread.
    pub(super) fn take_over() -> io::Result<Self> {
        let set = polite_signals();
        set.thread_block()?;
        let signals = Self::default();
        // Waiting for no signal at all would fail at once.
        if set.iter().next().is_some() {
            let shared = signals.clone();
            let waiting = std::thread::Builder::new().name("signals".into());
            waiting.spawn(move || {
                while set.wait().is_ok() {
                    shared.received();
                }
            })?;
        }
        Ok(signals)
    }

    /// A signal ends the process at once, with exit code 130, as there is no record to finish. What runs under a warden ends
    /// with it.
    ///
    /// # Errors
    /// As [`Self::take_over`].
    pub(super) fn end_at_once() -> io::Result<()> {
        Self::take_over().map(|signals| signals.over())
    }

    fn received(&self) {
        if self.over.load(Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
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

    /// Nothing is left to finish: from now on a signal ends the process, whatever it waits for, such as a reader of its
    /// standard output.
    pub(super) fn over(&self) {
        self.over.store(true, Ordering::SeqCst);
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
