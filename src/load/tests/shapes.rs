//! What the driver sends when: batches, closed and open loops, phases that follow each other.

use crate::load::tests::{
    NEVER, SECOND, answering, closed, drive_with, exchanges, request, server, silent, sized,
};
use crate::load::*;
use crate::measure::clock;
use crate::measure::exchange::{End, Exchange};
use crate::plan::pace::{Pace, Rates};
use crate::plan::{Limit, Shape};
use std::io::Write;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A server that answers no request before so many have come, given how many came with it.
fn withholding(until: impl Fn(u32) -> u32 + Send + Sync + 'static) -> String {
    let gate = Arc::new((Mutex::new(0_u32), Condvar::new()));
    server(move |mut stream| {
        while request(&mut stream).is_some() {
            let (came, changed) = &*gate;
            let mut came = came.lock().expect("no thread panicked");
            *came += 1;
            let enough = until(*came);
            changed.notify_all();
            drop(changed.wait_timeout_while(came, 5 * SECOND, |n| *n < enough));
            let _ = stream.write_all(&sized("a"));
        }
    })
}

#[test]
fn a_batch_is_sent_whole_before_any_of_it_is_awaited() {
    let url = withholding(|came| came.div_ceil(3) * 3);
    let shape = Shape::Batch {
        size: 3,
        batches: 4,
    };
    let seen = exchanges(&url, shape);
    assert_eq!(seen.len(), 12);
    assert!(seen.iter().all(|e| e.end == End::Complete));
    for (batch, members) in seen.chunks(3).enumerate() {
        assert!(
            members
                .iter()
                .all(|e| e.id.batch == u32::try_from(batch).ok())
        );
        assert!(members.iter().all(|e| e.due == members[0].due));
        assert!(members.iter().all(|e| e.reused == (batch > 0)));
        if batch > 0 {
            let last = seen[..3 * batch].iter().map(|e| e.ended).max();
            assert_eq!(Some(members[0].due), last);
        }
    }
}

#[test]
fn a_closed_loop_keeps_to_its_concurrency() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&now), Arc::clone(&most));
    let url = server(move |mut stream| {
        while let Some(body) = request(&mut stream) {
            let flying = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
            counts.1.fetch_max(flying, Ordering::SeqCst);
            let wait = body.parse().map_or(0, |i: u64| i % 3);
            thread::sleep(Duration::from_millis(1 + wait));
            counts.0.fetch_sub(1, Ordering::SeqCst);
            let _ = stream.write_all(&sized(&body));
        }
    });
    let seen = exchanges(&url, closed(4, 60));
    assert_eq!(seen.len(), 60);
    for (i, e) in seen.iter().enumerate() {
        assert_eq!(
            (e.id.index, e.body.as_slice()),
            (i as u64, i.to_string().as_bytes())
        );
    }
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[test]
fn a_phase_begins_while_answers_of_the_one_before_come_in() {
    let url = server(|mut stream| {
        while let Some(body) = request(&mut stream) {
            // The warm-up's last answer takes longest.
            let wait = if body == "w1" { 200 } else { 10 };
            thread::sleep(Duration::from_millis(wait));
            let _ = stream.write_all(&sized(&body));
        }
    });
    let target = Target::resolve(&url, &[]).expect("a good URL");
    let (warmup, measured) = (closed(2, 2), closed(2, 6));
    let load = |phase, shape, body| PhaseLoad {
        phase,
        shape,
        path: "/",
        stream: false,
        timeout: 5 * SECOND,
        body,
        headers: None,
        ready: None,
        seen: &NEVER,
        patience: Patience::default(),
    };
    let phases = [
        load(0, &warmup, &|i| format!("w{i}").into_bytes()),
        load(1, &measured, &|i| i.to_string().into_bytes()),
    ];
    let mut seen = Vec::new();
    let mut client = Client::new(&target).expect("an epoll");
    let runs = client.drive(&phases, &Cancel::new(), &mut |e| seen.push(e));
    let runs = runs.expect("load is driven");
    assert_eq!(
        (runs.len(), runs[0].prepared.len(), runs[1].connections),
        (2, 2, 0)
    );
    let slow = seen.iter().find(|e| e.body == b"w1").expect("an answer");
    let first = seen.iter().find(|e| e.body == b"0").expect("an answer");
    assert_eq!((slow.id.phase, first.id.phase), (0, 1));
    assert!(first.due < slow.ended && first.reused);
    assert!(first.due >= runs[1].started && first.sent.is_some_and(|s| s < slow.ended));
    assert_eq!(seen.iter().filter(|e| e.id.phase == 1).count(), 6);
}

#[test]
fn a_client_keeps_its_connections_from_phase_to_phase() {
    let target = Target::resolve(&answering(sized("a")), &[]).expect("a good URL");
    let shape = closed(3, 9);
    let phase = silent(&shape);
    let mut client = Client::new(&target).expect("an epoll");
    for opened in [3, 0] {
        let phases = std::slice::from_ref(&phase);
        let runs = client.drive(phases, &Cancel::new(), &mut |_| {});
        assert_eq!(runs.expect("load is driven")[0].connections, opened);
    }
}

#[test]
fn an_open_loop_sends_by_its_schedule_and_not_by_its_answers() {
    let url = withholding(|_| 100);
    let pace = Pace {
        rate: Rates::Steady(1_000.0),
        cv: 1.0,
        seed: 1,
    };
    let due: Vec<u64> = pace.times().take(100).collect();
    let shape = Shape::Open {
        pace,
        limit: Limit::requests(100),
        max_in_flight: 200,
    };
    let seen = exchanges(&url, shape);
    assert!(seen.iter().all(|e| e.end == End::Complete));
    let began = seen[0].due - due[0];
    let kept: Vec<u64> = seen.iter().map(|e| e.due - began).collect();
    assert_eq!(kept, due);
    assert!(
        seen.iter()
            .all(|e| e.sent.is_some_and(|sent| sent >= e.due))
    );
}

#[test]
fn a_cap_on_an_open_loop_holds_requests_back_and_says_so() {
    let url = server(|mut stream| {
        while request(&mut stream).is_some() {
            thread::sleep(Duration::from_millis(20));
            let _ = stream.write_all(&sized("a"));
        }
    });
    let pace = Pace {
        rate: Rates::Steady(1_000.0),
        cv: 0.0,
        seed: 0,
    };
    let shape = Shape::Open {
        pace,
        limit: Limit::requests(8),
        max_in_flight: 2,
    };
    let mut seen = Vec::new();
    let run = drive_with(&url, shape, SECOND, &Cancel::new(), &mut |e| seen.push(e));
    assert_eq!((seen.len(), run.held_back), (8, 6));
    let late = |e: &Exchange| e.sent.expect("it was sent") - e.due > 10_000_000;
    assert_eq!(
        seen.iter().filter(|e| late(e)).count(),
        6,
        "due when it was due"
    );
}

#[test]
fn requests_are_written_once_and_before_they_are_due_unless_they_depend_on_answers() {
    let target = Target::resolve(&answering(sized("a")), &[]).expect("a good URL");
    let shape = Shape::Open {
        pace: Pace {
            rate: Rates::Steady(100.0),
            cv: 0.0,
            seed: 0,
        },
        limit: Limit::requests(20),
        max_in_flight: 20,
    };
    for depend in [false, true] {
        let written = Mutex::new(Vec::new());
        let body = |i: u64| {
            written
                .lock()
                .expect("no thread panicked")
                .push((i, clock::now()));
            i.to_string().into_bytes()
        };
        let ready = || true;
        let phase = PhaseLoad {
            body: &body,
            ready: depend.then_some(&ready),
            ..silent(&shape)
        };
        let mut seen = Vec::new();
        drive(&target, &phase, &Cancel::new(), &mut |e| seen.push(e)).expect("load is driven");
        seen.sort_by_key(|e| e.id.index);
        let written = written.into_inner().expect("no thread panicked");
        assert!(written.iter().map(|(i, _)| *i).eq(0..20), "{written:?}");
        let ahead = written.iter().zip(&seen).filter(|((_, at), e)| *at < e.due);
        assert_eq!(ahead.count() == 0, depend);
    }
}

#[test]
fn who_has_seen_enough_ends_a_phase() {
    let target = Target::resolve(&answering(sized("a")), &[]).expect("a good URL");
    let shape = closed(2, 1_000_000);
    let enough = Seen::new();
    let phase = PhaseLoad {
        seen: &enough,
        ..silent(&shape)
    };
    let mut seen = 0;
    let run = drive(&target, &phase, &Cancel::new(), &mut |e| {
        assert_eq!(e.end, End::Complete, "what is in flight is awaited");
        seen += 1;
        if seen >= 10 {
            enough.enough();
        }
    });
    assert!(run.is_ok_and(|run| !run.cancelled) && (10..200).contains(&seen));
}
