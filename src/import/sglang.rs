//! Imports the file of `python -m sglang.bench_serving --output-file`, which has one line per run. Its TTFT is our time
//! to the first text, and its TPOT is ours. Its ITL spreads the gap before a chunk over the tokens in it, so none of
//! our metrics corresponds to it.

use super::vllm::{exact, name, printed};
use super::{Imported, counts, phase, text, whole};
use crate::metric::Timing;
use crate::record::model::PhaseRecord;
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let number = |key: &str| file.get(key)?.as_f64();
    let seconds = number("duration").filter(|s| *s > 0.0)?;
    let completed = whole(&file["completed"])?;
    let failures = file["errors"].as_array().map(|errors| {
        let failed = errors.iter().filter(|error| error.as_str() != Some(""));
        failed.count() as u64
    });
    let failed = file.get("failed").and_then(whole).or(failures);
    let (counts, errors) = counts(completed, failed.unwrap_or(0));
    let mut record = PhaseRecord {
        window_ms: seconds * 1e3,
        errors,
        ..phase(name(file))
    };
    let metrics = &mut record.metrics;
    metrics.times[Timing::Ttft] =
        first_texts(file).map_or_else(|| printed(file, "ttft", completed), exact);
    metrics.times[Timing::Tpot] = printed(file, "tpot", completed);
    metrics.times[Timing::E2e] = printed(file, "e2e_latency", completed);
    metrics.requests_per_s = Some(completed as f64 / seconds);
    metrics.output_tokens_per_s = number("total_output_tokens").map(|tokens| tokens / seconds);
    record.counts = counts;
    let mut notes = vec![
        "output tokens are counted by the server; if it does not count them, they are the requested number",
        "percentiles are interpolated, ours are nearest-rank",
        "times are taken when the client reads, ours when the kernel receives",
    ];
    if failed.is_none() {
        notes.push("the file does not contain failed requests: there may have been some");
    }
    Some(Imported {
        version: None,
        model: text(&file["model_id"]).or(text(&file["model"])),
        started: text(&file["date"]),
        settings: json!({
            "backend": file["backend"], "dataset_name": file["dataset_name"], "request_rate": file["request_rate"],
            "max_concurrency": file["max_concurrency"], "random_input_len": file["random_input_len"],
            "random_output_len": file["random_output_len"], "random_range_ratio": file["random_range_ratio"],
        }),
        phases: vec![record],
        notes,
    })
}

/// The times to the first text of successful requests, in seconds, if `--output-details` wrote them.
fn first_texts(file: &Value) -> Option<Vec<f64>> {
    let (ttfts, errors) = (file["ttfts"].as_array()?, file["errors"].as_array()?);
    let good = ttfts.iter().zip(errors);
    let good = good.filter(|(_, error)| error.as_str() == Some(""));
    let all: Option<Vec<f64>> = good.map(|(ttft, _)| ttft.as_f64()).collect();
    all.filter(|all| ttfts.len() == errors.len() && !all.is_empty())
}
