//! Endpoints that serve later than the run begins, or refuse for good, and what a proof of readiness asks of them.

use super::{LOAD, scenario};
use crate::support::{Bench, bench};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a server was sent: each request's path, head and body.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: Value,
}

/// A server that answers the n-th request, from 0, with a status and a body.
pub(super) struct Server {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn new(
        answer: impl Fn(usize, &Asked) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || talk(stream, &all, &*answer));
            }
        });
        Self { port, asked }
    }

    /// The requests for completions so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `bench run` of a small load on it, with whole answers.
    pub(super) fn run(&self) -> Bench {
        let external = format!("{{external: {{url: 'http://127.0.0.1:{}'}}}}", self.port);
        let text = scenario("", LOAD)
            .replace("{sim: {}}", &external)
            .replace("request: {", "request: {stream: false, ");
        bench("run").file("run.yaml", &text)
    }
}

/// Answers requests until the client has no more; pages are not there.
fn talk(
    mut stream: TcpStream,
    all: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(usize, &Asked) -> (u16, Value),
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (status, text) = if head.starts_with("POST") {
            let asked = Asked {
                path: head.split(' ').nth(1)?.to_owned(),
                body: serde_json::from_slice(&body).unwrap(),
                head,
            };
            let number = {
                let mut all = all.lock().unwrap();
                all.push(asked.clone());
                all.len() - 1
            };
            answer(number, &asked)
        } else {
            (404, Value::Null)
        };
        let text = text.to_string();
        let length = text.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + &text).as_bytes()).ok()?;
    }
}

/// An answer of as many tokens as were asked for.
pub(super) fn completion(asked: &Asked) -> (u16, Value) {
    let tokens = asked.body["max_tokens"].as_u64().unwrap_or(20);
    let text = "word ".repeat(usize::try_from(tokens).unwrap());
    (
        200,
        json!({"id": "x", "object": "text_completion", "model": "m",
            "choices": [{"index": 0, "text": text, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}}),
    )
}

fn refusal(status: u16, message: &str) -> (u16, Value) {
    (status, json!({"error": {"message": message}}))
}

#[test]
fn an_endpoint_that_loads_is_waited_for() {
    let server = Server::new(|n, asked| match n {
        0 | 1 => refusal(503, "the model is loading"),
        2 => refusal(404, "no such model"),
        3 => refusal(500, "not yet"),
        _ => completion(asked),
    });
    let done = server.run().run().ran();
    let counts = done.run()["variants"][0]["phases"][0]["counts"].clone();
    assert_eq!(counts["succeeded"], 40, "{counts}");
}

#[test]
fn an_endpoint_that_refuses_the_request_ends_the_wait_after_three_whole_ones() {
    let server = Server::new(|_, _| refusal(400, "temperature is not supported"));
    let done = server.run().set("ready.timeout=10m").run().code(3);
    done.says("refuses what this scenario asks: status 400: temperature is not supported");
    assert_eq!(server.asked().len(), 4, "a short one before");
}

#[test]
fn an_endpoint_that_is_not_there_yet_can_be_interrupted() {
    let server = Server::new(|_, _| refusal(503, "loading"));
    let mut running = server.run().set("ready.timeout=10m").start();
    running.until("waiting");
    running.signal(Signal::SIGINT);
    running.done().code(130);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time_and_told_of_meanwhile() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let external = format!("{{external: {{url: 'http://127.0.0.1:{port}'}}}}");
    let text = scenario("", LOAD).replace("{sim: {}}", &external);
    bench("run")
        .file("run.yaml", &text)
        .set("ready.timeout=2500ms")
        .run()
        .code(3)
        .says("of at most 2.5 s): no answer yet")
        .says("does not serve: timeout");
}

/// `max_tokens` of the proofs and of the first request of the load.
fn limits(server: &Server) -> (Vec<Value>, Value) {
    let asked = server.asked();
    let limits: Vec<Value> = asked.iter().map(|a| a.body["max_tokens"].clone()).collect();
    let load = limits.len() - 40;
    (limits[..load].to_vec(), limits[load].clone())
}

#[test]
fn a_proof_asks_for_few_tokens() {
    let server = Server::new(|_, asked| completion(asked));
    let more = "request.params.max_tokens=1000";
    server.run().set(more).run().ran();
    assert_eq!(limits(&server), (vec![json!(8); 3], json!(1000)));
}

#[test]
fn a_proof_asks_for_the_whole_answer_where_a_rule_needs_it() {
    let server = Server::new(|_, asked| completion(asked));
    let rule = "verify.every_response=[{at: usage.completion_tokens, equals: 100}]";
    let more = "request.params.max_tokens=100";
    server.run().set(more).set(rule).run().ran();
    assert_eq!(limits(&server), (vec![json!(100); 3], json!(100)));
}

#[test]
fn a_server_that_refuses_max_tokens_is_asked_without() {
    let server = Server::new(|_, asked| match asked.body.get("max_tokens") {
        Some(_) => refusal(400, "Unrecognized request argument supplied: max_tokens"),
        None => completion(asked),
    });
    let external = format!("{{external: {{url: 'http://127.0.0.1:{}'}}}}", server.port);
    let text = scenario("", LOAD)
        .replace("{sim: {}}", &external)
        .replace("params: {max_tokens: 8, temperature: 0}", "stream: false");
    bench("run").file("run.yaml", &text).run().ran();
    let (proofs, _) = limits(&server);
    assert_eq!(proofs, [json!(8), json!(null), json!(null), json!(null)]);
}

#[test]
fn a_server_that_dies_under_load_is_given_up_and_asked_seldom_until_then() {
    let server = Server::new(|n, asked| match n {
        0..10 => completion(asked),
        _ => refusal(503, "overloaded"),
    });
    let load = "load={give_up_after: 1s, phases: [{closed: {concurrency: 2, duration: 60s}}, {open: {rate: 5/s, requests: 5}}]}";
    let done = server
        .run()
        .set(load)
        .run()
        .code(1)
        .says("closed: given up: no request succeeded for 1.")
        .says("overload 503: overloaded; not driven: open");
    let run = done.run();
    let checks = run["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["name"] == "load: requests succeed (`load.give_up_after`)");
    let check = check.unwrap();
    assert_eq!(
        (&check["scope"], &check["passed"]),
        (&json!("default/closed"), &json!(false))
    );
    let phases = run["variants"][0]["phases"].as_array().unwrap();
    assert_eq!(phases.len(), 1, "the next phase was not begun");
    let counts = &phases[0]["counts"];
    assert_eq!(counts["succeeded"], 7, "three proved it");
    assert!(counts["sent"].as_u64().unwrap() < 60, "{counts}");
    assert!(
        phases[0]["client"]["backed_off"].as_u64() > Some(0),
        "{phases:?}"
    );
    let codes: Vec<&Value> = run["quality"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| &finding["code"])
        .collect();
    assert!(codes.contains(&&json!("backed_off")), "{codes:?}");
}

#[test]
fn a_server_that_recovers_is_not_given_up_where_the_scenario_says_never() {
    let server = Server::new(|n, asked| match n {
        5..12 => refusal(503, "overloaded"),
        _ => completion(asked),
    });
    let load = "load={give_up_after: never, phases: [{closed: {concurrency: 1, requests: 40}}]}";
    let done = server.run().set(load).run().code(1);
    let counts = done.run()["variants"][0]["phases"][0]["counts"].clone();
    assert_eq!(
        (&counts["sent"], &counts["failed"]),
        (&json!(40), &json!(7))
    );
}
