use super::*;
use crate::metric::{Statistic, Timing};
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
    let ttft = kept.metrics.times[Timing::Ttft].as_ref().expect("TTFT");
    assert_eq!(
        first["latency"]["time_to_first_token"]["p95"],
        ttft[Statistic::P95]
    );
    assert!(reports.iter().any(|r| r["scenario"]["load"].is_object()));
}
