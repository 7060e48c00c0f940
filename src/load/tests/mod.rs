//! The driver against small servers of the standard library.

mod back_off;
mod https;
mod io_uring;
mod shapes;

use super::*;
use crate::measure::exchange::{End, Exchange};
use crate::plan::Shape;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A server whose every connection runs `serve` on its own thread; returns its address.
pub(super) fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_nodelay(true).expect("a TCP connection");
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    format!("http://{address}")
}

/// A server that answers every request of a connection with the same bytes.
pub(super) fn answering(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    server(
        move |mut stream| {
            while request(&mut stream).is_some() && stream.write_all(&bytes).is_ok() {}
        },
    )
}

/// One request's body, if one comes.
pub(super) fn request(stream: &mut impl Read) -> Option<String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        seen.push(byte[0]);
    }
    let head = String::from_utf8(seen).ok()?;
    let length = head.split("content-length: ").nth(1)?.split('\r').next()?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

pub(super) fn sized(body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

pub(super) fn closed(concurrency: u32, requests: u64) -> Shape {
    Shape::closed(concurrency, requests)
}

pub(super) static NEVER: Seen = Seen::new();

/// A phase whose requests have no body.
pub(super) fn silent(shape: &Shape) -> PhaseLoad<'_> {
    PhaseLoad {
        phase: 0,
        shape,
        path: "/",
        stream: false,
        timeout: SECOND,
        body: &|_| Vec::new(),
        headers: None,
        ready: None,
        seen: &NEVER,
        patience: Patience::default(),
    }
}

pub(super) fn drive_with(
    url: &str,
    shape: Shape,
    timeout: Duration,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Exchange),
) -> PhaseRun {
    let target = Target::resolve(url, &[]).expect("a good URL");
    drive_on(&target, shape, timeout, cancel, sink)
}

pub(super) fn drive_on(
    target: &Target,
    shape: Shape,
    timeout: Duration,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Exchange),
) -> PhaseRun {
    let phase = PhaseLoad {
        phase: 3,
        shape: &shape,
        path: "/v1/completions",
        stream: true,
        timeout,
        body: &|i| i.to_string().into_bytes(),
        headers: None,
        ready: None,
        seen: &NEVER,
        patience: Patience::default(),
    };
    drive(target, &phase, cancel, sink).expect("load is driven")
}

pub(super) fn exchanges(url: &str, shape: Shape) -> Vec<Exchange> {
    let mut seen = Vec::new();
    drive_with(url, shape, 5 * SECOND, &Cancel::new(), &mut |e| {
        seen.push(e)
    });
    seen.sort_by_key(|e| e.id.index);
    seen
}

pub(super) fn broken(end: &End) -> &str {
    match end {
        End::Broken(why) => why,
        _ => "",
    }
}

#[test]
fn answers_are_read_and_connections_kept() {
    let seen = exchanges(&answering(sized("abc")), closed(1, 3));
    assert!(
        seen.iter()
            .all(|e| e.end == End::Complete && e.body == b"abc")
    );
    let reused: Vec<bool> = seen.iter().map(|e| e.reused).collect();
    assert_eq!(reused, [false, true, true]);
    assert!(
        seen.iter().all(|e| e.connect.is_none()),
        "made before it was due"
    );
    assert_eq!(seen[0].status, Some(200));
    assert_eq!(seen[0].headers[0], ("content-length".into(), "3".into()));
    assert_eq!(seen[2].id.phase, 3);
}

#[test]
fn times_are_in_order_and_stamped_by_the_kernel() {
    let url = server(|mut stream| {
        while request(&mut stream).is_some() {
            for part in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "a", "b"] {
                thread::sleep(Duration::from_millis(10));
                let _ = stream.write_all(part.as_bytes());
            }
        }
    });
    let held = socket::Stamping::hold();
    thread::sleep(Duration::from_millis(50));
    let seen = exchanges(&url, closed(1, 5));
    assert!(seen.iter().any(|e| e.arrivals.len() == 2));
    for (i, e) in seen.iter().enumerate() {
        let sent = e.sent.expect("it was sent");
        assert!(e.due <= sent && sent <= e.ended);
        if i > 0 {
            assert_eq!(e.due, seen[i - 1].ended, "due when the slot was free");
        }
        // A client that the machine held up reads both at once.
        if let [a, b] = e.arrivals.as_slice() {
            assert_eq!((a.end, b.end), (1, 2));
            assert!(b.kernel - a.kernel >= 9_000_000);
        }
        for a in &e.arrivals {
            assert!(sent <= a.kernel && a.kernel <= a.user);
            assert_eq!(a.stamped, held.is_held(), "{a:?}");
        }
        assert_eq!(Some(e.ended), e.arrivals.last().map(|a| a.kernel));
    }
}

#[test]
fn chunks_are_read_at_every_split() {
    let raw =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let at = AtomicUsize::new(0);
    let url = server(move |mut stream| {
        while request(&mut stream).is_some() {
            let (a, b) = raw.split_at(at.fetch_add(1, Ordering::Relaxed) % raw.len());
            let _ = stream.write_all(a);
            thread::sleep(Duration::from_micros(500));
            let _ = stream.write_all(b);
        }
    });
    let seen = exchanges(&url, closed(1, raw.len() as u64));
    assert!(
        seen.iter()
            .all(|e| e.end == End::Complete && e.body == b"abcde")
    );
    assert!(seen[1..].iter().all(|e| e.reused));
}

#[test]
fn interim_answers_and_closing_servers_are_understood() {
    let url = server(|mut stream| {
        request(&mut stream);
        let _ =
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end");
    });
    let seen = exchanges(&url, closed(1, 2));
    assert!(
        seen.iter()
            .all(|e| e.end == End::Complete && e.body == b"until the end")
    );
    assert!(seen.iter().all(|e| !e.reused && !e.reconnected));
}

#[test]
fn a_close_in_mid_stream_breaks_the_answer() {
    let url = server(|mut stream| {
        request(&mut stream);
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    });
    let seen = exchanges(&url, closed(1, 1));
    assert!(
        broken(&seen[0].end).contains("last chunk"),
        "{:?}",
        seen[0].end
    );
    assert_eq!(
        (seen[0].body.as_slice(), seen[0].status),
        (&b"abc"[..], Some(200))
    );
}

#[test]
fn a_refused_connection_is_said_to_be_one() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let seen = exchanges(&url, closed(2, 12));
    assert_eq!(seen.len(), 12);
    let refused = |e: &Exchange| matches!(&e.end, End::Connect(why) if why.contains("refused"));
    assert!(seen.iter().all(|e| refused(e) && e.sent.is_none()));
}

#[test]
fn a_silent_server_times_out() {
    let url = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsome");
        thread::sleep(10 * SECOND);
    });
    let mut seen = Vec::new();
    let limit = Duration::from_millis(80);
    drive_with(&url, closed(1, 2), limit, &Cancel::new(), &mut |e| {
        seen.push(e)
    });
    for e in &seen {
        assert_eq!((&e.end, e.body.as_slice()), (&End::Timeout, &b"some"[..]));
        let took = e.ended - e.sent.expect("it was sent");
        assert!((80_000_000..2_000_000_000).contains(&took), "{took}");
    }
}

#[test]
fn a_closed_idle_connection_is_replaced_once_and_recorded() {
    // Each connection answers one request and closes on the second, as a server does whose idle limit has passed.
    let url = server(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(&sized("a"));
        request(&mut stream);
    });
    let seen = exchanges(&url, closed(1, 3));
    assert!(seen.iter().all(|e| e.end == End::Complete && !e.reused));
    let reconnected: Vec<bool> = seen.iter().map(|e| e.reconnected).collect();
    assert_eq!(reconnected, [false, true, true]);
    let connect: Vec<bool> = seen.iter().map(|e| e.connect.is_some()).collect();
    assert_eq!(connect, [false, true, true]);
}

#[test]
fn a_new_connection_that_is_closed_is_not_tried_again() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let url = server(move |mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        request(&mut stream);
    });
    let seen = exchanges(&url, closed(1, 2));
    assert!(
        seen.iter()
            .all(|e| broken(&e.end).contains("without an answer"))
    );
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

#[test]
fn an_answer_before_the_whole_request_is_read() {
    let url = server(|mut stream| {
        let mut some = [0; 1024];
        let _ = stream.read(&mut some);
        let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}");
        thread::sleep(Duration::from_millis(300));
    });
    let target = Target::resolve(&url, &[]).expect("a good URL");
    let phase = PhaseLoad {
        phase: 0,
        shape: &closed(1, 1),
        path: "/",
        stream: false,
        timeout: 5 * SECOND,
        body: &|_| vec![b'x'; 32 << 20],
        headers: None,
        ready: None,
        seen: &NEVER,
        patience: Patience::default(),
    };
    let mut seen = Vec::new();
    let run = drive(&target, &phase, &Cancel::new(), &mut |e| seen.push(e));
    assert!(run.is_ok_and(|r| !r.cancelled));
    assert_eq!((seen[0].status, &seen[0].end), (Some(413), &End::Complete));
}

#[test]
fn heads_and_bodies_without_end_are_cut() {
    let endless = |head: &'static str| {
        server(move |mut stream| {
            request(&mut stream);
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
        })
    };
    let head = exchanges(&endless("HTTP/1.1 200 OK\r\na: "), closed(1, 1));
    assert_eq!(broken(&head[0].end), "the head is longer than 64 KiB");
    let body = exchanges(&endless("HTTP/1.1 200 OK\r\n\r\n"), closed(1, 1));
    assert_eq!(broken(&body[0].end), "the body is longer than 16 MiB");
}

#[test]
fn a_cancelled_phase_ends_at_once() {
    let url = server(|mut stream| {
        request(&mut stream);
        thread::sleep(10 * SECOND);
    });
    let cancel = Cancel::new();
    let other = cancel.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        other.cancel();
    });
    let mut seen = Vec::new();
    let run = drive_with(&url, closed(2, 9), 60 * SECOND, &cancel, &mut |e| {
        seen.push(e)
    });
    assert!(run.cancelled && run.ended - run.started < 500_000_000);
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|e| e.end == End::Cancelled));
}

#[test]
fn a_phase_cancelled_before_it_began_sends_nothing() {
    let cancel = Cancel::new();
    cancel.cancel();
    let mut seen = 0;
    let run = drive_with(
        "http://127.0.0.1:1",
        closed(2, 9),
        SECOND,
        &cancel,
        &mut |_| seen += 1,
    );
    assert!(run.cancelled && seen == 0);
}

#[test]
fn another_address_of_the_host_is_tried() {
    let url = answering(sized("a"));
    let mut target = Target::resolve(&url, &[]).expect("a good URL");
    let refuses = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr());
    target.addresses.insert(0, refuses.expect("a free port"));
    let shape = closed(1, 2);
    let phase = silent(&shape);
    let mut seen = Vec::new();
    let run = drive(&target, &phase, &Cancel::new(), &mut |e| seen.push(e.end));
    assert!(run.is_ok());
    assert_eq!(seen, [End::Complete, End::Complete]);
}

#[test]
fn more_connections_than_files_are_refused_before_anything_is_sent() {
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .expect("a limit");
    let Ok(hard) = u32::try_from(hard) else {
        return;
    };
    let target = Target::resolve("http://127.0.0.1:1", &[]).expect("a good URL");
    let shape = closed(hard, u64::from(hard));
    let phase = silent(&shape);
    let said = drive(&target, &phase, &Cancel::new(), &mut |_| {});
    assert!(said.is_err_and(|e| e.to_string().contains("ulimit -Hn")));
}
