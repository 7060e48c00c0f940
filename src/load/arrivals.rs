//! When each request of a phase is due, given what has been answered. Pure: it knows nothing of sockets, and takes the time
//! as an argument.

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
    /// When it is due: the moment from which it could have been sent.
    pub at: Nanos,
    /// Requests of the same slot that failed in a row just before; of batches, batches that failed as a whole.
    pub failures: u32,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send this now.
    Send(Due),
    /// Nothing is due before this instant.
    At(Nanos),
    /// Nothing is due until another request ends.
    Wait,
    /// All requests have been given out.
    End,
}

/// The requests of one phase, in order.
#[derive(Debug)]
pub struct Arrivals {
    kind: Kind,
    start: Nanos,
    issued: u64,
    /// Requests in flight, those of the phase before included.
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
        /// When the current batch was due, or the last answer so far.
        due: Nanos,
        /// When the current batch was due.
        begun: Nanos,
        /// Batches in a row of which nothing succeeded.
        failures: u32,
        /// Whether anything of the current batch succeeded.
        succeeded: bool,
    },
    Closed {
        /// When each free slot is due for its next request, and how many of its requests failed in a row.
        free: BinaryHeap<Reverse<(Nanos, u32)>>,
        /// Requests of the phase before that are in flight beyond this phase's slots.
        surplus: usize,
        think: Nanos,
    },
    Open {
        times: Times,
        /// The next due time.
        next: Nanos,
        /// When the last request ended while no more were allowed in flight.
        freed: Nanos,
    },
}

impl Arrivals {
    /// The requests of `shape`, the first due at `start`, when `busy` requests of a phase before are still in flight.
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
                    // What is in flight from before is no batch that failed.
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

    /// Requests that were due while no more were allowed in flight.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        self.held_back
    }

    /// How often a slot or a batch waited because what it sent had failed.
    #[must_use]
    pub fn backed_off(&self) -> u64 {
        self.backed_off
    }

    /// The index of the request that is given out after so many others, if the phase has that many.
    #[must_use]
    pub fn after(&self, others: usize) -> Option<u64> {
        let index = self.issued + others as u64;
        (!self.limit.passed(index, 0)).then_some(index)
    }

    /// Gives out no more requests.
    pub fn stop(&mut self) {
        self.limit.requests = Some(self.issued);
    }

    /// Gives out the next request, if one is due by `now`.
    pub fn issue(&mut self, now: Nanos) -> Next {
        let index = self.issued;
        if self.limit.passed(index, 0) {
            return Next::End;
        }
        let (at, batch, failures) = match &mut self.kind {
            Kind::Batch {
                size,
                due,
                failures,
                ..
            } => {
                let size = u64::from(*size);
                if index.is_multiple_of(size) && self.in_flight > 0 {
                    return Next::Wait;
                }
                (*due, u32::try_from(index / size).ok(), *failures)
            }
            Kind::Closed { free, .. } => match free.peek() {
                Some(Reverse((at, failures))) => (*at, None, *failures),
                None if self.limit.passed(index, now.saturating_sub(self.start)) => {
                    return Next::End;
                }
                None => return Next::Wait,
            },
            Kind::Open { next, .. } => (*next, None, 0),
        };
        if self.limit.passed(index, at.saturating_sub(self.start)) {
            return Next::End;
        }
        if self.in_flight >= self.most {
            return Next::Wait;
        }
        if at > now {
            return Next::At(at);
        }
        match &mut self.kind {
            Kind::Batch {
                size,
                begun,
                succeeded,
                ..
            } => {
                if index.is_multiple_of((*size).into()) {
                    (*begun, *succeeded) = (at, false);
                }
            }
            Kind::Closed { free, .. } => drop(free.pop()),
            Kind::Open { times, next, freed } => {
                self.held_back += u64::from(at < *freed);
                *next = self.start.saturating_add(times.next().unwrap_or(u64::MAX));
            }
        }
        self.issued += 1;
        self.in_flight += 1;
        Next::Send(Due {
            index,
            batch,
            at,
            failures,
        })
    }

    /// Says that a request ended well, at `at`.
    pub fn ended(&mut self, at: Nanos) {
        self.over(at, None);
    }

    /// Says that a request failed, at `at`. Its slot waits before it sends the next, counted from when this one was due, so
    /// that what took long anyway is followed at once; a batch waits where nothing of the one before succeeded. An open
    /// loop keeps its schedule.
    pub fn failed(&mut self, at: Nanos, due: &Due) {
        self.over(at, Some(due));
    }

    fn over(&mut self, at: Nanos, failed: Option<&Due>) {
        let full = self.in_flight >= self.most;
        self.in_flight = self.in_flight.saturating_sub(1);
        match &mut self.kind {
            // A batch is due when the one before was answered whole. While requests of it are still given out, the
            // time at which it was due stays.
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
