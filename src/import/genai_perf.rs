//! Imports genai-perf's `profile_export_genai_perf.json`. Its inter-token latency, (latency - TTFT) / (tokens - 1), is
//! our TPOT. It ignores chunks without text, so its TTFT is our time to the first text.

use super::{Imported, counts, goodput, phase, scale, summary, text, whole};
use crate::metric::Timing;
use crate::record::model::{Distribution, PhaseRecord};
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let average = |name: &str| file.get(name)?.get("avg")?.as_f64();
    let count = whole(&file["request_count"]["avg"]).filter(|count| *count > 0)?;
    let rate = average("request_throughput").filter(|rate| *rate > 0.0)?;
    // genai-perf divides by the time from the first request to the last answer, as we do, but does not write that time.
    let seconds = count as f64 / rate;
    let (counts, errors) = counts(count, 0);
    let config = &file["input_config"];
    let mut record = PhaseRecord {
        window_ms: seconds * 1e3,
        errors,
        ..phase(name(config))
    };
    let spread = |name: &str| distribution(file.get(name)?, count);
    let metrics = &mut record.metrics;
    metrics.times[Timing::Ttft] = spread("time_to_first_token");
    metrics.times[Timing::Tpot] = spread("inter_token_latency");
    metrics.times[Timing::E2e] = spread("request_latency");
    metrics.requests_per_s = Some(rate);
    metrics.output_tokens_per_s = average("output_token_throughput");
    let good = average("request_goodput").map(|good| (good * seconds).round());
    metrics.goodput = good.and_then(|good| goodput(good, &counts, seconds));
    record.counts = counts;
    let first = |names: &Value| text(names.get(0).unwrap_or(names));
    Some(Imported {
        version: None,
        model: first(&config["model_names"]).or(first(&config["model"])),
        started: None,
        settings: json!({"input_config": config}),
        phases: vec![record],
        notes: vec![
            "the file does not contain failed requests: there may have been some",
            "end-to-end latency ends at the last chunk with text, ours at the last byte",
            "output tokens are counted by the client's tokenizer",
            "percentiles are interpolated, ours are nearest-rank",
            "times are taken when the client reads, ours when the kernel receives",
        ],
    })
}

/// Name of the phase: `concurrency-16` or `rate-5`. The location of the setting depends on the version.
fn name(config: &Value) -> String {
    let places = [
        config,
        &config["perf_analyzer"]["stimulus"],
        &config["perf_analyzer"],
    ];
    let level = |key: &str| places.iter().find_map(|place| place.get(key)?.as_f64());
    match (level("concurrency"), level("request_rate")) {
        (Some(n), _) => format!("concurrency-{n}"),
        (None, Some(rate)) => format!("rate-{rate}"),
        (None, None) => "profile".to_owned(),
    }
}

fn distribution(metric: &Value, count: u64) -> Option<Distribution> {
    let get = |key: &str| {
        metric
            .get(if key == "mean" { "avg" } else { key })?
            .as_f64()
    };
    summary(count, scale(&metric["unit"])?, get)
}
