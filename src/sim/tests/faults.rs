//! Each fault does what its flag says, and only then.

use super::{Reply, Server, options};
use crate::sim::Error;
use crate::sim::serve::live;
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use tokio::runtime::Runtime;

fn ask(stream: bool) -> String {
    json!({
        "model": "m", "prompt": "Hi", "max_tokens": 8, "ignore_eos": true, "stream": stream,
        "stream_options": {"include_usage": true},
    })
    .to_string()
}

fn replies(args: &str, stream: bool, n: usize) -> Vec<Reply> {
    let server = Server::start(args);
    (0..n).map(|_| server.complete(&ask(stream))).collect()
}

#[test]
fn errors_come_every_so_often() {
    let statuses = |args| {
        replies(args, false, 4)
            .iter()
            .map(|reply| reply.status)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        statuses("--error-status 503 --error-every 2"),
        [200, 503, 200, 503]
    );
    assert_eq!(statuses("--error-status 529 --flavour dynamo"), [529; 4]);
}

#[test]
fn connections_are_cut() {
    let streams = replies("--cut-every 2", true, 2);
    assert_eq!([streams[0].complete, streams[1].complete], [true, false]);
    assert_eq!(streams[1].events().len(), 4);
    for flavour in ["vllm", "dynamo"] {
        let whole = replies(&format!("--cut-every 1 --flavour {flavour}"), false, 1);
        assert!(!whole[0].complete);
    }
}

#[test]
fn streams_lose_their_end() {
    let reply = &replies("--no-done", true, 1)[0];
    assert!(reply.complete && !reply.done());
}

#[test]
fn json_is_broken() {
    for stream in [true, false] {
        let replies = replies("--bad-json-every 2", stream, 2);
        let readable = |reply: &Reply| {
            let chunk = reply.chunks[0].trim_start_matches("data: ");
            serde_json::from_str::<serde_json::Value>(chunk).is_ok()
        };
        assert_eq!(
            [readable(&replies[0]), readable(&replies[1])],
            [true, false]
        );
    }
    assert_eq!(
        replies("--rubbish", true, 1)[0].chunks,
        ["<html><body>It works!</body></html>\n"]
    );
}

#[test]
fn usage_and_text_disagree() {
    let usage = |args| replies(args, true, 1)[0].events().pop().expect("usage")["usage"].clone();
    assert_eq!(usage("--wrong-usage")["completion_tokens"], 9);
    for stream in [true, false] {
        let replies = replies("--drop-token-every 2", stream, 2);
        let words = |reply: &Reply| reply.texts(1)[0].split_whitespace().count();
        assert_eq!([words(&replies[0]), words(&replies[1])], [8, 7]);
    }
    assert_eq!(usage("--drop-token-every 1")["completion_tokens"], 8);
}

#[test]
fn answers_stall() {
    let server = Server::start("--stall-after 1");
    assert!(server.complete(&ask(true)).done());
    for stream in [true, false] {
        let mut stalled = server.send("POST", "/v1/completions", &ask(stream));
        let mut text = String::new();
        while stream && !text.contains("data: ") {
            let mut bytes = [0; 4096];
            let n = stalled.read(&mut bytes).expect("a first token");
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        let patience = Some(Duration::from_millis(100));
        stalled.set_read_timeout(patience).expect("a timeout");
        let error = stalled.read_to_string(&mut text).expect_err("no end");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(text.matches("data: ").count(), usize::from(stream));
    }
}

#[test]
fn a_listing_is_no_proof() {
    let server = Server::start("--not-ready-for 1m --flavour dynamo");
    assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "m");
    assert_eq!(server.complete(&ask(false)).status, 500);
    let server = Server::start("--not-ready-for 1us");
    assert_eq!(server.complete(&ask(false)).status, 200);
    let unlisted = Server::start("--unlisted-model");
    assert_eq!(unlisted.get("/v1/models").json()["data"], json!([]));
    assert_eq!(unlisted.complete(&ask(false)).status, 200);
}

#[test]
fn a_start_fails() {
    let mut log = Vec::new();
    let outcome = Runtime::new()
        .expect("a runtime")
        .block_on(live(&options("--fail-start"), &mut log));
    assert!(matches!(outcome, Err(Error::Ordered("--fail-start"))));
    assert!(String::from_utf8_lossy(&log).contains("ValueError: Free memory on device"));
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mut options = options("");
    options.port = port;
    let outcome = Runtime::new()
        .expect("a runtime")
        .block_on(live(&options, &mut Vec::new()));
    let message = outcome.expect_err("taken").to_string();
    assert!(
        message.contains("address already in use") && message.contains(&port.to_string()),
        "{message}"
    );
}

/// Passes on what an engine logs while it runs.
struct Log(Sender<Vec<u8>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_engine_crashes_after_its_last_answer() {
    let (sender, lines) = channel();
    let engine = std::thread::spawn(move || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(live(&options("--crash-after 2"), &mut Log(sender)))
    });
    let mut log = String::new();
    while !log.ends_with('\n') {
        log.push_str(&String::from_utf8_lossy(&lines.recv().expect("a line")));
    }
    let address = log
        .trim_end()
        .strip_prefix("serving model `m` on http://")
        .expect("an address");
    let server = Server {
        address: address.parse().expect("an address"),
        _runtime: Runtime::new().expect("a runtime"),
    };
    assert!(server.complete(&ask(true)).done());
    assert_eq!(server.complete(&ask(false)).status, 200);
    let outcome = engine.join().expect("an end");
    assert!(matches!(outcome, Err(Error::Ordered("--crash-after"))));
    let rest = lines.iter().flatten().collect::<Vec<_>>();
    assert!(String::from_utf8_lossy(&rest).contains("EngineDeadError"));
}
