//! How the driver bears failures, on servers that refuse, that hang, and whose answers are bad.

use crate::load::tests::{SECOND, answering, closed, request, server, silent, sized};
use crate::load::*;
use crate::measure::exchange::{End, Exchange};
use crate::plan::Shape;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
/// More requests than any of these servers may see.
const MANY: u64 = 1_000_000;
/// Exchanges that a slot may have within the limits used here, generously.
const FEW: usize = 60;

/// Drives load whose answers are judged by `is_good` at once, until `enough` of it.
fn driven(
    url: &str,
    shape: &Shape,
    give_up_after: Duration,
    accepts: Option<&dyn Fn(u16) -> bool>,
    is_good: &dyn Fn(&Exchange) -> bool,
    enough: &dyn Fn(&Exchange) -> bool,
) -> (PhaseRun, Vec<Exchange>) {
    let target = Target::resolve(url, &[]).expect("a good URL");
    let (seen, mut all) = (Seen::new(), Vec::new());
    let phase = PhaseLoad {
        seen: &seen,
        timeout: 30 * SECOND,
        body: &|i| i.to_string().into_bytes(),
        patience: Patience {
            accepts,
            give_up_after: Some(give_up_after),
        },
        ..silent(shape)
    };
    let run = drive(&target, &phase, &Cancel::new(), &mut |exchange| {
        let begun = exchange.sent.unwrap_or(exchange.due);
        seen.note(is_good(&exchange), begun, exchange.ended);
        if enough(&exchange) {
            seen.enough();
        }
        all.push(exchange);
    });
    (run.expect("load is driven"), all)
}

fn is_200(exchange: &Exchange) -> bool {
    exchange.end == End::Complete && exchange.status == Some(200)
}

fn refusing() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

const LIMIT: Duration = Duration::from_millis(300);

fn given_up(url: &str, shape: &Shape) -> Vec<Exchange> {
    let (run, all) = driven(url, shape, LIMIT, None, &is_200, &|_| false);
    assert!(run.given_up.is_some(), "{run:?}");
    assert!(!run.cancelled);
    all
}

#[test]
fn a_server_that_refuses_connections_is_asked_seldom_and_given_up() {
    let all = given_up(&refusing(), &closed(2, MANY));
    assert!(all.len() < FEW, "{} exchanges", all.len());
    let batches = Shape::Batch {
        size: 2,
        batches: 1_000_000,
    };
    let all = given_up(&refusing(), &batches);
    assert!(all.len() < FEW, "{} exchanges", all.len());
}

#[test]
fn a_server_that_answers_errors_at_once_is_asked_seldom_and_given_up() {
    let all = given_up(&answering(BUSY), &closed(2, MANY));
    assert!(all.len() < FEW, "{} exchanges", all.len());
    let closing = server(drop);
    let all = given_up(&closing, &closed(2, MANY));
    assert!(all.len() < FEW, "{} exchanges", all.len());
}

#[test]
fn good_statuses_with_bad_answers_are_told_by_whoever_reads_them() {
    let url = answering(sized("{}"));
    let (run, all) = driven(&url, &closed(2, MANY), LIMIT, None, &|_| false, &|_| false);
    assert!(run.given_up.is_some() && run.backed_off > 0, "{run:?}");
    // They are only doubted once most of 64 were bad.
    assert!(all.len() < FEW + 128, "{} exchanges", all.len());
}

#[test]
fn a_status_that_is_asked_for_is_no_failure() {
    let (accepts, good) = (|status| status == 503, |_: &Exchange| true);
    let url = answering(BUSY);
    let (run, all) = driven(&url, &closed(2, 200), LIMIT, Some(&accepts), &good, &|_| {
        false
    });
    assert_eq!((run.backed_off, run.given_up, all.len()), (0, None, 200));
}

#[test]
fn a_request_that_may_still_be_answered_is_waited_for() {
    let url = server(|mut stream| {
        while let Some(body) = request(&mut stream) {
            let answer = if body == "0" {
                thread::sleep(3 * LIMIT);
                sized("late")
            } else {
                BUSY.into()
            };
            let _ = stream.write_all(&answer);
        }
    });
    let first = |exchange: &Exchange| exchange.id.index == 0;
    let (run, all) = driven(&url, &closed(2, MANY), LIMIT, None, &is_200, &first);
    assert_eq!(run.given_up, None);
    let late = all
        .iter()
        .find(|exchange| first(exchange))
        .expect("it came");
    assert!(is_200(late));
}

#[test]
fn two_failures_are_no_reason_to_give_up() {
    let url = server(|mut stream| {
        while let Some(body) = request(&mut stream) {
            let answer = if body == "0" || body == "1" {
                thread::sleep(LIMIT);
                BUSY.into()
            } else {
                sized("good")
            };
            let _ = stream.write_all(&answer);
        }
    });
    let limit = LIMIT / 3;
    let (run, all) = driven(&url, &closed(1, 9), limit, None, &is_200, &|_| false);
    assert_eq!((run.given_up, all.len()), (None, 9));
}

#[test]
fn an_open_loop_keeps_its_schedule_until_it_is_given_up() {
    use crate::plan::pace::{Pace, Rates};
    let shape = Shape::Open {
        pace: Pace {
            rate: Rates::Steady(100.0),
            cv: 0.0,
            seed: 0,
        },
        limit: crate::plan::Limit::requests(MANY),
        max_in_flight: 8,
    };
    let all = given_up(&refusing(), &shape);
    let dues: Vec<u64> = all.iter().map(|exchange| exchange.due).collect();
    assert!(dues.windows(2).all(|pair| pair[1] - pair[0] == 10_000_000));
}

#[test]
fn requests_that_were_never_sent_are_forgotten_when_no_connection_can_be_made() {
    use nix::sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
    };
    use std::os::fd::AsRawFd;
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("a socket");
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a free port");
    listen(&socket, Backlog::new(1).expect("a backlog")).expect("it listens");
    let address: SockaddrIn = getsockname(socket.as_raw_fd()).expect("an address");
    let address = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, address.port()));
    // Nobody takes these, so that there is no room for more.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    let url = format!("http://{address}");
    let (run, all) = driven(&url, &closed(2, MANY), LIMIT, None, &is_200, &|_| false);
    assert!(run.given_up.is_some(), "{run:?}");
    assert_eq!(all.len(), 0);
}
