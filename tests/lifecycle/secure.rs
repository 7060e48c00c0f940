//! Endpoints that speak TLS, with certificates of a CA that only SSL_CERT_FILE names.

use super::{LOAD, scenario};
use crate::support::{Bench, bench};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The embedded engine behind something that ends TLS.
struct Secure {
    sim: Child,
    /// Where the engine itself listens.
    plain: String,
    /// Where TLS is ended.
    port: u16,
    /// The CA's certificate, as PEM.
    ca: String,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.sim.kill();
        let _ = self.sim.wait();
    }
}

impl Secure {
    /// With a certificate for `name`.
    fn new(name: &str) -> Self {
        let mut sim = Command::new(env!("CARGO_BIN_EXE_bench"))
            .args(["sim", "--port", "0", "--model", "m"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(sim.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let plain = line.trim().rsplit(' ').next().unwrap().to_owned();
        let (ca, config) = identity(name);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = plain.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (behind, config) = (behind.clone(), Arc::clone(&config));
                std::thread::spawn(move || relay(client, &behind, config));
            }
        });
        Self {
            sim,
            plain,
            port,
            ca,
        }
    }

    /// `bench VERB` on it, under this name, with nobody trusted but its CA.
    fn bench(&self, verb: &str, host: &str, request: &str) -> Bench {
        let url = format!("https://{host}:{}", self.port);
        bench(verb)
            .file("secure.yaml", &against(&url, request))
            .env_file("SSL_CERT_FILE", "ca.pem", &self.ca)
            .without("SSL_CERT_DIR")
    }
}

fn against(url: &str, request: &str) -> String {
    scenario("", LOAD)
        .replace("{sim: {}}", &format!("{{external: {{url: '{url}'}}}}"))
        .replace("request: {", &format!("request: {{{request}"))
}

/// A CA's certificate, and what a server with a certificate of it for `name` needs.
fn identity(name: &str) -> (String, Arc<ServerConfig>) {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(ca.clone(), KeyPair::generate().unwrap());
    let pem = ca.self_signed(issuer.key()).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new([name.to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    (pem, Arc::new(config.unwrap()))
}

/// Ends TLS and passes on what is in it, until either side has no more.
fn relay(client: TcpStream, behind: &str, config: Arc<ServerConfig>) {
    let server = TcpStream::connect(behind).unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    server.set_nonblocking(true).unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), client);
    let mut buffer = [0; 1 << 14];
    loop {
        match tls.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => (&server).write_all(&buffer[..n]).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        match (&server).read(&mut buffer) {
            Ok(0) => break,
            Ok(n) if tls.write_all(&buffer[..n]).is_err() => break,
            _ => {}
        }
    }
    tls.conn.send_close_notify();
    let _ = tls.flush();
    let _ = tls.sock.shutdown(Shutdown::Both);
}

#[test]
fn an_https_endpoint_is_measured_like_any_other() {
    let secure = Secure::new("localhost");
    let done = secure.bench("run", "localhost", "").run().ran();
    let phase = &done.run()["variants"][0]["phases"][0];
    assert_eq!(phase["counts"]["succeeded"], 40);
    // The certificate's checks are in here, which no loopback connect takes.
    assert!(
        phase["metrics"]["connect_ms"]["min"].as_f64() > Some(0.1),
        "{phase:#}"
    );
    assert_eq!(phase["metrics"]["connect_ms"]["count"], 4);
    assert!(
        phase["server"]["counters"]["prompt_tokens"].as_f64() > Some(0.0),
        "{phase:#}"
    );
    for sample in done.samples() {
        assert_eq!(
            (&sample["reads"]["unstamped"], &sample["chunks"]),
            (&0.into(), &8.into())
        );
    }
    let whole = secure
        .bench("run", "localhost", "stream: false, ")
        .run()
        .ran();
    let plain = against(&secure.plain, "stream: false, ");
    let plain = bench("run").file("plain.yaml", &plain).run().ran();
    let texts = |done: &crate::support::Done| -> Vec<String> {
        let rows = done.samples().into_iter();
        let mut texts: Vec<_> = rows
            .map(|row| format!("{} {}", row["index"], row["text_sha"]))
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(&whole), texts(&plain));
}

#[test]
fn certificates_that_do_not_verify_end_the_run_with_what_to_do() {
    let secure = Secure::new("localhost");
    secure
        .bench("run", "127.0.0.1", "")
        .run()
        .code(3)
        .says("the certificate of `127.0.0.1` is for another name");
    let stranger = identity("localhost").0;
    secure
        .bench("run", "localhost", "")
        .env_file("SSL_CERT_FILE", "other.pem", &stranger)
        .run()
        .code(3)
        .says("the certificate of `localhost` has no issuer that this machine trusts")
        .says("set SSL_CERT_FILE to its PEM file");
    secure
        .bench("run", "localhost", "")
        .env("SSL_CERT_FILE", "/nowhere/ca.pem")
        .run()
        .code(3)
        .says("no trusted certificates were found in SSL_CERT_FILE=/nowhere/ca.pem");
    let plain = secure.plain.replace("http://", "https://");
    bench("run")
        .file("wrong.yaml", &against(&plain, ""))
        .env_file("SSL_CERT_FILE", "ca.pem", &secure.ca)
        .run()
        .code(3)
        .says("does not use TLS");
}

#[test]
fn the_doctor_shakes_hands_with_an_https_endpoint() {
    let secure = Secure::new("localhost");
    let said = secure.bench("doctor", "localhost", "").run();
    assert!(said.stdout.contains("takes connections"), "{}", said.stdout);
    let said = secure.bench("doctor", "127.0.0.1", "").run();
    assert!(
        said.stdout.contains("is for another name"),
        "{}",
        said.stdout
    );
}
