//! The one way of waiting until real completions prove that something serves: a topology of ours, or an endpoint that
//! someone else runs.

use super::{Alarm, pause};
use crate::event::{Event, Events};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Failures of a lasting kind, in a row, after which waiting is given up.
const LASTING: u32 = 3;
/// Pause after the first try that failed.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// How long is waited before the user is told of it, and between two times.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Least time for one try, however little is left.
const LEAST_TRY: Duration = Duration::from_secs(1);

/// What one completion proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It answered as the scenario demands.
    Good,
    /// It does not answer yet: connection refused, 404, 500, 503, cut off.
    NotYet(String),
    /// It serves, but refuses such a request: 400, 401, 403, 422.
    Refused(String),
    /// It cannot be spoken to as configured: its certificate is not trusted, or it does not speak TLS.
    Unusable(String),
    /// It answers, but breaks a rule of the scenario.
    Wrong(String),
}

/// Why nothing was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// The alarm was raised.
    Stopped,
    /// It did not answer in time.
    TooLate {
        /// What the last try saw.
        last: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It refused the request three times in a row.
    Refused(String),
    /// It could not be spoken to three times in a row.
    Unusable(String),
    /// It broke a rule three times in a row.
    Wrong(String),
}

/// A wait for good completions.
pub struct Waiting<'a> {
    /// What is waited for, as the user is told.
    pub whom: &'a str,
    /// Sends one real completion, which may take so long.
    pub prove: &'a mut dyn FnMut(Duration) -> Proof,
    /// Good completions in a row that are the proof.
    pub completions: u32,
    /// When waiting began.
    pub began: Instant,
    /// Limit on it.
    pub timeout: Duration,
    /// Longest pause between two tries; pauses grow up to it.
    pub longest_pause: Duration,
    /// Raised when waiting is pointless.
    pub alarm: &'a Alarm,
    /// Who is told.
    pub events: &'a Events,
}

impl Waiting<'_> {
    /// Waits.
    ///
    /// # Errors
    /// Why there is no proof.
    pub fn wait(mut self) -> Result<(), Unproven> {
        let (mut good, mut lasting) = (0, 0);
        let mut last = "no answer yet".to_owned();
        let mut told = Told::default();
        let mut rest = SHORTEST_PAUSE.min(self.longest_pause);
        while good < self.completions {
            // What has served once may take as long as any request.
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
            pause(self.alarm, rest.min(self.remaining()));
            rest = (rest * 2).min(self.longest_pause);
        }
        Ok(())
    }

    fn remaining(&self) -> Duration {
        self.timeout.saturating_sub(self.began.elapsed())
    }

    /// One try. A server that takes the request and says nothing is told of meanwhile.
    fn attempt(&mut self, limit: Duration, last: &str, told: &mut Told) -> Proof {
        let teller = Teller {
            whom: self.whom,
            began: self.began,
            timeout: self.timeout,
            events: self.events,
        };
        let (done, over) = channel::<()>();
        std::thread::scope(|scope| {
            // Where there can be no thread, nobody is told.
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
    /// Tells why it is still waited, unless that was told just now.
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
