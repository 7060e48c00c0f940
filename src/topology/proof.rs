//! Waits until real completions prove that something serves: a topology of this run, or an endpoint
//! that somebody else operates.

use super::{Alarm, BackOff, pause};
use crate::event::{Event, Events};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Consecutive lasting failures after which waiting ends.
const LASTING: u32 = 3;
/// How long to wait before the user is told, and between two such messages.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Least time for one attempt, however little time is left.
const LEAST_TRY: Duration = Duration::from_secs(1);

/// The outcome of one completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It answered as the scenario demands.
    Good,
    /// It does not answer yet: connection refused, 404, 500, 503, cut off.
    NotYet(String),
    /// It serves, but refuses such a request: 400, 401, 403, 422.
    Refused(String),
    /// The connection cannot work as configured: the certificate is not trusted, or the server does
    /// not speak TLS.
    Unusable(String),
    /// It answers, but breaks a rule of the scenario.
    Wrong(String),
}

/// Why the proof failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// The alarm was raised.
    Stopped,
    /// There was no good answer in time.
    TooLate {
        /// The outcome of the last attempt.
        last: String,
        /// How long waiting took.
        waited: Duration,
    },
    /// The server refused the request three times in a row.
    Refused(String),
    /// The connection could not work three times in a row.
    Unusable(String),
    /// The answers broke a rule three times in a row.
    Wrong(String),
}

/// A wait for good completions.
pub(crate) struct Waiting<'a> {
    /// What is waited for, in the user's words.
    pub whom: &'a str,
    /// Sends one real completion, which may take as long as the argument.
    pub prove: &'a mut dyn FnMut(Duration) -> Proof,
    /// Number of consecutive good completions that prove it.
    pub completions: u32,
    /// When waiting began.
    pub began: Instant,
    /// Limit on waiting.
    pub timeout: Duration,
    /// The pause between two attempts.
    pub back_off: BackOff,
    /// Raised when waiting is pointless.
    pub alarm: &'a Alarm,
    /// Receives messages for the user.
    pub events: &'a Events,
}

impl Waiting<'_> {
    /// Waits.
    ///
    /// # Errors
    /// Why the proof failed.
    pub(crate) fn wait(mut self) -> Result<(), Unproven> {
        let (mut good, mut lasting) = (0, 0);
        let mut last = "no answer yet".to_owned();
        let mut told = Told::default();
        while good < self.completions {
            // Once a completion succeeded, the next one may take as long as any request.
            let limit = match good {
                0 => self.remaining().max(LEAST_TRY),
                _ => Duration::MAX,
            };
            let proof = self.attempt(limit, &last, &mut told);
            if self.alarm.raised() {
                return Err(Unproven::Stopped);
            }
            (good, lasting) = match proof {
                Proof::Good => (good + 1, 0),
                Proof::NotYet(_) => (0, 0),
                Proof::Refused(_) | Proof::Unusable(_) | Proof::Wrong(_) => (0, lasting + 1),
            };
            let is_last = lasting == LASTING;
            last = match proof {
                Proof::Good => continue,
                Proof::Refused(said) if is_last => return Err(Unproven::Refused(said)),
                Proof::Unusable(said) if is_last => return Err(Unproven::Unusable(said)),
                Proof::Wrong(said) if is_last => return Err(Unproven::Wrong(said)),
                Proof::NotYet(said)
                | Proof::Refused(said)
                | Proof::Unusable(said)
                | Proof::Wrong(said) => said,
            };
            if self.began.elapsed() >= self.timeout {
                let waited = self.began.elapsed();
                return Err(Unproven::TooLate { last, waited });
            }
            self.tell(&last, &mut told);
            let rest = self.back_off.after(self.began.elapsed());
            pause(self.alarm, rest.min(self.remaining()));
        }
        Ok(())
    }

    fn remaining(&self) -> Duration {
        self.timeout.saturating_sub(self.began.elapsed())
    }

    /// Makes one attempt. Meanwhile another thread reports a server that accepts the request but
    /// stays silent.
    fn attempt(&mut self, limit: Duration, last: &str, told: &mut Told) -> Proof {
        let teller = Teller {
            whom: self.whom,
            began: self.began,
            timeout: self.timeout,
            events: self.events,
        };
        let (done, over) = channel::<()>();
        std::thread::scope(|scope| {
            // If no thread can be started, the user is not told.
            let beside = std::thread::Builder::new();
            let _ = beside.spawn_scoped(scope, move || {
                while over.recv_timeout(TOLD_AFTER) == Err(RecvTimeoutError::Timeout) {
                    teller.tell(last, told);
                }
            });
            let proof = (self.prove)(limit);
            drop(done);
            proof
        })
    }

    fn tell(&self, last: &str, told: &mut Told) {
        let teller = Teller {
            whom: self.whom,
            began: self.began,
            timeout: self.timeout,
            events: self.events,
        };
        teller.tell(last, told);
    }
}

/// When the user was last told.
#[derive(Debug, Default)]
struct Told(Option<Instant>);

struct Teller<'a> {
    whom: &'a str,
    began: Instant,
    timeout: Duration,
    events: &'a Events,
}

impl Teller<'_> {
    /// Tells the user why it still waits, unless that was said recently.
    fn tell(&self, last: &str, told: &mut Told) {
        let due = match told.0 {
            None => self.began.elapsed() >= TOLD_AFTER,
            Some(at) => at.elapsed() >= TOLD_AGAIN_AFTER,
        };
        if due {
            told.0 = Some(Instant::now());
            self.events.emit(Event::Waiting {
                whom: self.whom.to_owned(),
                reason: last.to_owned(),
                waited_ms: self.began.elapsed().as_secs_f64() * 1e3,
                limit_ms: self.timeout.as_secs_f64() * 1e3,
            });
        }
    }
}

#[cfg(test)]
#[path = "tests/proof.rs"]
mod tests;
