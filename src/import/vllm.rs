//! Imports the file of `vllm bench serve --save-result`, and of vLLM's client in Rust, which adds a steady state. Its
//! TTFT is the time to our first chunk. Its end-to-end latency ends with the last chunk that has `choices`. With
//! `--save-detailed`, its arrays give every statistic. Otherwise only the printed statistics are known.

use super::{Imported, counts, goodput, phase, summary, text, whole};
use crate::metric::{Statistic, Timing};
use crate::record::model::{Distribution, PhaseRecord};
use serde_json::{Value, json};

pub(super) fn read(file: &Value) -> Option<Imported> {
    let number = |key: &str| file.get(key)?.as_f64();
    let seconds = number("duration").filter(|s| *s > 0.0)?;
    let completed = whole(&file["completed"])?;
    let failed = file.get("failed").and_then(whole);
    let requested = file.get("num_prompts").and_then(whole);
    let failed = failed.or(requested.map(|n| n.saturating_sub(completed)));
    let (counts, errors) = counts(completed, failed.unwrap_or(0));
    let mut record = PhaseRecord {
        window_ms: seconds * 1e3,
        errors,
        ..phase(name(file))
    };
    let detailed = Detailed::of(file);
    let own = |key: &str, values: Option<Vec<f64>>, count| {
        values.map_or_else(|| printed(file, key, count), exact)
    };
    let requests = completed;
    let more_than_one = detailed.as_ref().map(Detailed::tpot);
    let metrics = &mut record.metrics;
    metrics.times[Timing::FirstChunk] =
        own("ttft", detailed.as_ref().map(|d| d.ttft.clone()), requests);
    metrics.times[Timing::Tpot] = own("tpot", more_than_one, requests);
    metrics.times[Timing::ChunkGap] = detailed.as_ref().and_then(|d| exact(d.gaps()));
    metrics.times[Timing::E2e] = own("e2el", detailed.as_ref().map(|d| d.e2e.clone()), requests);
    metrics.requests_per_s = Some(completed as f64 / seconds);
    metrics.output_tokens_per_s = number("total_output_tokens").map(|tokens| tokens / seconds);
    let good = number("request_goodput").map(|rate| (rate * seconds).round());
    metrics.goodput = good.and_then(|good| goodput(good, &counts, seconds));
    record.counts = counts;
    let steady = steady(&file["steady_state"], &record.name);
    let mut notes = vec![
        "vLLM's TTFT is the time to the first chunk, even if it is empty; the time to the first text is unknown",
        "end-to-end latency and TPOT end at the last chunk with choices, ours at the last byte",
        "times are taken when the client reads, ours when the kernel receives",
    ];
    if steady.is_some() {
        notes.push("a phase whose name ends in `-steady` is vLLM's steady state: the time in which nearly all of the load was in flight");
    }
    Some(Imported {
        version: None,
        model: text(&file["model_id"]),
        started: text(&file["date"]),
        settings: json!({
            "backend": file["backend"], "request_rate": file["request_rate"], "burstiness": file["burstiness"],
            "max_concurrency": file["max_concurrency"], "num_prompts": file["num_prompts"],
        }),
        phases: [Some(record), steady].into_iter().flatten().collect(),
        notes,
    })
}

pub(super) fn name(file: &Value) -> String {
    if let Some(n) = file.get("multi_turn_concurrency").and_then(Value::as_f64) {
        return format!("conversations-{n}");
    }
    match (&file["request_rate"], &file["max_concurrency"]) {
        (Value::Number(rate), _) => format!("rate-{rate}"),
        (_, Value::Number(n)) => format!("concurrency-{n}"),
        _ => "all-at-once".to_owned(),
    }
}

/// The steady state of the client in Rust as a separate phase: the time in which nearly all of the load was in flight.
fn steady(block: &Value, of: &str) -> Option<PhaseRecord> {
    let window = &block["window"];
    let number = |key: &str| block.get(key)?.as_f64();
    let milliseconds = window["duration_s"].as_f64().filter(|s| *s > 0.0)? * 1e3;
    // Latencies belong to requests that started in the window, rates to requests that ended in it.
    let started = whole(&window["requests_started_in_window"])?;
    let (counts, errors) = counts(whole(&window["requests_completed_in_window"])?, 0);
    let mut record = PhaseRecord {
        window_ms: milliseconds,
        errors,
        ..phase(format!("{of}-steady"))
    };
    let percentiles = block["percentiles_ttft_ms"].as_array();
    let ttft = |stat: &str| match stat {
        "mean" => number("mean_ttft_ms"),
        "p50" => number("median_ttft_ms"),
        _ => {
            let wanted: f64 = stat.strip_prefix('p')?.parse().ok()?;
            let mut pairs = percentiles?.iter();
            let pair = pairs.find(|pair| pair[0].as_f64() == Some(wanted))?;
            pair[1].as_f64()
        }
    };
    let metrics = &mut record.metrics;
    metrics.times[Timing::FirstChunk] = summary(started, 1.0, ttft);
    metrics.times[Timing::Tpot] = printed(block, "tpot", started);
    metrics.requests_per_s = number("request_throughput");
    metrics.output_tokens_per_s = number("output_throughput");
    record.counts = counts;
    Some(record)
}

/// The statistics that the tool printed: `mean_ttft_ms`, `p99_ttft_ms`, ... `count` is the number of values, which is
/// known for metrics with one value per request.
pub(super) fn printed(file: &Value, key: &str, count: u64) -> Option<Distribution> {
    let get = |stat: &str| {
        let number = |stat: &str| file.get(format!("{stat}_{key}_ms"))?.as_f64();
        number(stat).or_else(|| (stat == "p50").then(|| number("median")).flatten())
    };
    // Without a success, vLLM writes 0 for every statistic.
    summary(count, 1.0, get)
}

/// The distribution of values in seconds, with nearest-rank percentiles.
pub(super) fn exact(mut seconds: Vec<f64>) -> Option<Distribution> {
    seconds.sort_by(f64::total_cmp);
    let n = seconds.len();
    let last = seconds.last().copied()?;
    let rank = |per_mille: usize| {
        let rank = (n * per_mille).div_ceil(1_000).max(1);
        seconds.get(rank - 1).copied().unwrap_or(last)
    };
    let sum: f64 = seconds.iter().sum();
    let of = |statistic| match statistic {
        Statistic::Mean => sum / n as f64,
        Statistic::Min => rank(0),
        Statistic::Percentile(percentile) => rank(percentile.per_mille() as usize),
        Statistic::Max => last,
    };
    Some(Distribution::new(n as u64, true, |one| of(one) * 1e3))
}

/// The arrays of `--save-detailed` for successful requests, in seconds.
struct Detailed {
    ttft: Vec<f64>,
    e2e: Vec<f64>,
    itls: Vec<Vec<f64>>,
    tokens: Vec<f64>,
}

impl Detailed {
    fn of(file: &Value) -> Option<Self> {
        let numbers = |list: &Value| -> Option<Vec<f64>> {
            list.as_array()?.iter().map(Value::as_f64).collect()
        };
        let ttft = numbers(&file["ttfts"])?;
        let itls: Option<Vec<_>> = file["itls"].as_array()?.iter().map(numbers).collect();
        let (itls, tokens) = (itls?, numbers(&file["output_lens"])?);
        let errors = file["errors"].as_array()?;
        if [itls.len(), tokens.len(), errors.len()] != [ttft.len(); 3] {
            return None;
        }
        let good = |i: &usize| errors[*i].as_str() == Some("");
        let good: Vec<usize> = (0..ttft.len()).filter(good).collect();
        let pick = |all: &[f64]| good.iter().map(|i| all[*i]).collect::<Vec<_>>();
        let itls: Vec<Vec<f64>> = good.iter().map(|i| itls[*i].clone()).collect();
        let ttft = pick(&ttft);
        let e2e = ttft
            .iter()
            .zip(&itls)
            .map(|(t, gaps)| t + gaps.iter().sum::<f64>());
        Some(Self {
            e2e: e2e.collect(),
            tokens: pick(&tokens),
            ttft,
            itls,
        })
    }

    fn gaps(&self) -> Vec<f64> {
        self.itls.concat()
    }

    /// Values for answers with more than one token.
    fn tpot(&self) -> Vec<f64> {
        let all = self.e2e.iter().zip(&self.ttft).zip(&self.tokens);
        all.filter(|(_, tokens)| **tokens > 1.0)
            .map(|((e2e, ttft), tokens)| (e2e - ttft) / (tokens - 1.0))
            .collect()
    }
}
