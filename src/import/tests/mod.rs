//! Tests with files that the tools wrote against the embedded engine: vLLM 0.31, aiperf 0.13.0, guidellm 0.8.1.

mod by_hand;
mod further_tools;

use super::*;
use crate::metric::{Statistic, Timing};

pub(super) const VLLM: &str = include_str!("../fixtures/vllm-bench.json");
pub(super) const AIPERF: &str = include_str!("../fixtures/aiperf.json");
pub(super) const GUIDELLM: &str = include_str!("../fixtures/guidellm.json");

fn imported(text: &str) -> Run {
    let mut runs = all(text);
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

fn all(text: &str) -> Vec<Run> {
    import("result.json", text, None, jiff::Timestamp::UNIX_EPOCH).expect("a result")
}

pub(super) fn of(text: &str) -> PhaseRecord {
    imported(text).variants.remove(0).phases.remove(0)
}

#[track_caller]
pub(super) fn near(found: f64, wanted: f64) {
    assert!(
        (found - wanted).abs() <= wanted.abs() * 1e-9,
        "{found} is not {wanted}"
    );
}

#[test]
fn results_of_vllm_bench_serve_are_imported() {
    let phase = of(VLLM);
    let file: Value = serde_json::from_str(VLLM).expect("JSON");
    let printed = |key: &str| file[key].as_f64().expect("a number");
    let m = &phase.metrics;
    assert_eq!(
        (phase.name.as_str(), phase.counts.succeeded),
        ("concurrency-3", 12)
    );
    assert_eq!(
        m.times[Timing::Ttft],
        None,
        "its TTFT is of the first chunk, empty or not"
    );
    let first = m.times[Timing::FirstChunk].as_ref().expect("known");
    near(first[Statistic::Mean], printed("mean_ttft_ms"));
    near(
        m.times[Timing::Tpot].as_ref().expect("known")[Statistic::Mean],
        printed("mean_tpot_ms"),
    );
    near(
        m.times[Timing::ChunkGap].as_ref().expect("known")[Statistic::Mean],
        printed("mean_itl_ms"),
    );
    let e2e = m.times[Timing::E2e].as_ref().expect("known");
    assert!(
        (e2e[Statistic::Mean] - printed("mean_e2el_ms")).abs() < 1e-6,
        "{}",
        e2e[Statistic::Mean]
    );
    assert_eq!(
        (
            m.times[Timing::ChunkGap].as_ref().expect("known").count,
            e2e.exact
        ),
        (180, true)
    );
    // The sixth smallest of twelve, in seconds: nearest rank. numpy would interpolate between two values.
    near(first[Statistic::P50], 16.456286000902764);
    near(first[Statistic::Max], 25.09238099992217);
    near(
        m.requests_per_s.expect("known"),
        printed("request_throughput"),
    );
    near(
        m.output_tokens_per_s.expect("known"),
        printed("output_throughput"),
    );
    near(phase.window_ms, 342.06165300020075);
    assert_eq!(m.goodput.expect("known").share, 1.0);
}

#[test]
fn vllm_without_details_has_only_the_printed_statistics() {
    let mut file: Value = serde_json::from_str(VLLM).expect("JSON");
    let map = file.as_object_mut().expect("a map");
    for key in [
        "ttfts",
        "itls",
        "errors",
        "generated_texts",
        "input_lens",
        "output_lens",
        "p90_ttft_ms",
        "p95_ttft_ms",
        "p50_ttft_ms",
    ] {
        map.remove(key);
    }
    let phase = of(&file.to_string());
    let first = phase.metrics.times[Timing::FirstChunk]
        .as_ref()
        .expect("known");
    near(first[Statistic::P50], 17.217830500158016);
    near(first[Statistic::P99], 25.06932279986359);
    assert!(first[Statistic::Min].is_nan() && first[Statistic::P95].is_nan() && !first.exact);
    assert_eq!(
        phase.metrics.times[Timing::ChunkGap],
        None,
        "of how many gaps is not known"
    );
    let text = serde_json::to_string(&phase).expect("written");
    assert!(text.contains("\"p95\":null"), "{text}");
    let back: PhaseRecord = serde_json::from_str(&text).expect("read");
    assert!(
        back.metrics.times[Timing::FirstChunk]
            .as_ref()
            .expect("known")[Statistic::P95]
            .is_nan()
    );
}

#[test]
fn results_of_aiperf_are_imported() {
    let run = imported(AIPERF);
    let phase = &run.variants[0].phases[0];
    let m = &phase.metrics;
    assert_eq!(run.variants[0].engine.versions["aiperf"], "0.13.0");
    assert_eq!(run.variants[0].engine.model, "sim");
    assert_eq!((phase.counts.sent, phase.counts.failed), (12, 0));
    let ttft = m.times[Timing::Ttft].as_ref().expect("known");
    near(ttft[Statistic::Mean], 66.69934466666666);
    near(ttft[Statistic::P99], 108.06632699000001);
    near(
        m.times[Timing::Tpot].as_ref().expect("known")[Statistic::P50],
        3.8428614333333333,
    );
    assert_eq!(
        m.times[Timing::ChunkGap].as_ref().expect("known").count,
        180
    );
    near(
        m.times[Timing::E2e].as_ref().expect("known")[Statistic::Max],
        215.679104,
    );
    near(phase.window_ms, 831.0968320000001);
    // 12 requests and 192 tokens in 0.831 s; aiperf itself prints 13.78 and 220.5, over the whole phase of 0.871 s.
    near(m.requests_per_s.expect("known"), 12.0 / 0.8310968320000001);
    near(
        m.output_tokens_per_s.expect("known"),
        192.0 / 0.8310968320000001,
    );
    assert_eq!(m.goodput.expect("known").share, 1.0);
    assert_eq!(m.times[Timing::FirstChunk], None);
}

#[test]
fn results_of_guidellm_are_imported() {
    let run = imported(GUIDELLM);
    let phase = &run.variants[0].phases[0];
    let m = &phase.metrics;
    assert_eq!(
        (phase.name.as_str(), run.variants[0].engine.model.as_str()),
        ("concurrent-3", "sim")
    );
    assert_eq!(run.variants[0].engine.versions["guidellm"], "0.8.1");
    near(
        m.times[Timing::Ttft].as_ref().expect("known")[Statistic::Mean],
        16.185879707336426,
    );
    let tpot = m.times[Timing::Tpot].as_ref().expect("its ITL");
    near(tpot[Statistic::Mean], 4.069481955634223);
    assert_eq!(tpot.count, 180, "weighted by token");
    near(
        m.times[Timing::Ntpot].as_ref().expect("its TPOT")[Statistic::P50],
        4.862308502197266,
    );
    near(
        m.times[Timing::E2e].as_ref().expect("known")[Statistic::P95],
        87.91136741638184,
    );
    near(m.requests_per_s.expect("known"), 33.899848859984);
    near(m.output_tokens_per_s.expect("known"), 542.397581759744);
    assert_eq!((m.goodput, &m.times[Timing::ChunkGap]), (None, &None));
}

#[test]
fn failures_are_always_counted() {
    let mut file: Value = serde_json::from_str(AIPERF).expect("JSON");
    file["error_request_count"] = json!({"unit": "requests", "avg": 4.0});
    let phase = of(&file.to_string());
    assert_eq!((phase.counts.sent, phase.counts.failed), (16, 4));
    assert_eq!(phase.errors["unknown"], 4);
    assert_eq!(phase.metrics.goodput.expect("known").share, 0.75);
    let mut file: Value = serde_json::from_str(VLLM).expect("JSON");
    file["completed"] = json!(11);
    file["failed"] = json!(1);
    file["errors"][0] = json!("Traceback");
    let phase = of(&file.to_string());
    assert_eq!(phase.counts.failed, 1);
    assert_eq!(
        phase.metrics.times[Timing::FirstChunk]
            .as_ref()
            .expect("known")
            .count,
        11
    );
}

#[test]
fn other_files_are_rejected_with_a_clear_message() {
    let says = |text: &str, tool| {
        import("x.json", text, tool, jiff::Timestamp::UNIX_EPOCH)
            .expect_err("refused")
            .to_string()
    };
    assert!(says("{", None).contains("is not JSON"));
    assert!(says("{}", None).contains("is not a supported result"));
    assert!(
        says(AIPERF, Some(Tool::Vllm)).contains("is a result of aiperf, not of vllm bench serve")
    );
    let empty = r#"{"metadata": {"guidellm_version": "0.8.1"}, "benchmarks": []}"#;
    assert!(says(empty, None).contains("no finished benchmark"));
    for hostile in [
        "[]",
        "null",
        "3",
        r#"{"aiperf_version": 1}"#,
        r#"{"model_id": [], "duration": "x", "completed": -1}"#,
    ] {
        says(hostile, None);
    }
}
