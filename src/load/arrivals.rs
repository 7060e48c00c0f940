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
mod tests {
    use super::*;
    use crate::plan::pace::{Pace, Rates};
    use proptest::prelude::*;

    const BATCHES: Shape = Shape::Batch {
        size: 2,
        batches: 2,
    };

    fn send(index: u64, batch: Option<u32>, at: Nanos) -> Next {
        Next::Send(Due {
            index,
            batch,
            at,
            failures: 0,
        })
    }

    /// One request every 100 ns.
    fn beat(limit: Limit, max_in_flight: u32) -> Shape {
        let pace = Pace {
            rate: Rates::Steady(1e7),
            cv: 0.0,
            seed: 0,
        };
        Shape::Open {
            pace,
            limit,
            max_in_flight,
        }
    }

    #[test]
    fn a_batch_awaits_the_one_before() {
        let mut arrivals = Arrivals::new(&BATCHES, 10, 0);
        assert_eq!(arrivals.issue(10), send(0, Some(0), 10));
        // An answer that comes while the batch is still being sent does not move its due time.
        arrivals.ended(15);
        assert_eq!(arrivals.issue(16), send(1, Some(0), 10));
        assert_eq!(arrivals.issue(17), Next::Wait);
        arrivals.ended(20);
        assert_eq!(arrivals.issue(20), send(2, Some(1), 20));
        assert_eq!(arrivals.issue(21), send(3, Some(1), 20));
        arrivals.ended(30);
        arrivals.ended(25);
        assert_eq!(arrivals.issue(31), Next::End);
    }

    #[test]
    fn a_closed_loop_sends_when_a_slot_is_free() {
        let mut arrivals = Arrivals::new(&Shape::closed(2, 4), 10, 0);
        assert_eq!(arrivals.issue(10), send(0, None, 10));
        assert_eq!(arrivals.issue(10), send(1, None, 10));
        assert_eq!(arrivals.issue(10), Next::Wait);
        arrivals.ended(33);
        assert_eq!(arrivals.issue(40), send(2, None, 33));
        arrivals.ended(40);
        assert_eq!(arrivals.issue(40), send(3, None, 40));
        assert_eq!(arrivals.issue(40), Next::End);
    }

    #[test]
    fn a_closed_loop_can_begin_gently_and_pause() {
        let shape = Shape::Closed {
            concurrency: 2,
            limit: Limit {
                requests: None,
                duration: Some(Duration::from_nanos(200)),
            },
            ramp: Duration::from_nanos(100),
            think_time: Duration::from_nanos(30),
        };
        let mut arrivals = Arrivals::new(&shape, 0, 0);
        assert_eq!(arrivals.issue(0), send(0, None, 0));
        assert_eq!(arrivals.issue(1), Next::At(50));
        assert_eq!(arrivals.issue(51), send(1, None, 50));
        arrivals.ended(60);
        assert_eq!(arrivals.issue(60), Next::At(90));
        assert_eq!(arrivals.issue(90), send(2, None, 90));
        assert_eq!(arrivals.issue(199), Next::Wait);
        assert_eq!(
            arrivals.issue(200),
            Next::End,
            "its time is up with requests in flight"
        );
    }

    #[test]
    fn warm_up_hands_its_slots_over_as_they_end() {
        let mut arrivals = Arrivals::new(&Shape::closed(2, 9), 100, 3);
        assert_eq!(arrivals.issue(100), Next::Wait);
        arrivals.ended(110);
        assert_eq!(arrivals.issue(110), Next::Wait, "three were one too many");
        arrivals.ended(120);
        assert_eq!(arrivals.issue(120), send(0, None, 120));
        arrivals.ended(130);
        assert_eq!(arrivals.issue(130), send(1, None, 130));
        assert_eq!(arrivals.issue(131), Next::Wait);
        // A batch begins when nothing is in flight.
        let mut arrivals = Arrivals::new(&BATCHES, 100, 1);
        assert_eq!(arrivals.issue(100), Next::Wait);
        arrivals.ended(140);
        assert_eq!(arrivals.issue(141), send(0, Some(0), 140));
    }

    #[test]
    fn an_open_loop_keeps_its_schedule_however_late_it_is() {
        let mut arrivals = Arrivals::new(&beat(Limit::requests(3), 9), 1_000, 0);
        assert_eq!(arrivals.issue(1_000), send(0, None, 1_000));
        assert_eq!(arrivals.issue(1_001), Next::At(1_100));
        assert_eq!(arrivals.issue(5_000), send(1, None, 1_100));
        assert_eq!(arrivals.issue(5_000), send(2, None, 1_200));
        assert_eq!(arrivals.issue(5_000), Next::End);
        assert_eq!(arrivals.held_back(), 0, "the client was late, not the cap");
    }

    #[test]
    fn a_cap_counts_what_it_holds_back() {
        let lasts = Limit {
            requests: None,
            duration: Some(Duration::from_nanos(400)),
        };
        let mut arrivals = Arrivals::new(&beat(lasts, 1), 0, 0);
        assert_eq!(arrivals.issue(0), send(0, None, 0));
        assert_eq!(arrivals.issue(250), Next::Wait);
        arrivals.ended(250);
        assert_eq!(arrivals.issue(250), send(1, None, 100));
        arrivals.ended(260);
        assert_eq!(arrivals.issue(260), send(2, None, 200));
        arrivals.ended(270);
        assert_eq!(arrivals.issue(270), Next::At(300));
        assert_eq!(arrivals.issue(300), send(3, None, 300));
        arrivals.ended(301);
        assert_eq!(arrivals.issue(500), Next::End);
        assert_eq!(arrivals.held_back(), 2);
    }

    const MS: Nanos = 1_000_000;

    fn sent(next: Next) -> Due {
        match next {
            Next::Send(due) => due,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_slot_that_fails_waits_longer_each_time_and_the_others_do_not() {
        let mut arrivals = Arrivals::new(&Shape::closed(2, 100), 0, 0);
        let first = sent(arrivals.issue(0));
        let other = sent(arrivals.issue(0));
        arrivals.failed(1, &first);
        assert_eq!(arrivals.issue(1), Next::At(10 * MS));
        arrivals.ended(2);
        let other_again = sent(arrivals.issue(2));
        assert_eq!((other_again.at, other_again.failures), (2, 0));
        let again = sent(arrivals.issue(10 * MS));
        assert_eq!((again.at, again.failures), (10 * MS, 1));
        arrivals.failed(11 * MS, &again);
        assert_eq!(arrivals.issue(11 * MS), Next::At(30 * MS));
        let again = sent(arrivals.issue(30 * MS));
        // What took longer than the pause is followed at once.
        arrivals.failed(500 * MS, &again);
        let again = sent(arrivals.issue(500 * MS));
        assert_eq!((again.at, again.failures), (500 * MS, 3));
        arrivals.ended(501 * MS);
        let recovered = sent(arrivals.issue(501 * MS));
        assert_eq!((recovered.at, recovered.failures), (501 * MS, 0));
        assert_eq!(arrivals.backed_off(), 2);
        assert_eq!(other.failures, 0);
    }

    #[test]
    fn a_batch_waits_where_nothing_of_the_one_before_succeeded() {
        let shape = Shape::Batch {
            size: 2,
            batches: 9,
        };
        let mut arrivals = Arrivals::new(&shape, 0, 0);
        let batch = |arrivals: &mut Arrivals, at| [(); 2].map(|()| sent(arrivals.issue(at)));
        let [a, b] = batch(&mut arrivals, 0);
        arrivals.failed(1, &a);
        arrivals.failed(2, &b);
        assert_eq!(arrivals.issue(2), Next::At(10 * MS));
        let [a, _] = batch(&mut arrivals, 10 * MS);
        arrivals.failed(11 * MS, &a);
        arrivals.ended(12 * MS);
        let [a, b] = batch(&mut arrivals, 12 * MS);
        assert_eq!(arrivals.backed_off(), 1, "one of the batch succeeded");
        arrivals.failed(13 * MS, &a);
        arrivals.failed(13 * MS, &b);
        assert_eq!(arrivals.issue(13 * MS), Next::At(22 * MS), "from the start");
    }

    #[test]
    fn an_open_loop_keeps_its_schedule_when_requests_fail() {
        let mut arrivals = Arrivals::new(&beat(Limit::requests(3), 9), 0, 0);
        let first = sent(arrivals.issue(0));
        arrivals.failed(1, &first);
        assert_eq!(arrivals.issue(100), send(1, None, 100));
        assert_eq!(arrivals.backed_off(), 0);
    }

    #[test]
    fn few_requests_need_few_slots() {
        assert_eq!(Shape::closed(64, 3).most_in_flight(), 3);
    }

    proptest! {
        #[test]
        fn every_request_is_given_out_once(batch: bool, n in 1..6_u32, m in 1..20_u32, order in any::<u64>()) {
            let shape = if batch {
                Shape::Batch { size: n, batches: m }
            } else {
                Shape::closed(n, m.into())
            };
            let mut arrivals = Arrivals::new(&shape, 0, 0);
            let (mut given, mut flying, mut now, mut order) = (0, 0, 0, order);
            loop {
                now += 1;
                order = order.rotate_left(7).wrapping_add(now);
                // Ends come between any two sends.
                if flying > 0 && order % 3 == 0 {
                    arrivals.ended(now);
                    flying -= 1;
                }
                match arrivals.issue(now) {
                    Next::Send(due) => {
                        prop_assert_eq!(due.index, given);
                        prop_assert!(due.at <= now);
                        given += 1;
                        flying += 1;
                        prop_assert!(flying <= shape.most_in_flight());
                    }
                    Next::At(at) => prop_assert!(false, "nothing waits for {}", at),
                    Next::Wait => prop_assert!(flying > 0),
                    Next::End => break,
                }
            }
            prop_assert_eq!(Some(given), shape.requests());
        }
    }
}
