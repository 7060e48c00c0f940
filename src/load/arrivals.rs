//! When each request of a phase is due, given what has been answered. Pure: it knows nothing of sockets, and takes the time
//! as an argument.

use crate::measure::exchange::Nanos;
use crate::plan::Shape;
use std::collections::VecDeque;

/// One request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of the request in its phase.
    pub index: u64,
    /// Index of its batch, for batch phases.
    pub batch: Option<u32>,
    /// When it is due: the moment from which it could have been sent.
    pub at: Nanos,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send this, at its time or as soon after it as can be.
    Send(Due),
    /// Nothing is due until another request ends.
    Wait,
    /// All requests have been given out.
    End,
}

/// The requests of one phase, in order.
#[derive(Debug, Clone)]
pub struct Arrivals {
    shape: Shape,
    issued: u64,
    in_flight: u64,
    /// Closed loop: when each free slot became free, the oldest first. Batch: the last answer so far.
    free: VecDeque<Nanos>,
}

impl Arrivals {
    /// The requests of `shape`, the first due at `start`.
    #[must_use]
    pub fn new(shape: Shape, start: Nanos) -> Self {
        let free = match shape {
            Shape::Batch { .. } => [start].into(),
            Shape::Closed { .. } => std::iter::repeat_n(start, most_in_flight(shape)).collect(),
        };
        Self {
            shape,
            issued: 0,
            in_flight: 0,
            free,
        }
    }

    /// Gives out the next request, if one is due.
    pub fn issue(&mut self) -> Next {
        if self.issued == total(self.shape) {
            return Next::End;
        }
        let index = self.issued;
        let (at, batch) = match self.shape {
            Shape::Batch { size, .. } => {
                let first_of_batch = index.is_multiple_of(size.into());
                if first_of_batch && self.in_flight > 0 {
                    return Next::Wait;
                }
                let batch = u32::try_from(index / u64::from(size)).ok();
                (self.free.front().copied(), batch)
            }
            Shape::Closed { .. } => (self.free.pop_front(), None),
        };
        let Some(at) = at else { return Next::Wait };
        self.issued += 1;
        self.in_flight += 1;
        Next::Send(Due { index, batch, at })
    }

    /// Says that a request ended, at `at`.
    pub fn ended(&mut self, at: Nanos) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match self.shape {
            // A batch is due when the one before was answered whole. While requests of it are still given out, the
            // time at which it was due stays.
            Shape::Batch { size, .. } => {
                if self.issued.is_multiple_of(size.into())
                    && let Some(last) = self.free.front_mut()
                {
                    *last = at.max(*last);
                }
            }
            Shape::Closed { .. } => self.free.push_back(at),
        }
    }
}

/// Requests of a phase.
#[must_use]
pub fn total(shape: Shape) -> u64 {
    match shape {
        Shape::Batch { size, batches } => u64::from(size) * u64::from(batches),
        Shape::Closed { requests, .. } => requests,
    }
}

/// The most requests that are in flight at once.
#[must_use]
pub fn most_in_flight(shape: Shape) -> usize {
    let at_once = match shape {
        Shape::Batch { size, .. } => u64::from(size),
        Shape::Closed { concurrency, .. } => u64::from(concurrency),
    };
    usize::try_from(at_once.min(total(shape))).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn send(index: u64, batch: Option<u32>, at: Nanos) -> Next {
        Next::Send(Due { index, batch, at })
    }

    #[test]
    fn a_batch_awaits_the_one_before() {
        let shape = Shape::Batch {
            size: 2,
            batches: 2,
        };
        let mut arrivals = Arrivals::new(shape, 10);
        assert_eq!(arrivals.issue(), send(0, Some(0), 10));
        // An answer that comes while the batch is still being sent does not move its due time.
        arrivals.ended(15);
        assert_eq!(arrivals.issue(), send(1, Some(0), 10));
        assert_eq!(arrivals.issue(), Next::Wait);
        arrivals.ended(20);
        assert_eq!(arrivals.issue(), send(2, Some(1), 20));
        assert_eq!(arrivals.issue(), send(3, Some(1), 20));
        arrivals.ended(30);
        arrivals.ended(25);
        assert_eq!(arrivals.issue(), Next::End);
    }

    #[test]
    fn a_closed_loop_sends_when_a_slot_is_free() {
        let shape = Shape::Closed {
            concurrency: 2,
            requests: 4,
        };
        let mut arrivals = Arrivals::new(shape, 10);
        assert_eq!(arrivals.issue(), send(0, None, 10));
        assert_eq!(arrivals.issue(), send(1, None, 10));
        assert_eq!(arrivals.issue(), Next::Wait);
        arrivals.ended(33);
        assert_eq!(arrivals.issue(), send(2, None, 33));
        arrivals.ended(40);
        assert_eq!(arrivals.issue(), send(3, None, 40));
        assert_eq!(arrivals.issue(), Next::End);
    }

    #[test]
    fn few_requests_need_few_slots() {
        let shape = Shape::Closed {
            concurrency: 64,
            requests: 3,
        };
        assert_eq!(most_in_flight(shape), 3);
    }

    proptest! {
        #[test]
        fn every_request_is_given_out_once(batch: bool, n in 1..6_u32, m in 1..20_u32, order in any::<u64>()) {
            let shape = if batch {
                Shape::Batch { size: n, batches: m }
            } else {
                Shape::Closed { concurrency: n, requests: m.into() }
            };
            let mut arrivals = Arrivals::new(shape, 0);
            let (mut given, mut flying, mut now, mut order) = (0, 0, 0, order);
            loop {
                now += 1;
                order = order.rotate_left(7).wrapping_add(now);
                // Ends come between any two sends.
                if flying > 0 && order % 3 == 0 {
                    arrivals.ended(now);
                    flying -= 1;
                }
                match arrivals.issue() {
                    Next::Send(due) => {
                        prop_assert_eq!(due.index, given);
                        prop_assert!(due.at <= now);
                        given += 1;
                        flying += 1;
                        prop_assert!(flying <= most_in_flight(shape));
                    }
                    Next::Wait => prop_assert!(flying > 0),
                    Next::End => break,
                }
            }
            prop_assert_eq!(given, total(shape));
        }
    }
}
