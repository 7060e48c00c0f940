//! Tests with files in the documented formats: several results in one file, vLLM's client in Rust, SGLang, genai-perf
//! and inference-perf.

use crate::import::tests::{VLLM, near, of};
use crate::import::*;
use crate::metric::{Statistic, Timing};

const APPENDED: &str = include_str!("../fixtures/vllm-append.json");
const RUST: &str = include_str!("../fixtures/vllm-rust.json");
const SGLANG: &str = include_str!("../fixtures/sglang.jsonl");
const GENAI_PERF: &str = include_str!("../fixtures/genai-perf.json");
const INFERENCE_PERF: &str = include_str!("../fixtures/inference-perf.json");

fn all(text: &str) -> Vec<Run> {
    import("x.json", text, None, jiff::Timestamp::UNIX_EPOCH).expect("results")
}

fn refused(text: &str) -> String {
    import("x.json", text, None, jiff::Timestamp::UNIX_EPOCH)
        .expect_err("refused")
        .to_string()
}

fn only(runs: &[Run], n: usize) -> &PhaseRecord {
    &runs[n].variants[0].phases[0]
}

fn printed(text: &str, key: &str) -> f64 {
    let file: Value = serde_json::from_str(text).expect("JSON");
    file[key].as_f64().expect("a number")
}

#[track_caller]
fn spread(found: Option<&Distribution>, wanted: [f64; 7], count: u64) {
    let found = found.expect("known");
    let all = [
        found[Statistic::Mean],
        found[Statistic::Min],
        found[Statistic::P50],
        found[Statistic::P90],
        found[Statistic::P95],
        found[Statistic::P99],
        found[Statistic::Max],
    ];
    for (found, wanted) in all.into_iter().zip(wanted) {
        if wanted.is_nan() {
            assert!(found.is_nan(), "{all:?}");
        } else {
            near(found, wanted);
        }
    }
    assert_eq!((found.count, found.exact), (count, false));
}

const ABSENT: f64 = f64::NAN;

#[test]
fn every_appended_result_is_a_record() {
    let runs = all(APPENDED);
    let names: Vec<&str> = (0..runs.len())
        .map(|n| only(&runs, n).name.as_str())
        .collect();
    assert_eq!(names, ["concurrency-3", "rate-8"]);
    assert_eq!(runs[1].scenario.path, "result 2 of x.json");
    let first = APPENDED.lines().next().expect("a line");
    near(
        only(&runs, 0).metrics.times[Timing::Tpot]
            .as_ref()
            .expect("known")[Statistic::Mean],
        printed(first, "mean_tpot_ms"),
    );
    // The separator between results does not matter.
    let joined = APPENDED.replace('\n', "");
    assert_eq!(all(&joined).len(), 2);
    let one = serde_json::to_string_pretty(&serde_json::from_str::<Value>(VLLM).expect("JSON"));
    assert_eq!(all(&one.expect("JSON").repeat(3)).len(), 3);
    // A result of another tool or of none, or a cut one, prevents the whole import.
    let said = refused(&format!("{APPENDED}\n{{}}"));
    assert!(
        said.contains("result 3 of x.json is not a supported result"),
        "{said}"
    );
    let said = refused(&APPENDED[..APPENDED.len() - 5]);
    assert!(said.contains("result 2"), "{said}");
    let wanted = import(
        "x.json",
        APPENDED,
        Some(Tool::Sglang),
        jiff::Timestamp::UNIX_EPOCH,
    );
    let said = wanted.expect_err("refused").to_string();
    assert!(said.contains("result 1 of x.json is a result of vllm bench serve, not of sglang"));
}

#[test]
fn the_steady_state_of_the_client_in_rust_is_a_phase() {
    let runs = all(RUST);
    let phases = &runs[0].variants[0].phases;
    assert_eq!(phases.len(), 2);
    let m = &phases[0].metrics;
    assert_eq!(m.times[Timing::Ttft], None);
    near(
        m.times[Timing::FirstChunk].as_ref().expect("known")[Statistic::P99],
        printed(RUST, "p99_ttft_ms"),
    );
    near(
        m.times[Timing::E2e].as_ref().expect("known")[Statistic::Mean],
        printed(RUST, "mean_e2el_ms"),
    );
    assert_eq!(
        m.times[Timing::ChunkGap],
        None,
        "of how many gaps is not known"
    );
    let steady = &phases[1];
    assert_eq!(steady.name, "concurrency-3-steady");
    assert_eq!((steady.counts.sent, steady.counts.failed), (10, 0));
    near(steady.window_ms, 300.0);
    near(steady.metrics.requests_per_s.expect("known"), 10.0 / 0.3);
    near(steady.metrics.output_tokens_per_s.expect("known"), 560.0);
    let first = steady.metrics.times[Timing::FirstChunk].as_ref();
    spread(first, [17.5, ABSENT, 16.5, 24.0, ABSENT, 25.0, ABSENT], 9);
    let tpot = steady.metrics.times[Timing::Tpot].as_ref();
    spread(tpot, [4.3, ABSENT, 4.2, 4.8, ABSENT, 5.0, ABSENT], 9);
    let steady_note = |run: &Run| {
        let mut findings = run.quality.findings.iter();
        findings.any(|finding| finding.detail.contains("-steady"))
    };
    assert!(steady_note(&runs[0]) && !steady_note(&all(VLLM)[0]));
    // Without a window, as with an open loop.
    let mut file: Value = serde_json::from_str(RUST).expect("JSON");
    file["steady_state"] = Value::Null;
    assert_eq!(all(&file.to_string())[0].variants[0].phases.len(), 1);
}

#[test]
fn conversations_of_the_client_in_rust_are_named() {
    let mut file: Value = serde_json::from_str(RUST).expect("JSON");
    let map = file.as_object_mut().expect("a map");
    for key in [
        "request_rate",
        "max_concurrency",
        "steady_state",
        "num_prompts",
    ] {
        map.remove(key);
    }
    map.insert("mode".to_owned(), json!("multi_turn"));
    map.insert("multi_turn_concurrency".to_owned(), json!(4));
    let phase = of(&file.to_string());
    assert_eq!(
        (phase.name.as_str(), phase.counts.sent),
        ("conversations-4", 12)
    );
}

#[test]
fn results_of_sglang_are_imported() {
    let runs = all(SGLANG);
    assert_eq!(runs.len(), 2);
    let phase = only(&runs, 0);
    assert_eq!(
        (phase.name.as_str(), only(&runs, 1).name.as_str()),
        ("concurrency-16", "concurrency-32")
    );
    assert_eq!((phase.counts.sent, phase.counts.failed), (100, 0));
    let m = &phase.metrics;
    spread(
        m.times[Timing::Ttft].as_ref(),
        [100.0, ABSENT, 95.0, ABSENT, ABSENT, 140.0, ABSENT],
        100,
    );
    spread(
        m.times[Timing::Tpot].as_ref(),
        [6.0, ABSENT, 6.0, ABSENT, ABSENT, 7.0, ABSENT],
        100,
    );
    spread(
        m.times[Timing::E2e].as_ref(),
        [900.0, ABSENT, 890.0, 910.0, ABSENT, 950.0, ABSENT],
        100,
    );
    assert_eq!(
        (
            m.times[Timing::ChunkGap].as_ref(),
            m.times[Timing::FirstChunk].as_ref()
        ),
        (None, None)
    );
    near(m.requests_per_s.expect("known"), 10.0);
    near(m.output_tokens_per_s.expect("known"), 1280.0);
    near(phase.window_ms, 10_000.0);
    assert_eq!(runs[0].variants[0].engine.model, "unknown");
    let note = |run: &Run| {
        let mut findings = run.quality.findings.iter();
        findings.any(|f| {
            f.detail
                .contains("the file does not contain failed requests")
        })
    };
    assert!(note(&runs[0]));
    // With `--output-details`.
    let line = SGLANG
        .lines()
        .next()
        .expect("a line")
        .replace("Infinity", "\"inf\"");
    let mut file: Value = serde_json::from_str(&line).expect("JSON");
    file["completed"] = json!(3);
    file["ttfts"] = json!([0.3, 0.0, 0.1, 0.2]);
    file["errors"] = json!(["", "Traceback", "", ""]);
    let runs = all(&file.to_string());
    let phase = only(&runs, 0);
    assert_eq!((phase.counts.sent, phase.counts.failed), (4, 1));
    let ttft = phase.metrics.times[Timing::Ttft].as_ref().expect("known");
    assert_eq!((ttft.count, ttft.exact), (3, true));
    near(ttft[Statistic::P50], 200.0);
    near(ttft[Statistic::Max], 300.0);
    assert!(!note(&runs[0]));
}

#[test]
fn results_of_genai_perf_are_imported() {
    let run = &all(GENAI_PERF)[0];
    let phase = &run.variants[0].phases[0];
    assert_eq!(
        (phase.name.as_str(), run.variants[0].engine.model.as_str()),
        ("concurrency-16", "m")
    );
    assert_eq!((phase.counts.sent, phase.counts.failed), (100, 0));
    let m = &phase.metrics;
    spread(
        m.times[Timing::Ttft].as_ref(),
        [100.0, 80.0, 95.0, 120.0, 130.0, 140.0, 150.0],
        100,
    );
    spread(
        m.times[Timing::Tpot].as_ref(),
        [6.0, 5.0, 6.0, 7.0, 7.0, 7.0, 8.0],
        100,
    );
    spread(
        m.times[Timing::E2e].as_ref(),
        [900.0, 800.0, 890.0, 910.0, 930.0, 950.0, 960.0],
        100,
    );
    assert_eq!(
        (
            m.times[Timing::ChunkGap].as_ref(),
            m.times[Timing::Ntpot].as_ref(),
            m.goodput
        ),
        (None, None, None)
    );
    near(m.requests_per_s.expect("known"), 10.5);
    near(m.output_tokens_per_s.expect("known"), 1280.0);
    near(phase.window_ms, 100.0 / 10.5 * 1e3);
    let mut file: Value = serde_json::from_str(GENAI_PERF).expect("JSON");
    file["request_goodput"] = json!({"unit": "requests/sec", "avg": 5.25});
    file["input_config"] =
        json!({"model": ["n"], "perf_analyzer": {"stimulus": {"request_rate": 5}}});
    for metric in ["request_latency", "time_to_first_token"] {
        file[metric]["unit"] = json!("us");
    }
    let runs = all(&file.to_string());
    let phase = only(&runs, 0);
    assert_eq!(
        (
            phase.name.as_str(),
            runs[0].variants[0].engine.model.as_str()
        ),
        ("rate-5", "n")
    );
    near(phase.metrics.goodput.expect("known").share, 0.5);
    near(
        phase.metrics.times[Timing::E2e].as_ref().expect("known")[Statistic::Mean],
        0.9,
    );
    // A metric with an unknown unit is absent.
    file["inter_token_latency"]["unit"] = json!("fortnights");
    assert_eq!(
        only(&all(&file.to_string()), 0).metrics.times[Timing::Tpot],
        None
    );
    file["request_count"]["avg"] = json!(0);
    assert!(refused(&file.to_string()).contains("no finished benchmark"));
}

#[test]
fn results_of_inference_perf_are_imported() {
    let run = &all(INFERENCE_PERF)[0];
    let phase = &run.variants[0].phases[0];
    assert_eq!(phase.name, "summary");
    assert_eq!(
        (
            phase.counts.sent,
            phase.counts.succeeded,
            phase.errors["unknown"]
        ),
        (100, 99, 1)
    );
    let m = &phase.metrics;
    spread(
        m.times[Timing::Ttft].as_ref(),
        [100.0, 80.0, 95.0, 120.0, 130.0, 140.0, 150.0],
        99,
    );
    spread(
        m.times[Timing::Tpot].as_ref(),
        [6.0, 5.0, 6.0, 7.0, 7.0, 7.0, 8.0],
        99,
    );
    spread(
        m.times[Timing::E2e].as_ref(),
        [900.0, 800.0, 890.0, 910.0, 930.0, 950.0, 960.0],
        99,
    );
    assert_eq!(
        (
            m.times[Timing::ChunkGap].as_ref(),
            m.times[Timing::Ntpot].as_ref()
        ),
        (None, None)
    );
    near(m.requests_per_s.expect("known"), 10.0);
    near(m.output_tokens_per_s.expect("known"), 1280.0);
    near(phase.window_ms, 9_900.0);
    let mut file: Value = serde_json::from_str(INFERENCE_PERF).expect("JSON");
    file["load_summary"]["requested_rate"] = json!(2.5);
    file["successes"]["latency"]["time_to_first_token"] = Value::Null;
    file["successes"]["latency"]["normalized_time_per_output_token"] =
        json!({"mean": 0.007, "median": 0.0065});
    let runs = all(&file.to_string());
    let phase = only(&runs, 0);
    assert_eq!(
        (
            phase.name.as_str(),
            phase.metrics.times[Timing::Ttft].as_ref()
        ),
        ("rate-2.5", None)
    );
    let ntpot = phase.metrics.times[Timing::Ntpot].as_ref();
    spread(
        ntpot,
        [7.0, ABSENT, 6.5, ABSENT, ABSENT, ABSENT, ABSENT],
        99,
    );
    file["successes"] = json!({"count": 0, "latency": {}, "throughput": {"requests_per_sec": 0.0}});
    assert!(
        refused(&file.to_string())
            .contains("is a result of inference-perf, but has no finished benchmark")
    );
}

#[test]
fn unsupported_results_are_rejected_with_a_list_of_supported_ones() {
    for text in [
        "{}",
        "[]",
        "3",
        "{",
        "",
        "a,b\n1,2\n",
        r#"{"duration": 1.0, "completed": 3}"#,
        r#"{"input_config": {"loadgen": {}}, "request_latency": {"unit": "ms", "avg": 1.0}}"#,
    ] {
        let said = refused(text);
        for tool in [
            "vllm bench serve",
            "sglang",
            "aiperf",
            "genai-perf",
            "guidellm",
            "inference-perf",
        ] {
            assert!(said.contains(tool), "{text}: {said}");
        }
    }
    for hostile in [
        r#"{"duration": "x", "completed": -1, "mean_e2e_latency_ms": []}"#,
        r#"{"load_summary": 1, "successes": {"count": 1e300}, "failures": null}"#,
        r#"{"input_config": [], "request_latency": {"avg": {}}, "request_count": {"avg": 1e308}}"#,
        r#"{"duration": 1, "completed": 1, "model_id": "m", "steady_state": {"window": {"duration_s": -1}}}"#,
    ] {
        let _ = import("x.json", hostile, None, jiff::Timestamp::UNIX_EPOCH);
    }
}
