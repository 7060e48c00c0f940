//! Planted slowness is named by the part that has it.

use crate::support::bench;
use serde_json::Value;

const PLANTED: &str = r#"
version: 1
name: planted
model: {id: sim}
prompts: {inline: ["The capital of France is a long way from here", "The future of AI is not yet known to us"]}
request: {params: {max_tokens: 12, ignore_eos: true}}
load:
  warmup: {requests: 2}
  phases: [{closed: {concurrency: 3, requests: 30}}]
variants:
  base: {engine: {sim: {}}}
  frontend: {engine: {sim: {frontend_delay: 200ms}}}
  dynamo-frontend: {engine: {sim: {flavour: dynamo, frontend_delay: 200ms}}}
  prefill: {engine: {sim: {slots: 3, prefill_tokens_per_s: 50}}}
  queue: {engine: {sim: {slots: 1}}}
  decode: {engine: {sim: {step: 40ms}}}
compare: {baseline: base}
"#;

fn split<'a>(run: &'a Value, variant: &str, name: &str) -> &'a Value {
    let all = run["decompositions"].as_array().unwrap();
    let of = all.iter().find(|d| d["variant"] == variant).unwrap();
    assert!(of.get("notes").is_none(), "{of}");
    let splits = of["splits"].as_array().unwrap();
    splits.iter().find(|split| split["name"] == name).unwrap()
}

#[test]
fn planted_slowness_is_named() {
    let done = bench("run")
        .file("planted.yaml", PLANTED)
        .run()
        .says("latency breakdown: phase closed, queue compared with base")
        .leaves_nothing(5);
    let run = done.run();
    for (variant, name, part) in [
        ("frontend", "first token", "frontend"),
        ("dynamo-frontend", "first token", "frontend"),
        ("prefill", "first token", "prefill"),
        ("queue", "first token", "queue"),
        ("decode", "stream", "decode"),
    ] {
        let split = split(&run, variant, name);
        assert_eq!(split["blamed"], part, "{variant}: {split:#}");
        let difference = split["difference_ms"].as_f64().unwrap();
        let unexplained = split["unexplained_ms"].as_f64().unwrap();
        assert!(unexplained.abs() <= 0.05 * difference.abs(), "{split:#}");
    }
    let phase = &run["variants"][2]["phases"][1];
    let server = &phase["server"];
    // Warm-up hands over with its last requests in flight, and the server can't tell them apart.
    let seen = server["times"]["frontend_ttft"]["count"].as_u64().unwrap();
    assert!((30..=32).contains(&seen), "{server:#}");
    let tokens = server["counters"]["output_tokens"].as_f64().unwrap();
    assert!((360.0..=384.0).contains(&tokens), "{server:#}");
    assert!(server["times"]["frontend_ttft"]["mean"].as_f64().unwrap() >= 200.0);
    let rows = std::fs::read_to_string(done.dir().join("server.jsonl")).unwrap();
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert!(row["gauges"]["running"].is_f64(), "{row}");
}
