//! Recomputes every imported figure from the tools' data on each request of the same runs (vLLM in the result itself,
//! aiperf in `profile_export.jsonl`, guidellm in `benchmarks[].requests`), with the tool's own definition.

use crate::import::tests::{AIPERF, GUIDELLM, VLLM, near, of};
use crate::measure::distribution::Distribution;
use crate::metric::{Statistic, Timing};
use serde_json::Value;

const REQUESTS: &str = include_str!("../fixtures/requests.json");

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Computes a figure of a request from its fields.
type Figure = fn(&dyn Fn(&str) -> f64) -> f64;

/// One figure for each request of a tool.
fn each(tool: &str, figure: Figure) -> Vec<f64> {
    let requests = json(REQUESTS)[tool].take();
    let requests = requests.as_array().expect("requests");
    let of = |request: &Value| figure(&|key| request[key].as_f64().expect("a number"));
    requests.iter().map(of).collect()
}

fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().expect("numbers").iter();
    list.map(|n| n.as_f64().expect("a number")).collect()
}

/// Percentile with interpolation, as numpy's `percentile` computes it.
fn interpolated(sorted: &[f64], percent: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * percent / 100.0;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    low + (high - low) * place.fract()
}

/// Percentile as guidellm computes it: the first value beyond the share, or the next one for a whole rank.
fn beyond(sorted: &[f64], percent: f64) -> f64 {
    let rank = sorted.len() as f64 * percent / 100.0;
    sorted[(rank + 1e-9).floor() as usize]
}

/// Nearest-rank percentile, our definition: the smallest value that is not exceeded by `percent` of all values.
fn nearest(sorted: &[f64], percent: f64) -> f64 {
    let rank = sorted.len() as f64 * percent / 100.0;
    sorted[(rank - 1e-9).ceil() as usize - 1]
}

#[track_caller]
fn all(found: Option<&Distribution>, mut values: Vec<f64>, percentile: fn(&[f64], f64) -> f64) {
    let found = found.expect("known");
    values.sort_by(f64::total_cmp);
    assert_eq!(found.count, values.len() as u64);
    near(
        found[Statistic::Mean],
        values.iter().sum::<f64>() / values.len() as f64,
    );
    near(found[Statistic::Min], values[0]);
    near(found[Statistic::Max], values[values.len() - 1]);
    for (found, percent) in [
        (found[Statistic::P50], 50.0),
        (found[Statistic::P90], 90.0),
        (found[Statistic::P95], 95.0),
        (found[Statistic::P99], 99.0),
    ] {
        near(found, percentile(&values, percent));
    }
}

/// TTFT: start to the first chunk with `choices`. End to end: TTFT and all gaps. TPOT: all gaps / (tokens - 1).
#[test]
fn figures_of_vllm_bench_serve_can_be_recomputed() {
    let (file, phase) = (json(VLLM), of(VLLM));
    let metrics = &phase.metrics;
    let ttfts = numbers(&file["ttfts"]);
    let itls: Vec<Vec<f64>> = file["itls"]
        .as_array()
        .expect("lists")
        .iter()
        .map(numbers)
        .collect();
    let tokens = numbers(&file["output_lens"]);
    let ms = |seconds: f64| seconds * 1e3;
    let sums = || itls.iter().map(|gaps| gaps.iter().sum::<f64>());
    let e2e = ttfts
        .iter()
        .zip(sums())
        .map(|(first, rest)| ms(first + rest));
    let tpot = sums().zip(&tokens).map(|(rest, n)| ms(rest / (n - 1.0)));
    all(metrics.times[Timing::E2e].as_ref(), e2e.collect(), nearest);
    all(
        metrics.times[Timing::Tpot].as_ref(),
        tpot.collect(),
        nearest,
    );
    all(
        metrics.times[Timing::FirstChunk].as_ref(),
        ttfts.iter().copied().map(ms).collect(),
        nearest,
    );
    all(
        metrics.times[Timing::ChunkGap].as_ref(),
        itls.concat().into_iter().map(ms).collect(),
        nearest,
    );
    // 12 requests of 16 tokens in 0.342 s.
    near(
        metrics.requests_per_s.expect("known"),
        12.0 / 0.34206165300020075,
    );
    near(
        metrics.output_tokens_per_s.expect("known"),
        12.0 * 16.0 / 0.34206165300020075,
    );
    near(
        metrics.goodput.expect("known").requests_per_s,
        12.0 / 0.34206165300020075,
    );
}

/// TTFT: start to the first response with text. Latency: start to the last with text, not to the last byte. ITL:
/// (latency - TTFT) / (tokens - 1). Duration: first start to last response with text.
#[test]
fn figures_of_aiperf_can_be_recomputed() {
    let phase = of(AIPERF);
    let metrics = &phase.metrics;
    let tool = |figure: Figure| each("aiperf", figure);
    all(
        metrics.times[Timing::Ttft].as_ref(),
        tool(|r| r("ttft_ms")),
        interpolated,
    );
    all(
        metrics.times[Timing::E2e].as_ref(),
        tool(|r| r("latency_ms")),
        interpolated,
    );
    let itl = tool(|r| (r("latency_ms") - r("ttft_ms")) / (r("tokens") - 1.0));
    all(metrics.times[Timing::Tpot].as_ref(), itl, interpolated);
    let requests = json(REQUESTS)["aiperf"].take();
    let requests = requests.as_array().expect("requests");
    let gaps = requests.iter().flat_map(|r| numbers(&r["gaps_ms"]));
    all(
        metrics.times[Timing::ChunkGap].as_ref(),
        gaps.collect(),
        interpolated,
    );
    // Nanoseconds since the first request, which a float represents exactly.
    let start = |r: &Value| r["start_ns"].as_u64().expect("a time");
    let first = requests.iter().map(start).min().expect("a request");
    let end = |r: &Value| (start(r) - first) as f64 / 1e6 + r["latency_ms"].as_f64().expect("ms");
    let window = requests.iter().map(end).fold(0.0, f64::max);
    assert!(
        (phase.window_ms - window).abs() < 0.01,
        "{} {window}",
        phase.window_ms
    );
    near(
        metrics.requests_per_s.expect("known"),
        12.0 / (phase.window_ms / 1e3),
    );
    near(
        metrics.output_tokens_per_s.expect("known"),
        192.0 / (phase.window_ms / 1e3),
    );
}

/// Latency: start to the end of the answer. ITL: first to last token / (tokens - 1), counted once per token except the
/// first. TPOT: start to last token / tokens, counted once per token. Duration: first start to last end.
#[test]
fn figures_of_guidellm_can_be_recomputed() {
    let phase = of(GUIDELLM);
    let metrics = &phase.metrics;
    let tool = |figure: Figure| each("guidellm", figure);
    let ttft = tool(|r| (r("first_token_iteration") - r("request_start")) * 1e3);
    all(metrics.times[Timing::Ttft].as_ref(), ttft, beyond);
    let e2e = tool(|r| (r("request_end") - r("request_start")) * 1e3);
    all(metrics.times[Timing::E2e].as_ref(), e2e, beyond);
    // Every request has 16 tokens.
    let weighed = |values: Vec<f64>, n: usize| values.repeat(n);
    let itl = tool(|r| {
        (r("last_token_iteration") - r("first_token_iteration")) * 1e3 / (r("output_tokens") - 1.0)
    });
    all(
        metrics.times[Timing::Tpot].as_ref(),
        weighed(itl, 15),
        beyond,
    );
    let tpot =
        tool(|r| (r("last_token_iteration") - r("request_start")) * 1e3 / r("output_tokens"));
    all(
        metrics.times[Timing::Ntpot].as_ref(),
        weighed(tpot, 16),
        beyond,
    );
    let least = tool(|r| r("request_start"))
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    let most = tool(|r| r("request_end")).into_iter().fold(0.0, f64::max);
    near(phase.window_ms, (most - least) * 1e3);
    near(
        metrics.requests_per_s.expect("known"),
        12.0 / (most - least),
    );
    near(
        metrics.output_tokens_per_s.expect("known"),
        192.0 / (most - least),
    );
}
