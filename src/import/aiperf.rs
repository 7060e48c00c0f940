//! Imports aiperf's `profile_export_aiperf.json`, schema 1.x. Its ITL is our TPOT, and its inter-chunk latency is our
//! chunk gap. Its throughputs divide by the whole phase. Ours divide by the time from the first request to the last
//! answer, which aiperf calls the duration of the benchmark.

use super::{Imported, counts, goodput, phase, scale, summary, text, whole};
use crate::metric::Timing;
use crate::record::model::{Distribution, PhaseRecord};
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let tag = |name: &str| file.get(name)?.get("avg")?.as_f64();
    let seconds = tag("benchmark_duration").filter(|s| *s > 0.0)?;
    let failed = file
        .get("error_request_count")
        .and_then(|t| whole(&t["avg"]));
    let (counts, errors) = counts(whole(&file["request_count"]["avg"])?, failed.unwrap_or(0));
    let spread = |name: &str| distribution(file.get(name)?);
    let mut record = PhaseRecord {
        window_ms: seconds * 1e3,
        errors,
        ..phase("profiling".to_owned())
    };
    let metrics = &mut record.metrics;
    metrics.times[Timing::Ttft] = spread("time_to_first_token");
    metrics.times[Timing::Tpot] = spread("inter_token_latency");
    metrics.times[Timing::ChunkGap] = spread("inter_chunk_latency");
    metrics.times[Timing::E2e] = spread("request_latency");
    metrics.requests_per_s = Some(counts.succeeded as f64 / seconds);
    let tokens = file["output_sequence_length"]["sum"].as_f64();
    metrics.output_tokens_per_s = tokens.map(|tokens| tokens / seconds);
    metrics.goodput = tag("good_request_count").and_then(|good| goodput(good, &counts, seconds));
    record.counts = counts;
    let config = &file["input_config"];
    Some(Imported {
        version: text(&file["aiperf_version"]),
        model: text(&config["models"]["items"][0]["name"]),
        started: text(&file["start_time"]),
        settings: json!({"endpoint": config["endpoint"], "phases": config["phases"], "slos": config["slos"]}),
        phases: vec![record],
        notes: vec![
            "end-to-end latency ends at the last chunk with text, ours at the last byte",
            "percentiles are interpolated, ours are nearest-rank",
            "output tokens are counted by aiperf, by default with its own tokenizer",
            "times are taken when the client reads, ours when the kernel receives",
            "throughputs are over the time from the first request to the last answer; aiperf prints them over the whole phase, which is longer",
        ],
    })
}

fn distribution(tag: &Value) -> Option<Distribution> {
    let get = |key: &str| tag.get(if key == "mean" { "avg" } else { key })?.as_f64();
    summary(whole(&tag["count"])?, scale(&tag["unit"])?, get)
}
