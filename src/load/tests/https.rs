//! The driver against small TLS servers, well-behaved and not.

use crate::load::tests::{SECOND, broken, closed, drive_on, request, server, sized};
use crate::load::tls::Tls;
use crate::load::{Cancel, PhaseRun, Target};
use crate::measure::exchange::{End, Exchange};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A certificate for `name`, and who trusts it.
struct Identity {
    own: CertifiedKey<KeyPair>,
}

impl Identity {
    fn of(name: &str) -> Self {
        let own = rcgen::generate_simple_self_signed([name.to_owned()]);
        Self {
            own: own.expect("a certificate"),
        }
    }

    /// Valid through January 2025.
    fn expired(name: &str) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2025, 2, 1);
        let signing_key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&signing_key).expect("a certificate");
        Self {
            own: CertifiedKey { cert, signing_key },
        }
    }

    fn server(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.own.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![self.own.cert.der().clone()], key);
        Arc::new(config.expect("a certificate"))
    }

    /// A server of its own, every connection of which runs `serve`; gives a target that trusts it.
    fn serves(
        &self,
        version: &'static SupportedProtocolVersion,
        serve: impl Fn(Stream) + Send + Sync + 'static,
    ) -> Target {
        let config = self.server(version);
        self.before(server(move |tcp| {
            let tls = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
            serve(StreamOwned::new(tls, tcp));
        }))
    }

    /// A target at the address of a server, whatever it speaks.
    fn before(&self, url: String) -> Target {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.cert.der().clone()).expect("a root");
        let config = crate::tls::config_with_roots(roots).expect("a configuration");
        let mut target = Target::resolve(&url, &[]).expect("a good URL");
        target.tls = Some(Tls::trusting("localhost", config).expect("a name"));
        target
    }
}

const V1_2: &SupportedProtocolVersion = &rustls::version::TLS12;
const V1_3: &SupportedProtocolVersion = &rustls::version::TLS13;

fn drive(target: &Target, requests: u64) -> (PhaseRun, Vec<Exchange>) {
    drive_for(target, requests, 5 * SECOND)
}

fn drive_for(target: &Target, requests: u64, limit: Duration) -> (PhaseRun, Vec<Exchange>) {
    let mut seen = Vec::new();
    let run = drive_on(
        target,
        closed(2, requests),
        limit,
        &Cancel::new(),
        &mut |e| seen.push(e),
    );
    (run, seen)
}

/// Why the first of the exchanges found no connection.
fn unconnected(seen: &[Exchange]) -> &str {
    match &seen[0].end {
        End::Connect(why) => why,
        end => panic!("{end:?}"),
    }
}

#[test]
fn answers_come_in_pieces_stamped_on_connections_that_are_kept() {
    for version in [V1_2, V1_3] {
        let target = Identity::of("localhost").serves(version, |mut stream| {
            while let Some(body) = request(&mut stream) {
                for part in ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "a", "b"] {
                    thread::sleep(Duration::from_millis(5));
                    let _ = stream.write_all(part.as_bytes());
                }
                assert!(body.parse::<u64>().is_ok());
            }
        });
        let (run, seen) = drive(&target, 8);
        assert_eq!((run.connections, run.prepared.len()), (2, 2));
        for e in &seen {
            assert_eq!((&e.end, e.body.as_slice()), (&End::Complete, &b"ab"[..]));
            assert_eq!(e.arrivals.iter().map(|a| a.end).collect::<Vec<_>>(), [1, 2]);
            assert!(e.arrivals.iter().all(|a| a.stamped && a.kernel <= a.user));
            assert!(e.arrivals[0].kernel + 4_000_000 < e.arrivals[1].kernel);
            assert!(e.sent.is_some_and(|sent| sent < e.arrivals[0].kernel));
        }
        assert_eq!(seen.iter().filter(|e| e.reused).count(), 6);
    }
}

#[test]
fn requests_and_answers_of_many_records_are_whole() {
    let long = |n: u8| -> Vec<u8> { (0..3_000_000).map(|i| (i % 251) as u8 ^ n).collect() };
    let target = Identity::of("localhost").serves(V1_3, move |mut stream| {
        let mut head = [0; 1];
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") && stream.read_exact(&mut head).is_ok() {
            seen.push(head[0]);
        }
        thread::sleep(Duration::from_millis(50));
        let mut body = vec![0; 3_000_000];
        if stream.read_exact(&mut body).is_ok() {
            let answer: Vec<u8> = body.iter().map(|b| b ^ 7).collect();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &answer].concat());
        }
    });
    let shape = closed(1, 1);
    let phase = crate::load::PhaseLoad {
        phase: 0,
        shape: &shape,
        path: "/",
        stream: false,
        timeout: 20 * SECOND,
        body: &|_| long(0),
        headers: None,
        ready: None,
        seen: &crate::load::Seen::new(),
        patience: crate::load::Patience::default(),
    };
    let mut seen = Vec::new();
    crate::load::drive(&target, &phase, &Cancel::new(), &mut |e| seen.push(e))
        .expect("load is driven");
    assert_eq!(seen[0].end, End::Complete);
    assert!(seen[0].body == long(7));
}

#[test]
fn tickets_that_come_on_an_idle_connection_do_not_cost_it() {
    // A server that has shaken hands at once sends two of them.
    let target = Identity::of("localhost").serves(V1_3, |mut stream| {
        let _ = stream.conn.complete_io(&mut stream.sock);
        while request(&mut stream).is_some() && stream.write_all(&sized("a")).is_ok() {}
    });
    let mut client = crate::load::Client::new(&target).expect("an epoll");
    let shape = closed(4, 4);
    let phase = crate::load::PhaseLoad {
        phase: 0,
        shape: &shape,
        path: "/",
        stream: false,
        timeout: 5 * SECOND,
        body: &|_| Vec::new(),
        headers: None,
        ready: None,
        seen: &crate::load::Seen::new(),
        patience: crate::load::Patience::default(),
    };
    let phases = std::slice::from_ref(&phase);
    for opened in [4, 0, 0] {
        let runs = client.drive(phases, &Cancel::new(), &mut |e| {
            assert_eq!(e.end, End::Complete);
        });
        assert_eq!(runs.expect("load is driven")[0].connections, opened);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn certificates_that_do_not_verify_say_why_and_what_to_do() {
    let serve = |mut stream: Stream| {
        request(&mut stream);
    };
    let stranger = Identity::of("localhost").serves(V1_3, serve);
    let mut unknown = Identity::of("localhost").before("http://127.0.0.1:1".into());
    unknown.addresses = stranger.addresses.clone();
    let (_, seen) = drive(&unknown, 2);
    assert_eq!(
        unconnected(&seen),
        "the certificate of `localhost` has no issuer that this machine trusts; for your own CA, set SSL_CERT_FILE to its PEM file"
    );
    let other = Identity::of("elsewhere.example").serves(V1_2, serve);
    let (_, seen) = drive(&other, 2);
    let why = unconnected(&seen);
    assert!(
        why.contains("`localhost` is for another name") && why.contains("elsewhere.example"),
        "{why}"
    );
    let old = Identity::expired("localhost").serves(V1_3, serve);
    let (_, seen) = drive(&old, 2);
    let why = unconnected(&seen);
    assert!(
        why.contains("has expired: it was valid until 2025-02-01T00:00:00Z, but the clock of this machine shows 20"),
        "{why}"
    );
    assert!(seen.iter().all(|e| e.sent.is_none()), "nothing was sent");
}

/// What becomes of a request to a server that speaks no TLS.
fn hostile(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let target = Identity::of("localhost").before(server(serve));
    let (_, seen) = drive_for(&target, 2, Duration::from_millis(300));
    assert_eq!(seen.len(), 2);
    unconnected(&seen).to_owned()
}

#[test]
fn what_is_not_tls_is_said_to_be_none() {
    let plain = hostile(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        thread::sleep(SECOND);
    });
    assert!(
        plain.contains("does not use TLS") && plain.contains("`http://`"),
        "{plain}"
    );
    let garbage = hostile(|mut stream| {
        let _ = stream.write_all(&[0x16, 3, 3, 0xff, 0xff, 1, 2, 3]);
        thread::sleep(SECOND);
    });
    assert!(garbage.contains("does not use TLS"), "{garbage}");
    let refused = hostile(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 40]);
        thread::sleep(SECOND);
    });
    assert_eq!(
        refused,
        "`localhost` ended TLS with the alert HandshakeFailure"
    );
    let silent = hostile(|_stream| thread::sleep(2 * SECOND));
    assert_eq!(silent, "the TLS handshake did not end in time");
    let gone = hostile(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    assert!(
        gone.contains("closed the connection within the TLS handshake") || gone.contains("reset"),
        "{gone}"
    );
}

#[test]
fn an_answer_that_lasts_until_the_close_is_whole_only_if_tls_says_so() {
    for told in [true, false] {
        let target = Identity::of("localhost").serves(V1_3, move |mut stream| {
            request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
            if told {
                stream.conn.send_close_notify();
            }
            let _ = stream.flush();
        });
        let (_, seen) = drive(&target, 2);
        assert_eq!(seen[0].body, b"until the end");
        match told {
            true => assert_eq!(seen[0].end, End::Complete),
            false => assert!(
                broken(&seen[0].end).contains("may be cut"),
                "{:?}",
                seen[0].end
            ),
        }
    }
}

#[test]
fn answers_that_break_off_are_broken() {
    let after = |what: fn(&mut Stream)| {
        let target = Identity::of("localhost").serves(V1_3, move |mut stream| {
            request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome");
            what(&mut stream);
            thread::sleep(Duration::from_millis(50));
        });
        let (_, seen) = drive(&target, 2);
        assert_eq!(seen[0].body, b"some");
        broken(&seen[0].end).to_owned()
    };
    let alert = after(|stream| {
        let _ = stream.sock.write_all(&[0x15, 3, 3, 0, 2, 2, 80]);
    });
    assert!(alert.contains("failed to read the answer"), "{alert}");
    let half = after(|stream| {
        let _ = stream.conn.writer().write_all(b"rest!");
        let mut record = Vec::new();
        let _ = stream.conn.write_tls(&mut record);
        let _ = stream.sock.write_all(&record[..record.len() - 3]);
        let _ = stream.sock.shutdown(std::net::Shutdown::Both);
    });
    assert!(half.contains("5 bytes before the end"), "{half}");
    let forged = after(|stream| {
        let _ = stream.sock.write_all(&[0x17, 3, 3, 0, 20]);
        let _ = stream.sock.write_all(&[7; 20]);
    });
    assert!(forged.contains("TLS with `localhost` failed"), "{forged}");
}

#[test]
fn new_keys_in_mid_answer_are_taken() {
    let target = Identity::of("localhost").serves(V1_3, |mut stream| {
        while request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nso");
            stream.conn.refresh_traffic_keys().expect("TLS 1.3");
            let _ = stream.write_all(b"me");
        }
    });
    let (run, seen) = drive(&target, 6);
    assert!(
        seen.iter()
            .all(|e| e.end == End::Complete && e.body == b"some")
    );
    assert_eq!(run.connections, 2);
}

#[test]
fn a_close_between_requests_is_made_good_once() {
    let target = Identity::of("localhost").serves(V1_3, |mut stream| {
        request(&mut stream);
        let _ = stream.write_all(&sized("a"));
        request(&mut stream);
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    let (_, seen) = drive(&target, 6);
    assert!(seen.iter().all(|e| e.end == End::Complete && !e.reused));
    assert!(
        seen.iter()
            .filter(|e| e.reconnected)
            .all(|e| e.connect.is_some())
    );
    assert_eq!(seen.iter().filter(|e| e.reconnected).count(), 4);
}
