//! The record as Benchmark Reports of llm-d, version 0.2.1 (its `br_v0_2_1_json_schema.json`): one a variant and measured
//! phase, each a document of a YAML stream, written as JSON, which YAML takes. What 0.2.1 adds to 0.2 (sizes and rates of images,
//! videos and audio, sessions, series of the engines' metrics) is optional, and nothing of it is written.

use super::html::{Detail, Tokens};
use crate::metric::{Statistic, Timing};
use crate::record::model::{Distribution, PhaseRecord, Run, VariantRecord};
use serde_json::{Map, Value, json};

/// The version that is written.
const VERSION: &str = "0.2.1";

/// The latencies that the schema knows: its names and units, and which of our metrics each is.
const LATENCIES: [(&str, &str, Timing); 5] = [
    ("time_to_first_token", "ms", Timing::Ttft),
    ("time_per_output_token", "ms/token", Timing::Tpot),
    (
        "normalized_time_per_output_token",
        "ms/token",
        Timing::Ntpot,
    ),
    ("inter_token_latency", "ms/token", Timing::ChunkGap),
    ("request_latency", "ms", Timing::E2e),
];

/// Renders a record as a stream of Benchmark Reports.
#[must_use]
pub(crate) fn llmd(run: &Run, detail: &Detail) -> String {
    let mut out = String::new();
    for (v, variant) in run.variants.iter().enumerate() {
        for (p, phase) in variant.phases.iter().enumerate() {
            if !phase.measured() {
                continue;
            }
            let tokens = u32::try_from(p).ok().and_then(|p| {
                let requests = detail.variants.get(v)?;
                requests.tokens.get(&p)
            });
            let report = report(run, variant, p, phase, tokens);
            let text = serde_json::to_string_pretty(&report).unwrap_or_default();
            out += &format!("---\n{text}\n");
        }
    }
    out
}

fn report(
    run: &Run,
    variant: &VariantRecord,
    stage: usize,
    phase: &PhaseRecord,
    tokens: Option<&[Tokens; 2]>,
) -> Value {
    let length = |i: usize| tokens.and_then(|tokens| tokens[i].said());
    let metrics = &phase.metrics;
    let latency = LATENCIES.into_iter().filter_map(|(name, units, timing)| {
        let found = metrics.times[timing].as_ref()?;
        Some((name.to_owned(), statistics(found, units)))
    });
    let latency: Map<String, Value> = latency.collect();
    let rate = |of: Option<f64>, units: &str| of.map(|mean| json!({"units": units, "mean": mean}));
    let mut scenario = json!({"stack": [component(run, variant)]});
    if let Some(load) = load(run, variant, stage, phase, tokens) {
        scenario["load"] = load;
    }
    json!({
        "version": VERSION,
        "run": {
            "uid": format!("{}/{}/{}", run.run_id, variant.name, phase.name),
            "eid": run.run_id,
            "time": known([("start", Some(json!(run.started))), ("end", run.finished.as_ref().map(|at| json!(at)))]),
            "description": format!("{}, variant {}, phase {}", run.scenario.name, variant.name, phase.name),
        },
        "scenario": scenario,
        "results": {"request_performance": {"aggregate": {
            "requests": known([
                ("total", Some(json!(phase.counts.sent))),
                ("failures", Some(json!(phase.counts.failed))),
                ("input_length", length(0)),
                ("output_length", length(1)),
            ]),
            "latency": latency,
            "throughput": known([
                ("output_token_rate", rate(metrics.output_tokens_per_s, "tokens/s")),
                ("request_rate", rate(metrics.requests_per_s, "queries/s")),
            ]),
        }}},
    })
}

/// What served, as a component of the generic kind: the others need to know replicas and accelerators.
fn component(run: &Run, variant: &VariantRecord) -> Value {
    let engine = &variant.engine;
    let versions: Vec<String> = engine
        .versions
        .iter()
        .map(|(package, version)| format!("{package} {version}"))
        .collect();
    json!({
        "metadata": {"label": variant.name, "cfg_id": run.scenario.sha256},
        "standardized": {
            "kind": "generic",
            "tool": engine.kind,
            "tool_version": if versions.is_empty() { "unknown".to_owned() } else { versions.join(", ") },
            "model": engine.model,
            "gpus": run.machine.gpus,
        },
        "native": {"config": run.scenario.resolved.json()},
    })
}

/// What was sent; it must say how long the prompts were.
fn load(
    run: &Run,
    variant: &VariantRecord,
    stage: usize,
    phase: &PhaseRecord,
    tokens: Option<&[Tokens; 2]>,
) -> Option<Value> {
    let [input, _] = tokens?;
    Some(json!({
        "metadata": {"cfg_id": variant.requests_sha256, "description": phase.kind},
        "standardized": {
            "tool": "bench",
            "tool_version": run.bench_version,
            "source": "unknown",
            "stage": stage,
            "input_seq_len": {"distribution": "other", "value": input.mean()?, "min": input.min, "max": input.max.max(1)},
        },
        "native": {"config": run.scenario.settings().load},
    }))
}

/// Statistics by the report's names: `p99p9` is our `p99.9`. What an importer was not told is left out.
fn statistics(d: &Distribution, units: &str) -> Value {
    let known = Statistic::ALL.into_iter().filter(|one| d[*one].is_finite());
    let named = known.map(|one| (one.name().replace('.', "p"), json!(d[one])));
    let units = ("units".to_owned(), json!(units));
    Value::Object(std::iter::once(units).chain(named).collect())
}

/// Without what is not known, which the schema leaves out.
fn known<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(known.collect::<Map<_, _>>())
}

impl Tokens {
    fn said(&self) -> Option<Value> {
        let mean = self.mean()?;
        Some(json!({"units": "count", "mean": mean, "min": self.min, "max": self.max}))
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

#[cfg(test)]
#[path = "tests/llmd.rs"]
mod tests;
