//! The timing model, by lower bounds only: a noisy machine may be late, never early.

use super::Server;
use serde_json::json;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

fn ask(tokens: u32) -> String {
    json!({
        "model": "m", "prompt": "one two three four five six seven eight nine ten", "max_tokens": tokens, "ignore_eos": true,
        "nvext": {"extra_fields": ["timing"]},
    })
    .to_string()
}

#[test]
fn prefill_and_steps_take_their_time() {
    let server = Server::start(
        "--flavour dynamo --prefill-tokens-per-s 100 --step 5ms --step-per-sequence 1ms",
    );
    let begin = Instant::now();
    let timing = server.complete(&ask(4)).json()["nvext"]["timing"].clone();
    assert!(
        begin.elapsed() >= Duration::from_millis(124),
        "{:?}",
        begin.elapsed()
    );
    let ms = |key: &str| timing[key].as_f64().expect("a time");
    assert!(ms("prefill_time_ms") >= 106.0 - 1e-6, "{timing}");
    assert!(ms("total_time_ms") >= 124.0 - 1e-6, "{timing}");
}

#[test]
fn a_full_engine_makes_requests_wait() {
    let server = Server::start("--flavour dynamo --slots 1 --step 20ms");
    let waits: Vec<f64> = thread::scope(|scope| {
        let call =
            || server.complete(&ask(15)).json()["nvext"]["timing"]["prefill_wait_time_ms"].as_f64();
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(call)).collect();
        let wait = |call: thread::ScopedJoinHandle<Option<f64>>| {
            call.join().expect("an answer").expect("a time")
        };
        calls.into_iter().map(wait).collect()
    });
    // Each runs for 300 ms; how late the others came is not ours to say.
    assert!(waits.iter().any(|wait| *wait > 0.0), "{waits:?}");
}

#[test]
fn a_client_that_leaves_frees_its_slot() {
    for stream in [true, false] {
        let server = Server::start("--slots 1 --step 2ms --max-model-len 1000000");
        let body = json!({"model": "m", "prompt": "Hi", "max_tokens": 900_000, "ignore_eos": true, "stream": stream});
        let mut endless = server.send("POST", "/v1/completions", &body.to_string());
        if stream {
            endless.read_exact(&mut [0; 64]).expect("a first token");
        } else {
            thread::sleep(Duration::from_millis(20));
        }
        drop(endless);
        assert_eq!(server.complete(&ask(2)).status, 200);
    }
}
