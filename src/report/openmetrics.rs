//! The figures in the OpenMetrics text format, for a push gateway or a textfile collector. Base units: seconds.

use super::escape::line;
use super::view;
use crate::record::model::{Distribution, Metrics, PhaseRecord, Run};
use std::fmt::Write as _;

type Spread = fn(&Metrics) -> &Option<Distribution>;
type Single = fn(&PhaseRecord) -> Option<f64>;

const SPREADS: [(&str, &str, Spread); 6] = [
    ("ttft", "Sent to first text.", |m| &m.ttft_ms),
    ("tpot", "Time per output token after the first.", |m| {
        &m.tpot_ms
    }),
    ("chunk_gap", "Between consecutive events with text.", |m| {
        &m.chunk_gap_ms
    }),
    ("e2e", "Sent to last byte.", |m| &m.e2e_ms),
    ("batch", "First send to last answer of a batch.", |m| {
        &m.batch_ms
    }),
    ("schedule_lag", "Due to sent.", |m| &m.schedule_lag_ms),
];

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const SINGLES: [(&str, &str, Single); 6] = [
    ("requests_sent", "Requests attempted.", |p| {
        Some(p.counts.sent as f64)
    }),
    ("requests_succeeded", "Requests that succeeded.", |p| {
        Some(p.counts.succeeded as f64)
    }),
    ("requests_failed", "Requests that failed.", |p| {
        Some(p.counts.failed as f64)
    }),
    (
        "output_tokens_per_second",
        "Output tokens of successes over the window.",
        |p| p.metrics.output_tokens_per_s,
    ),
    ("requests_per_second", "Successes over the window.", |p| {
        p.metrics.requests_per_s
    }),
    (
        "goodput_ratio",
        "Share of requests that meet every objective.",
        |p| p.metrics.goodput.map(|g| g.share),
    ),
];

/// Renders a record as OpenMetrics text.
#[must_use]
pub(crate) fn openmetrics(run: &Run) -> String {
    let mut out = String::new();
    let family = |out: &mut String, name: &str, kind: &str, unit: &str, help: &str| {
        let _ = writeln!(out, "# TYPE bench_{name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT bench_{name} {unit}");
        }
        let _ = writeln!(out, "# HELP bench_{name} {help}");
    };
    let measured = || {
        let phases = run
            .variants
            .iter()
            .flat_map(|v| v.phases.iter().map(move |p| (v, p)));
        phases
            .filter(|(_, phase)| phase.measured())
            .map(|(variant, phase)| {
                let labels = labels(&[
                    ("scenario", &run.scenario.name),
                    ("variant", &variant.name),
                    ("engine", &variant.engine.kind),
                    ("phase", &phase.name),
                ]);
                (labels, phase)
            })
    };
    family(&mut out, "run", "info", "", "The run.");
    let info = [
        ("run_id", run.run_id.as_str()),
        ("scenario", &run.scenario.name),
        ("verdict", view::word(run.verdict)),
        ("quality", &run.quality.verdict),
    ];
    let _ = writeln!(out, "bench_run_info{{{}}} 1", labels(&info));
    for (name, help, of) in SPREADS {
        family(
            &mut out,
            &format!("{name}_seconds"),
            "summary",
            "seconds",
            help,
        );
        for (labels, phase) in measured() {
            if let Some(spread) = of(&phase.metrics) {
                summary(&mut out, name, &labels, spread);
            }
        }
    }
    for (name, help, of) in SINGLES {
        family(&mut out, name, "gauge", "", help);
        for (labels, phase) in measured() {
            if let Some(value) = of(phase) {
                let _ = writeln!(out, "bench_{name}{{{labels}}} {value}");
            }
        }
    }
    family(
        &mut out,
        "check_passed",
        "gauge",
        "",
        "Whether a check held.",
    );
    let mut seen = std::collections::BTreeSet::new();
    for check in &run.checks {
        let labels = labels(&[("name", &check.name), ("scope", &check.scope)]);
        // The same check may stand twice in a scenario; a series may not.
        if seen.insert(labels.clone()) {
            let _ = writeln!(
                out,
                "bench_check_passed{{{labels}}} {}",
                u8::from(check.passed)
            );
        }
    }
    out + "# EOF\n"
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn summary(out: &mut String, name: &str, labels: &str, spread: &Distribution) {
    let quantiles = [
        (0.5, spread.p50),
        (0.9, spread.p90),
        (0.95, spread.p95),
        (0.99, spread.p99),
    ];
    for (quantile, ms) in quantiles {
        let _ = writeln!(
            out,
            "bench_{name}_seconds{{{labels},quantile=\"{quantile}\"}} {}",
            ms / 1e3
        );
    }
    let sum = spread.mean * spread.count as f64 / 1e3;
    let _ = writeln!(
        out,
        "bench_{name}_seconds_count{{{labels}}} {}",
        spread.count
    );
    let _ = writeln!(out, "bench_{name}_seconds_sum{{{labels}}} {sum}");
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| {
        let value = line(value).replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{value}\"")
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
#[path = "tests/openmetrics.rs"]
mod tests;
