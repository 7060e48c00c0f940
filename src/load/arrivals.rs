//! Decides when each request of a phase is due, given the answers so far. Pure: it knows nothing of
//! sockets and takes the time as an argument.

use super::patience::back_off;
use crate::measure::exchange::Nanos;
use crate::plan::pace::Times;
use crate::plan::{Limit, Shape};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// One request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of the request in its phase.
    pub index: u64,
    /// Index of its batch, for batch phases.
    pub batch: Option<u32>,
    /// When it is due, the earliest moment at which it could be sent.
    pub at: Nanos,
    /// Consecutive failures of this slot just before; in batch phases, consecutive batches that
    /// failed entirely.
    pub failures: u32,
}

/// What the driver should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send this request now.
    Send(Due),
    /// Nothing is due before this instant.
    At(Nanos),
    /// Nothing is due until another request ends.
    Wait,
    /// All requests were issued.
    End,
}

/// The requests of one phase, in the order in which they are issued.
#[derive(Debug)]
pub struct Arrivals {
    kind: Kind,
    start: Nanos,
    issued: u64,
    /// Requests in flight, including those of the previous phase.
    in_flight: usize,
    most: usize,
    limit: Limit,
    held_back: u64,
    backed_off: u64,
}

#[derive(Debug)]
enum Kind {
    Batch {
        size: u32,
        /// When the current batch was due, or the time of the last answer so far.
        due: Nanos,
        /// When the current batch was due.
        begun: Nanos,
        /// Consecutive batches without any success.
        failures: u32,
        /// Whether a request of the current batch succeeded.
        succeeded: bool,
    },
    Closed {
        /// For each free slot: when its next request is due, and its consecutive failures.
        free: BinaryHeap<Reverse<(Nanos, u32)>>,
        /// Requests of the previous phase that are in flight beyond the slots of this phase.
        surplus: usize,
        think: Nanos,
    },
    Open {
        times: Times,
        /// When the next request is due.
        next: Nanos,
        /// When a request last ended while the limit on requests in flight was reached.
        freed: Nanos,
    },
}

impl Arrivals {
    /// Plans the requests of `shape`. The first is due at `start`; `busy` requests of the previous
    /// phase are still in flight.
    #[must_use]
    pub fn new(shape: &Shape, start: Nanos, busy: usize) -> Self {
        let most = shape.most_in_flight();
        let (kind, limit) = match shape {
            Shape::Batch { size, .. } => {
                let limit = Limit {
                    requests: shape.requests(),
                    duration: None,
                };
                let kind = Kind::Batch {
                    size: *size,
                    due: start,
                    begun: start,
                    failures: 0,
                    // Requests of the previous phase are not a failed batch.
                    succeeded: true,
                };
                (kind, limit)
            }
            Shape::Closed {
                limit,
                ramp,
                think_time,
                ..
            } => {
                let step = nanos(*ramp) / (most as u64).max(1);
                let first =
                    (busy.min(most)..most).map(|slot| Reverse((start + step * slot as u64, 0)));
                let kind = Kind::Closed {
                    free: first.collect(),
                    surplus: busy.saturating_sub(most),
                    think: nanos(*think_time),
                };
                (kind, *limit)
            }
            Shape::Open { pace, limit, .. } => {
                let mut times = pace.times();
                let kind = Kind::Open {
                    next: start.saturating_add(times.next().unwrap_or(u64::MAX)),
                    times,
                    freed: 0,
                };
                (kind, *limit)
            }
        };
        Self {
            kind,
            start,
            issued: 0,
            in_flight: busy,
            most,
            limit,
            held_back: 0,
            backed_off: 0,
        }
    }

    /// Requests that were due while the limit on requests in flight was reached.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        self.held_back
    }

    /// How often a slot or a batch was delayed because its last request or batch had failed.
    #[must_use]
    pub fn backed_off(&self) -> u64 {
        self.backed_off
    }

    /// Index of the request that follows after `others` more, if the phase has that many.
    #[must_use]
    pub fn after(&self, others: usize) -> Option<u64> {
        let index = self.issued + others as u64;
        (!self.limit.passed(index, 0)).then_some(index)
    }

    /// Issues no more requests.
    pub fn stop(&mut self) {
        self.limit.requests = Some(self.issued);
    }

    /// Issues the next request if it is due by `now`.
    pub fn issue(&mut self, now: Nanos) -> Next {
        if self.limit.passed(self.issued, 0) {
            return Next::End;
        }
        let due = match self.candidate(now) {
            Ok(due) => due,
            Err(next) => return next,
        };
        // A duration ends the phase by due time, not by the current time: a late driver must not
        // drop requests that were due in time.
        if self
            .limit
            .passed(due.index, due.at.saturating_sub(self.start))
        {
            return Next::End;
        }
        if self.in_flight >= self.most {
            return Next::Wait;
        }
        if due.at > now {
            return Next::At(due.at);
        }
        self.advance(&due);
        Next::Send(due)
    }

    /// The next request and when it is due, or what to do if that is unknown.
    fn candidate(&self, now: Nanos) -> Result<Due, Next> {
        let index = self.issued;
        let (at, batch, failures) = match &self.kind {
            Kind::Batch {
                size,
                due,
                failures,
                ..
            } => {
                let size = u64::from(*size);
                if index.is_multiple_of(size) && self.in_flight > 0 {
                    return Err(Next::Wait);
                }
                (*due, u32::try_from(index / size).ok(), *failures)
            }
            Kind::Closed { free, .. } => match free.peek() {
                Some(Reverse((at, failures))) => (*at, None, *failures),
                None if self.limit.passed(index, now.saturating_sub(self.start)) => {
                    return Err(Next::End);
                }
                None => return Err(Next::Wait),
            },
            Kind::Open { next, .. } => (*next, None, 0),
        };
        Ok(Due {
            index,
            batch,
            at,
            failures,
        })
    }

    /// Records that a request was issued.
    fn advance(&mut self, due: &Due) {
        match &mut self.kind {
            Kind::Batch {
                size,
                begun,
                succeeded,
                ..
            } => {
                if due.index.is_multiple_of((*size).into()) {
                    (*begun, *succeeded) = (due.at, false);
                }
            }
            Kind::Closed { free, .. } => drop(free.pop()),
            Kind::Open { times, next, freed } => {
                self.held_back += u64::from(due.at < *freed);
                *next = self.start.saturating_add(times.next().unwrap_or(u64::MAX));
            }
        }
        self.issued += 1;
        self.in_flight += 1;
    }

    /// Records that a request succeeded at `at`.
    pub fn ended(&mut self, at: Nanos) {
        self.ended_with(at, None);
    }

    /// Records that a request failed at `at`. Its slot backs off, counted from the due time of the
    /// failed request: a failure that took long is followed at once. A batch backs off only if all
    /// of the previous batch failed. An open loop keeps its schedule.
    pub fn failed(&mut self, at: Nanos, due: &Due) {
        self.ended_with(at, Some(due));
    }

    fn ended_with(&mut self, at: Nanos, failed: Option<&Due>) {
        let full = self.in_flight >= self.most;
        self.in_flight = self.in_flight.saturating_sub(1);
        match &mut self.kind {
            // A batch is due once the previous one was answered completely. While requests of the
            // current batch are still being issued, its due time must not move.
            Kind::Batch {
                size,
                due,
                begun,
                failures,
                succeeded,
            } => {
                *succeeded |= failed.is_none();
                if !self.issued.is_multiple_of((*size).into()) {
                    return;
                }
                *due = at.max(*due);
                if self.in_flight == 0 && *succeeded {
                    *failures = 0;
                } else if self.in_flight == 0 {
                    *failures = failures.saturating_add(1);
                    let earliest = begun.saturating_add(back_off(*failures));
                    self.backed_off += u64::from(earliest > *due);
                    *due = earliest.max(*due);
                }
            }
            Kind::Closed {
                free,
                surplus,
                think,
            } => {
                if *surplus > 0 {
                    *surplus -= 1;
                    return;
                }
                let next = at.max(self.start) + *think;
                let Some(due) = failed else {
                    return free.push(Reverse((next, 0)));
                };
                let failures = due.failures.saturating_add(1);
                let earliest = due.at.saturating_add(back_off(failures));
                self.backed_off += u64::from(earliest > next);
                free.push(Reverse((earliest.max(next), failures)));
            }
            Kind::Open { freed, .. } => {
                if full {
                    *freed = at;
                }
            }
        }
    }
}

fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "tests/arrivals.rs"]
mod tests;
