//! The record as Benchmark Reports of llm-d, version 0.2.1 (its `br_v0_2_1_json_schema.json`): one a variant and measured
//! phase, each a document of a YAML stream, written as JSON, which YAML takes. What 0.2.1 adds to 0.2 (sizes and rates of images,
//! videos and audio, sessions, series of the engines' metrics) is optional, and nothing of it is written.

use super::html::{Detail, Tokens};
use crate::record::model::{Distribution, PhaseRecord, Run, VariantRecord};
use serde_json::{Map, Value, json};

/// The version that is written.
const VERSION: &str = "0.2.1";

/// Renders a record as a stream of Benchmark Reports.
#[must_use]
pub fn llmd(run: &Run, detail: &Detail) -> String {
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
    let ms = |of: &Option<Distribution>| of.as_ref().map(|d| statistics(d, "ms"));
    let each = |of: &Option<Distribution>| of.as_ref().map(|d| statistics(d, "ms/token"));
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
            "latency": known([
                ("time_to_first_token", ms(&metrics.ttft_ms)),
                ("time_per_output_token", each(&metrics.tpot_ms)),
                ("normalized_time_per_output_token", each(&metrics.ntpot_ms)),
                ("inter_token_latency", each(&metrics.chunk_gap_ms)),
                ("request_latency", ms(&metrics.e2e_ms)),
            ]),
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
        "native": {"config": run.scenario.resolved},
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
        "native": {"config": run.scenario.resolved.get("load")},
    }))
}

fn statistics(d: &Distribution, units: &str) -> Value {
    json!({"units": units, "mean": d.mean, "min": d.min, "p50": d.p50, "p90": d.p90, "p95": d.p95, "p99": d.p99, "max": d.max})
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
mod tests {
    use super::*;
    use crate::record::{SampleRow, fixture};

    /// The parts of the published schema that are used, every object closed as there.
    fn schema() -> Value {
        let open = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
        let closed = |required: &[&str], properties: Value| {
            let mut schema = open(required, properties);
            schema["additionalProperties"] = false.into();
            schema
        };
        let text = json!({"type": "string"});
        let number = json!({"type": "number"});
        let count = json!({"type": "integer", "minimum": 0});
        let at = json!({"type": "string", "format": "date-time"});
        let statistics = open(
            &["units", "mean"],
            json!({
                "units": {"enum": ["count", "ms", "ms/token", "tokens/s", "queries/s"]},
                "mean": number, "min": number, "p50": number, "p90": number, "p95": number, "p99": number, "max": number,
            }),
        );
        let native = closed(
            &[],
            json!({"args": {"type": "object"}, "envars": {"type": "object"}, "config": {}}),
        );
        let generic = open(
            &["kind", "tool", "tool_version"],
            json!({"kind": {"const": "generic"}, "tool": text, "tool_version": text}),
        );
        let component = closed(
            &["metadata", "standardized", "native"],
            json!({"metadata": closed(&["label", "cfg_id"], json!({"label": text, "cfg_id": text})), "standardized": generic, "native": native}),
        );
        let length = closed(
            &["distribution", "value"],
            json!({"distribution": {"enum": ["fixed", "gaussian", "uniform", "other"]}, "value": number, "min": count, "max": {"type": "integer", "minimum": 1}}),
        );
        let standardized = closed(
            &["tool", "tool_version", "source", "input_seq_len"],
            json!({"tool": text, "tool_version": text, "source": {"enum": ["random", "sampled", "unknown"]}, "stage": count, "input_seq_len": length}),
        );
        let load = closed(
            &["metadata", "standardized", "native"],
            json!({"metadata": closed(&[], json!({"cfg_id": text, "description": text})), "standardized": standardized, "native": native}),
        );
        let aggregate = closed(
            &[],
            json!({
                "requests": closed(&["total"], json!({"total": count, "failures": count, "input_length": statistics, "output_length": statistics})),
                "latency": closed(&[], json!({
                    "time_to_first_token": statistics, "normalized_time_per_output_token": statistics, "time_per_output_token": statistics,
                    "inter_token_latency": statistics, "request_latency": statistics,
                })),
                "throughput": closed(&[], json!({"output_token_rate": statistics, "request_rate": statistics})),
            }),
        );
        closed(
            &["run", "results"],
            json!({
                "version": {"const": "0.2.1"},
                "run": closed(&["uid"], json!({"uid": text, "eid": text, "description": text, "time": closed(&[], json!({"start": at, "end": at}))})),
                "scenario": closed(&[], json!({"stack": {"type": "array", "items": component}, "load": load})),
                "results": open(&[], json!({"request_performance": closed(&[], json!({"aggregate": aggregate}))})),
            }),
        )
    }

    #[test]
    fn every_report_is_of_the_schema() {
        let run = fixture::pass();
        let rows = (0..60).map(|index| SampleRow {
            variant: "native".to_owned(),
            round: 1,
            sample: fixture::sample(index),
        });
        let schema = jsonschema::draft202012::new(&schema()).expect("a schema");
        let text = llmd(&run, &Detail::gather(&run, rows, Vec::new()));
        let reports: Vec<Value> = text
            .split("---\n")
            .skip(1)
            .map(|report| serde_json::from_str(report).expect("JSON"))
            .collect();
        let measured = run
            .variants
            .iter()
            .flat_map(|v| &v.phases)
            .filter(|p| p.measured());
        assert_eq!(reports.len(), measured.count());
        for report in &reports {
            let wrong: Vec<String> = schema.iter_errors(report).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
        let first = &reports[0]["results"]["request_performance"]["aggregate"];
        let kept = run.variants[0]
            .phases
            .iter()
            .find(|p| p.measured())
            .expect("a phase");
        let ttft = kept.metrics.ttft_ms.as_ref().expect("TTFT");
        assert_eq!(first["latency"]["time_to_first_token"]["p95"], ttft.p95);
        assert!(reports.iter().any(|r| r["scenario"]["load"].is_object()));
    }
}
