//! Imports inference-perf's `summary_lifecycle_metrics.json`, or that of a stage. Times are in seconds. Its time per
//! output token is our TPOT. Its inter-token latency counts a zero for every further token of a chunk, so none of our
//! metrics corresponds to it.

use super::{Imported, counts, phase, summary, whole};
use crate::metric::Timing;
use crate::record::model::{Distribution, PhaseRecord};
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let (load, good) = (&file["load_summary"], &file["successes"]);
    let succeeded = whole(&good["count"])?;
    let (counts, errors) = counts(succeeded, whole(&file["failures"]["count"]).unwrap_or(0));
    let rate = |key: &str| good["throughput"].get(key)?.as_f64();
    let per_s = rate("requests_per_sec").filter(|rate| *rate > 0.0)?;
    let mut record = PhaseRecord {
        // inference-perf does not write the time. It divides by the time from the first request to the last end,
        // including failures.
        window_ms: succeeded as f64 / per_s * 1e3,
        errors,
        ..phase(name(load))
    };
    let spread = |name: &str| distribution(good["latency"].get(name)?, succeeded);
    let metrics = &mut record.metrics;
    metrics.times[Timing::Ttft] = spread("time_to_first_token");
    metrics.times[Timing::Tpot] = spread("time_per_output_token");
    metrics.times[Timing::Ntpot] = spread("normalized_time_per_output_token");
    metrics.times[Timing::E2e] = spread("request_latency");
    metrics.requests_per_s = Some(per_s);
    metrics.output_tokens_per_s = rate("output_tokens_per_sec");
    record.counts = counts;
    Some(Imported {
        version: None,
        model: None,
        started: None,
        settings: json!({"load_summary": load}),
        phases: vec![record],
        notes: vec![
            "throughputs are over the time of all requests, including failures",
            "answers with a single token have no TTFT and no TPOT, but are counted",
            "output tokens are counted by the client's tokenizer, unless the server's counts are used",
            "percentiles are interpolated, ours are nearest-rank",
            "times are taken when the client reads, ours when the kernel receives",
        ],
    })
}

/// Name of the phase: `rate-5` or `concurrency-8` of a stage, or `summary` of all stages.
fn name(load: &Value) -> String {
    let level = |key: &str| load.get(key).and_then(Value::as_f64);
    match (level("requested_rate"), level("concurrency")) {
        (Some(rate), _) => format!("rate-{rate}"),
        (None, Some(n)) => format!("concurrency-{n}"),
        (None, None) => "summary".to_owned(),
    }
}

fn distribution(metric: &Value, count: u64) -> Option<Distribution> {
    let get = |key: &str| {
        let median = if key == "p50" { "median" } else { key };
        metric.get(median).or(metric.get(key))?.as_f64()
    };
    summary(count, 1e3, get)
}
