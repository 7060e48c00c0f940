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
