//! A server that does everything wrong, one way a request: each is told by its class, memory stays bounded, and the run
//! goes on.

use crate::support::{Running, bench};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// What the server does, the class that the request gets, and words of its detail. `ok` is no failure.
const WAYS: &[(&str, &str, &str)] = &[
    ("16 MiB of text", "ok", ""),
    ("one byte at a time", "ok", ""),
    ("one event in a thousand pieces", "ok", ""),
    ("endless events", "broken_stream", "longer than 16 MiB"),
    ("endless body", "broken_stream", "longer than 16 MiB"),
    (
        "endless head",
        "broken_stream",
        "head is longer than 64 KiB",
    ),
    ("endless interim answers", "broken_stream", "interim"),
    ("endless chunk size", "broken_stream", "chunk"),
    (
        "a length of exabytes",
        "broken_stream",
        "longer than 16 MiB",
    ),
    ("no [DONE]", "broken_stream", "[DONE]"),
    ("an error event", "server_error", "the engine died"),
    ("chunked garbage", "broken_stream", "chunk"),
    ("a gzip bomb", "broken_stream", "compressed (gzip)"),
    ("a gzip transfer", "broken_stream", "transfer encoding"),
    ("no HTTP", "broken_stream", "not HTTP/1"),
    ("HTTP/2", "broken_stream", "not HTTP/1"),
    ("a page", "broken_stream", "not JSON"),
    ("deep JSON", "broken_stream", "not JSON"),
    ("wide JSON", "broken_stream", "not JSON"),
    ("no UTF-8", "broken_stream", "not JSON"),
    ("half a body", "broken_stream", "before the end of the body"),
    ("nothing", "broken_stream", "without an answer"),
    ("a redirect", "status 302", "(Location: "),
    ("429", "overload 429", ""),
    ("503", "overload 503", ""),
    ("529", "overload 529", ""),
    ("500", "status 500", ""),
    ("a slow head", "timeout", ""),
    ("a stalled stream", "timeout", ""),
    (
        "one body in place of a stream",
        "mismatched_answer",
        "a stream was requested",
    ),
    ("no choices", "incomplete_answer", "no `choices`"),
    ("fine", "ok", ""),
];

/// Most memory that the client may take meanwhile, in KiB: several answers of 16 MiB, their JSON, and the tables of a debug build.
const MOST_KIB: u64 = 400 << 10;

const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"text\":\" a\"}]}\n\n";

/// The end of a whole stream.
const END: &str = "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

struct Server {
    url: String,
    /// How often the target of the redirect was asked.
    followed: Arc<AtomicU32>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let followed = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&followed);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                thread::spawn(move || while serve(&stream, &count).is_some() {});
            }
        });
        Self { url, followed }
    }
}

/// Answers one request; none when the connection is of no more use.
fn serve(stream: &TcpStream, followed: &AtomicU32) -> Option<()> {
    let (head, body) = request(stream)?;
    if head.contains(" /elsewhere") {
        followed.fetch_add(1, Ordering::SeqCst);
    }
    let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
    let send = |bytes: &[u8]| {
        let mut stream = stream;
        stream.write_all(bytes).ok()
    };
    let forever = |piece: &[u8]| while send(piece).is_some() {};
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let kind = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    match prompt.as_str() {
        "16 MiB of text" => {
            let before = "data: {\"choices\":[{\"index\":0,\"text\":\"";
            let after = format!("\"}}]}}\n\n{END}");
            let room = (16 << 20) - before.len() - after.len();
            let text = "x".repeat(room);
            send(format!("{events}{before}{text}{after}").as_bytes())?;
        }
        "one byte at a time" => {
            for byte in format!("{events}{EVENT}{END}").bytes() {
                send(&[byte])?;
                thread::sleep(Duration::from_micros(200));
            }
        }
        "one event in a thousand pieces" => {
            send(events.as_bytes())?;
            for _ in 0..1_000 {
                send(b": nothing\n")?;
            }
            send(format!("{EVENT}{END}").as_bytes())?;
        }
        "endless events" => {
            send(events.as_bytes())?;
            forever(EVENT.repeat(1_000).as_bytes());
        }
        "endless body" => {
            send(format!("{kind}connection: close\r\n\r\n").as_bytes())?;
            forever(&[b'['; 1 << 16]);
        }
        "endless head" => {
            send(b"HTTP/1.1 200 OK\r\n")?;
            forever("x: y\r\n".repeat(1_000).as_bytes());
        }
        "endless interim answers" => {
            forever("HTTP/1.1 102 Processing\r\n\r\n".repeat(100).as_bytes());
        }
        "endless chunk size" => {
            send(format!("{kind}transfer-encoding: chunked\r\n\r\n5;").as_bytes())?;
            forever(&[b'x'; 1 << 16]);
        }
        "a length of exabytes" => {
            send(format!("{kind}content-length: 9000000000000000000\r\n\r\n").as_bytes())?;
            forever(&[b'x'; 1 << 16]);
        }
        "no [DONE]" => send(format!("{events}{EVENT}").as_bytes())?,
        "an error event" => {
            let error = "data: {\"error\":{\"message\":\"the engine died\"}}\n\n";
            send(format!("{events}{EVENT}{error}data: [DONE]\n\n").as_bytes())?;
        }
        "chunked garbage" => {
            send(format!("{kind}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}").as_bytes())?;
        }
        "a gzip bomb" => {
            // What 10 GB of zeros would begin with; nobody is to look.
            let head = format!("{kind}content-encoding: gzip\r\ncontent-length: 1000000\r\n\r\n");
            send(head.as_bytes())?;
            send(&[b"\x1f\x8b\x08\0\0\0\0\0".as_slice(), &[0; 999_992]].concat())?;
        }
        "a gzip transfer" => {
            send(format!("{kind}transfer-encoding: gzip, chunked\r\n\r\n1\r\nx").as_bytes())?;
        }
        "no HTTP" => send(b"\0\x01\x02 SSH-2.0-OpenSSH_9.6\r\n\r\n")?,
        "HTTP/2" => send(b"HTTP/2 200\r\ncontent-length: 2\r\n\r\n{}")?,
        "a page" => send(&sized("200 OK", "<html>It works!</html>"))?,
        "deep JSON" => send(&sized("200 OK", &"[".repeat(1 << 20)))?,
        "wide JSON" => send(&sized("200 OK", &format!("[{}", "0,".repeat(1 << 20))))?,
        "no UTF-8" => {
            send(format!("{kind}content-length: 4\r\n\r\n").as_bytes())?;
            send(b"{\"\xff\xfe")?;
        }
        "half a body" => send(format!("{kind}content-length: 100\r\n\r\n{{\"choi").as_bytes())?,
        "nothing" => {}
        "a redirect" => {
            send(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")?;
        }
        "429" | "503" | "529" | "500" => send(&sized(&prompt, "{\"error\":{\"message\":\"no\"}}"))?,
        "a slow head" => {
            for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\nx: "
                .iter()
                .cycle()
            {
                send(&[*byte])?;
                thread::sleep(Duration::from_millis(30));
            }
        }
        "one body in place of a stream" => send(&sized("200 OK", &answer("fine")))?,
        "no choices" => send(format!("{events}data: [DONE]\n\n").as_bytes())?,
        "a stalled stream" => {
            send(format!("{events}{EVENT}").as_bytes())?;
            let mut stream = stream;
            let _ = stream.read(&mut [0]);
        }
        _ => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
            let body = format!("{EVENT}{END}");
            let length = body.len();
            send(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())?;
            return Some(());
        }
    }
    stream.shutdown(Shutdown::Both).ok();
    None
}

fn answer(text: &str) -> String {
    json!({"choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}).to_string()
}

fn sized(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// One request's head and JSON.
fn request(mut stream: &TcpStream) -> Option<(String, Value)> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.split("content-length: ").nth(1)?.split('\r').next()?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn scenario(url: &str, prompts: &[&str], concurrency: usize, requests: usize) -> String {
    json!({
        "version": 1, "name": "hostile", "model": {"id": "m"},
        "engine": {"external": {"url": url}},
        "prompts": {"inline": prompts},
        "request": {"params": {"max_tokens": 8}, "timeout": "8s"},
        "load": {"phases": [{"closed": {"concurrency": concurrency, "requests": requests}}]},
        "verify": {"gates": ["error_rate < 1%"]},
    })
    .to_string()
}

/// The most memory that a command had, in KiB, once it has ended.
fn peak(running: &mut Running) -> u64 {
    let mut most = 0;
    while !running.ended() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid()));
        let line = status.unwrap_or_default();
        let line = line.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        most = most.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(20));
    }
    most
}

fn class(sample: &Value) -> String {
    match &sample["error"] {
        Value::Null => "ok".to_owned(),
        Value::String(class) => class.clone(),
        Value::Object(class) => {
            let (name, status) = class.iter().next().unwrap();
            format!("{name} {status}")
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_way_is_told_by_its_class_and_the_run_goes_on() {
    let server = Server::start();
    let prompts: Vec<&str> = WAYS.iter().map(|(way, ..)| *way).collect();
    let mut running = bench("run")
        .file("run.yaml", &scenario(&server.url, &prompts, 1, WAYS.len()))
        .set("load.give_up_after=never")
        .start();
    let most = peak(&mut running);
    let done = running.done().code(1).says("error_rate < 1%");
    let samples = done.samples();
    let mut wrong = String::new();
    for (index, (way, wanted, words)) in WAYS.iter().enumerate() {
        let sample = samples
            .iter()
            .find(|sample| sample["index"] == index)
            .unwrap_or_else(|| panic!("no row of `{way}`"));
        let detail = sample["detail"].as_str().unwrap_or_default();
        if class(sample) != *wanted || !detail.contains(words) {
            wrong.push_str(&format!("{way}: {} `{detail}`\n", class(sample)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(
        server.followed.load(Ordering::SeqCst),
        0,
        "it was redirected"
    );
    assert!(most > 0 && most < MOST_KIB, "{most} KiB");
}

/// A server that answers faster than answers can be read fills no queue.
#[test]
fn a_flood_of_large_answers_stays_within_memory() {
    let server = Server::start();
    let mut running = bench("run")
        .file(
            "run.yaml",
            &scenario(&server.url, &["endless events", "16 MiB of text"], 4, 40),
        )
        .start();
    let most = peak(&mut running);
    let done = running.done();
    // Where the client had to wait for its own reading, its figures are not to be trusted.
    assert!([1, 4].contains(&done.code), "{}", done.stdout);
    assert_eq!(done.samples().len(), 40);
    assert!(most > 0 && most < 2 * MOST_KIB, "{most} KiB");
}
