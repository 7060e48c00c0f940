//! Reads by the ring, and what it must not change: both ways of reading pass every test of this folder, of which `ci/test` runs
//! the ones by epoll with `BENCH_IO_URING=off`.

use crate::load::ring::{Completion, Ring};
use crate::load::socket::{Buffers, IoFailure, Socket, Stamping};
use crate::load::tests::{SECOND, closed, drive_with, exchanges, request, server, silent, sized};
use crate::load::*;
use crate::measure::exchange::End;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::unistd::dup2;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::time::Duration;

#[expect(clippy::print_stdout, reason = "for who reads a test's output")]
/// A ring beside an epoll; none where the kernel gives none, which is a machine on which nothing here can be tested.
fn ring() -> Option<(Ring, Epoll)> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll");
    match Ring::beside(&epoll.0) {
        Ok(ring) => Some((ring, epoll)),
        Err(error) => {
            println!("not tested: no io_uring here ({error})");
            None
        }
    }
}

/// Both ends of a connection.
fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let near = TcpStream::connect(address).expect("a connection");
    let (far, _) = listener.accept().expect("a connection");
    (near, far)
}

/// A socket of ours, and the other end.
fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let near = Socket::connect(address).expect("a connection");
    let (far, _) = listener.accept().expect("a connection");
    far.set_nodelay(true).expect("a TCP connection");
    (near, far)
}

/// The next thing done, within a second.
fn next(ring: &mut Ring) -> Completion {
    if let Some(done) = ring.next() {
        return done;
    }
    ring.wait(SECOND).expect("the ring waits");
    ring.next().expect("something done within a second")
}

/// The next read: its name, its bytes, whether it is stamped, and whether others follow.
fn read(ring: &mut Ring) -> (u64, Result<Vec<u8>, IoFailure>, bool, bool) {
    let Completion::Read(read) = next(ring) else {
        panic!("epoll has nothing to tell");
    };
    let received = ring.received(&read);
    let stamped = received.as_ref().is_ok_and(|r| r.stamp.is_some());
    let bytes = received.map(|received| received.bytes.to_vec());
    ring.give_back(&read);
    (read.name, bytes, stamped, read.more)
}

#[test]
fn reads_bear_their_name_and_stamp_until_the_stream_ends() {
    let Some((mut ring, _epoll)) = ring() else {
        return;
    };
    let stamping = Stamping::hold();
    assert!(stamping.is_held());
    let (near, mut far) = pair();
    ring.read(&near, 7 << 32 | 5).expect("a read");
    // The kernel begins to stamp some time after it was asked to.
    let stamped = (0..200).any(|_| {
        far.write_all(b"abc").expect("room");
        let (name, bytes, stamped, more) = read(&mut ring);
        assert_eq!(
            (name, bytes, more),
            (7 << 32 | 5, Ok(b"abc".to_vec()), true)
        );
        std::thread::sleep(Duration::from_millis(1));
        stamped
    });
    assert!(stamped);
    drop(far);
    let (_, bytes, _, more) = read(&mut ring);
    assert_eq!((bytes, more), (Ok(Vec::new()), false), "the end");
}

#[test]
fn a_descriptor_that_is_anothers_by_now_is_not_read() {
    let Some((mut ring, _epoll)) = ring() else {
        return;
    };
    let (first, mut to_first) = streams();
    let (second, mut to_second) = streams();
    let mut descriptor = OwnedFd::from(first);
    ring.read(&descriptor, 1 << 32).expect("a read");
    dup2(&second, &mut descriptor).expect("a descriptor that changes hands");
    to_second.write_all(b"second").expect("room");
    to_first.write_all(b"first").expect("room");
    let (name, bytes, _, _) = read(&mut ring);
    assert_eq!((name, bytes), (1 << 32, Ok(b"first".to_vec())));
    ring.wait(Duration::from_millis(50))
        .expect("the ring waits");
    assert!(ring.next().is_none(), "the second is nobody's to read");
}

#[test]
fn a_reset_is_told_as_an_error() {
    let Some((mut ring, _epoll)) = ring() else {
        return;
    };
    let (near, far) = pair();
    ring.read(&near, 1 << 32).expect("a read");
    near.write(b"unread").expect("room");
    while far.peek(&mut [0]).expect("bytes") == 0 {}
    drop(far);
    let (_, bytes, _, more) = read(&mut ring);
    let reset = IoFailure::Failed("Connection reset by peer".into());
    assert_eq!((bytes, more), (Err(reset), false));
}

#[test]
fn what_epoll_has_to_tell_ends_the_wait() {
    let Some((mut ring, epoll)) = ring() else {
        return;
    };
    let (near, mut far) = pair();
    let event = EpollEvent::new(EpollFlags::EPOLLIN, 3);
    epoll.add(&near, event).expect("a socket to watch");
    far.write_all(b"abc").expect("room");
    assert!(matches!(next(&mut ring), Completion::Epoll));
    let mut buffers = Buffers::default();
    let bytes = near.read(&mut buffers).map(|read| read.bytes.to_vec());
    assert_eq!(bytes, Ok(b"abc".to_vec()));
    ring.wait(Duration::from_millis(50))
        .expect("the ring waits");
    assert!(ring.next().is_none(), "told once, until it is asked anew");
    far.write_all(b"def").expect("room");
    ring.watch(&epoll.0).expect("a watch");
    assert!(matches!(next(&mut ring), Completion::Epoll));
}

#[test]
fn when_the_buffers_run_out_the_rest_is_read_after_they_are_given_back() {
    let Some((mut ring, _epoll)) = ring() else {
        return;
    };
    let (near, mut far) = pair();
    let sent: Vec<u8> = (0..4 << 20).map(|i: u32| (i / 7) as u8).collect();
    let all = sent.clone();
    let writing = std::thread::spawn(move || far.write_all(&all));
    ring.read(&near, 1 << 32).expect("a read");
    let (mut got, mut kept, mut outs) = (Vec::new(), Vec::new(), 0);
    while got.len() < sent.len() {
        let Completion::Read(read) = next(&mut ring) else {
            panic!("epoll has nothing to tell");
        };
        match ring.received(&read) {
            Ok(received) => {
                got.extend_from_slice(received.bytes);
                kept.push(read);
            }
            Err(trouble) => {
                assert_eq!((trouble, read.more), (IoFailure::WouldBlock, false));
                outs += 1;
                for read in kept.drain(..) {
                    ring.give_back(&read);
                }
                ring.read(&near, 1 << 32).expect("a read");
            }
        }
    }
    assert!(got == sent, "the same bytes in the same order");
    assert!(outs > 0, "4 MiB are more than all buffers hold");
    writing.join().expect("no panic").expect("all was written");
}

/// The text of a long answer.
fn long(number: &str) -> String {
    format!("{number},").repeat((1 << 20) / (number.len() + 1))
}

#[test]
fn long_answers_at_once_are_read_whole_and_unmixed() {
    let url = server(|mut stream| {
        while let Some(number) = request(&mut stream) {
            if stream.write_all(&sized(&long(&number))).is_err() {
                break;
            }
        }
    });
    let all = exchanges(&url, closed(24, 96));
    assert_eq!(all.len(), 96);
    for exchange in all {
        assert_eq!(exchange.end, End::Complete);
        let expected = long(&exchange.id.index.to_string());
        assert!(exchange.body == expected.as_bytes(), "{:?}", exchange.id);
        assert!(exchange.arrivals.is_sorted_by_key(|arrival| arrival.kernel));
    }
}

#[test]
fn answers_in_memory_that_was_given_back_hold_nothing_of_others() {
    let url = server(|mut stream| {
        while let Some(number) = request(&mut stream) {
            let text = number.repeat(1 + number.len() * number.len());
            if stream.write_all(&sized(&text)).is_err() {
                break;
            }
        }
    });
    let target = Target::resolve(&url, &[]).expect("a good URL");
    let mut client = Client::new(&target).expect("a client");
    let buffer_pool = client.buffer_pool();
    let shape = closed(4, 200);
    let body = |i: u64| (i * 37 % 1_000).to_string().into_bytes();
    let load = PhaseLoad {
        body: &body,
        ..silent(&shape)
    };
    let mut right = 0;
    let runs = client.drive(&[load], &Cancel::new(), &mut |exchange| {
        let number = body(exchange.id.index);
        let expected = number.repeat(1 + number.len() * number.len());
        assert_eq!(exchange.body, expected);
        assert_eq!(
            exchange.arrivals.last().map(|a| a.end),
            Some(expected.len())
        );
        right += 1;
        buffer_pool.give_back(exchange);
    });
    assert_eq!((runs.map(|runs| runs.len()).ok(), right), (Some(1), 200));
}

#[test]
fn who_gives_up_hangs_up() {
    let (tell, told) = channel();
    let url = server(move |mut stream| {
        if request(&mut stream).is_some() {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n");
            let _ = stream.set_read_timeout(Some(10 * SECOND));
            let _ = tell.send(stream.read(&mut [0]).map_err(|error| error.kind()));
        }
    });
    let mut ends = Vec::new();
    let limit = Duration::from_millis(100);
    // The third and fourth request keep the client alive while the first two hang up.
    drive_with(&url, closed(2, 4), limit, &Cancel::new(), &mut |exchange| {
        ends.push(exchange.end);
    });
    assert_eq!(ends, vec![End::Timeout; 4]);
    for _ in 0..4 {
        let heard = told
            .recv_timeout(5 * SECOND)
            .expect("no connection is left open");
        assert!(
            matches!(heard, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)),
            "{heard:?}"
        );
    }
}
