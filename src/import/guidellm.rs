//! Imports guidellm's `benchmarks.json`, version 2. Its ITL is our TPOT, weighted by token. Its TPOT is our NTPOT.
//! Requests that its limits cut off (`incomplete`) are neither successes nor failures, and are left out.

use super::{Imported, counts, phase, summary, text, whole};
use crate::metric::Timing;
use crate::record::model::{Distribution, PhaseRecord};
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let benchmarks = file["benchmarks"].as_array()?;
    let mut phases = Vec::new();
    for (n, benchmark) in benchmarks.iter().enumerate() {
        phases.extend(one(n, benchmark));
    }
    let backend = &file["config"]["spec"]["backend"];
    let strategies: Vec<&Value> = benchmarks
        .iter()
        .map(|b| &b["config"]["strategy"])
        .collect();
    (!phases.is_empty()).then(|| Imported {
        version: text(&file["metadata"]["guidellm_version"]),
        model: text(&backend["model"]),
        started: benchmarks[0]["start_time"].as_f64().and_then(instant),
        settings: json!({"request_format": backend["request_format"], "strategies": strategies}),
        phases,
        notes: vec![
            "TPOT is guidellm's ITL, which is weighted by tokens; ours has one value per request",
            "NTPOT is guidellm's TPOT, which is weighted by tokens and ends at the last token; ours ends at the last byte",
            "a percentile with a whole rank is the next larger value, ours is the value of the rank",
            "times are taken when the client reads, ours when the kernel receives",
        ],
    })
}

fn one(n: usize, benchmark: &Value) -> Option<PhaseRecord> {
    let metrics = &benchmark["metrics"];
    let totals = &metrics["request_totals"];
    let seconds = benchmark["duration"].as_f64().filter(|s| *s > 0.0)?;
    let (counts, errors) = counts(whole(&totals["successful"])?, whole(&totals["errored"])?);
    let spread = |name: &str, scale| distribution(&metrics[name]["successful"], scale);
    let mut record = PhaseRecord {
        window_ms: seconds * 1e3,
        errors,
        ..phase(name(n, &benchmark["config"]["strategy"]))
    };
    let ours = &mut record.metrics;
    ours.times[Timing::Ttft] = spread("time_to_first_token_ms", 1.0);
    ours.times[Timing::Tpot] = spread("inter_token_latency_ms", 1.0);
    ours.times[Timing::Ntpot] = spread("time_per_output_token_ms", 1.0);
    ours.times[Timing::E2e] = spread("request_latency", 1e3);
    ours.requests_per_s = Some(counts.succeeded as f64 / seconds);
    let tokens = &metrics["output_token_count"]["successful"];
    let tokens = tokens.get("total_sum").and_then(Value::as_f64);
    ours.output_tokens_per_s = tokens.map(|tokens| tokens / seconds);
    record.counts = counts;
    Some(record)
}

/// Name of the phase: `concurrent-3`, `poisson-5`, `sweep`. All except the first also have their number.
fn name(n: usize, strategy: &Value) -> String {
    let kind = strategy["type_"].as_str().unwrap_or("benchmark");
    let level = ["streams", "rate"]
        .iter()
        .find_map(|key| strategy.get(*key)?.as_f64());
    let level = level.map_or(String::new(), |level| format!("-{level}"));
    let number = if n == 0 {
        String::new()
    } else {
        format!("-{}", n + 1)
    };
    format!("{kind}{level}{number}")
}

fn distribution(of: &Value, scale: f64) -> Option<Distribution> {
    let get = |key: &str| {
        let percentiles = of.get("percentiles");
        of.get(key).or(percentiles?.get(key))?.as_f64()
    };
    summary(whole(of.get("count")?)?, scale, get)
}

fn instant(seconds: f64) -> Option<String> {
    let at = jiff::Timestamp::from_nanosecond((seconds * 1e9) as i128);
    at.ok().map(|at| at.to_string())
}
