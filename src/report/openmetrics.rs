//! The figures in the OpenMetrics text format, for a push gateway or a textfile collector. Base units: seconds.

use super::escape::line;
use super::view;
use crate::metric::{Figure, Number, Percentile, Row, Scope, Statistic, Timing, Unit};
use crate::record::model::{Counts, Distribution, Run};
use std::fmt::Write as _;

/// Counts of requests, with their help.
type Count = fn(&Counts) -> u64;
const COUNTS: [(&str, &str, Count); 3] = [
    ("requests_sent", "Requests attempted.", |counts| counts.sent),
    ("requests_succeeded", "Requests that succeeded.", |counts| {
        counts.succeeded
    }),
    ("requests_failed", "Requests that failed.", |counts| {
        counts.failed
    }),
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
        ("quality", run.quality.verdict.word()),
    ];
    let _ = writeln!(out, "bench_run_info{{{}}} 1", labels(&info));
    for timing in Timing::ALL {
        let name = name(timing.row());
        family(&mut out, &name, "summary", "seconds", &help(timing.row()));
        for (labels, phase) in measured() {
            if let Some(spread) = &phase.metrics.times[timing] {
                summary(&mut out, &name, &labels, spread);
            }
        }
    }
    for (name, help, of) in COUNTS {
        family(&mut out, name, "gauge", "", help);
        for (labels, phase) in measured() {
            let _ = writeln!(out, "bench_{name}{{{labels}}} {}", of(&phase.counts));
        }
    }
    let numbers = Number::ALL.into_iter();
    for number in numbers.filter(|number| number.row().scope == Scope::Phase) {
        let name = name(number.row());
        family(&mut out, &name, "gauge", "", &help(number.row()));
        for (labels, phase) in measured() {
            if let Some(value) = phase.sources().figure(Figure::Number(number)) {
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

/// The name of a family, in base units: `ttft_seconds`, `output_tokens_per_second`, `goodput_ratio`.
fn name(row: &Row) -> String {
    match row.unit {
        Unit::Ms => format!("{}_seconds", row.name),
        Unit::Share(_) => format!("{}_ratio", row.name),
        Unit::TokensPerS | Unit::RequestsPerS => row.key.replace("_per_s", "_per_second"),
        Unit::Count => row.name.to_owned(),
    }
}

fn help(row: &Row) -> String {
    format!("{}: {}.", row.title, row.definition)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn summary(out: &mut String, name: &str, labels: &str, spread: &Distribution) {
    for rank in Percentile::ALL {
        let quantile = rank.per_mille() as f64 / 1e3;
        let value = spread[Statistic::Percentile(rank)] / 1e3;
        // What an importer was not told is no sample.
        if value.is_finite() {
            let _ = writeln!(
                out,
                "bench_{name}{{{labels},quantile=\"{quantile}\"}} {value}"
            );
        }
    }
    let sum = spread[Statistic::Mean] * spread.count as f64 / 1e3;
    let _ = writeln!(out, "bench_{name}_count{{{labels}}} {}", spread.count);
    let _ = writeln!(out, "bench_{name}_sum{{{labels}}} {sum}");
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
