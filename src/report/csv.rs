//! Metrics as comma-separated values, for spreadsheets and scripts: one row per variant, phase and metric.

use super::escape::line;
use crate::compare::{TOPOLOGY, metrics};
use crate::metric::Figure;
use crate::record::model::{PhaseRecord, Run};
use csv::{Terminator, WriterBuilder};
use serde_json::Value;

const HEAD: [&str; 6] = ["run_id", "variant", "phase", "kind", "metric", "value"];

/// Renders a record as CSV (RFC 4180). Values are exact, in the unit that the metric's name says.
#[must_use]
pub(crate) fn csv(run: &Run) -> String {
    let mut out = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing rows of equal length to memory cannot fail.
    let _ = out.write_record(HEAD);
    for variant in &run.variants {
        let mut row = |phase: &str, kind: &str, metric: &str, value: &str| {
            let cells = [&run.run_id, &variant.name, phase, kind, metric, value];
            let _ = out.write_record(cells.map(cell));
        };
        for phase in &variant.phases {
            for (metric, value) in figures(phase) {
                row(&phase.name, phase.kind.word(), &metric, &value);
            }
        }
        for figure in Figure::of_topologies() {
            if let Some(value) = metrics::of_topology(figure, variant) {
                row(TOPOLOGY, "", &figure.key(), &value.to_string());
            }
        }
    }
    let bytes = out.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Counts, failures by class, and all metrics of the record under their keys there.
fn figures(phase: &PhaseRecord) -> Vec<(String, String)> {
    let counts = &phase.counts;
    let mut all = vec![
        ("window_ms".to_owned(), phase.window_ms.to_string()),
        ("requests.sent".to_owned(), counts.sent.to_string()),
        (
            "requests.succeeded".to_owned(),
            counts.succeeded.to_string(),
        ),
        ("requests.failed".to_owned(), counts.failed.to_string()),
    ];
    for (class, count) in &phase.errors {
        all.push((format!("errors.{class}"), count.to_string()));
    }
    let metrics = serde_json::to_value(&phase.metrics).unwrap_or_default();
    for (name, value) in metrics.as_object().into_iter().flatten() {
        match value {
            Value::Object(stats) => {
                let numbers = stats.iter().filter(|(_, value)| value.is_number());
                all.extend(numbers.map(|(stat, v)| (format!("{name}.{stat}"), v.to_string())));
            }
            Value::Number(number) => all.push((name.clone(), number.to_string())),
            // A metric that does not apply has no row.
            _ => {}
        }
    }
    all
}

/// One cell's text, on one line. A spreadsheet must show it and not compute it.
fn cell(text: &str) -> String {
    let text = line(text);
    let is_formula = text.starts_with(['=', '+', '@'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    if is_formula { format!("'{text}") } else { text }
}

#[cfg(test)]
#[path = "tests/csv.rs"]
mod tests;
