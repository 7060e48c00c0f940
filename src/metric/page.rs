//! The tables of metrics and statistics in docs/metrics.md.

use super::{Better, Number, Row, Scope, Statistic, Timing};
use std::fmt::Write as _;

/// Every row and every statistic as Markdown tables.
#[must_use]
pub(crate) fn page() -> String {
    let mut out = String::from(
        "| name in gates | key in records | unit | better | one value a | definition |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let timings = Timing::ALL.into_iter().map(Timing::row);
    let numbers = Number::ALL.into_iter().map(Number::row);
    for row in timings.chain(numbers) {
        let Row {
            name, definition, ..
        } = row;
        let better = match row.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
        };
        let _ = writeln!(
            out,
            "| `{name}` | `{}` | {} | {better} | {} | {definition} |",
            key(row),
            row.unit.label(),
            row.scope.name(),
        );
    }
    out += "\n| statistic | values it needs, or it is marked as thin |\n| --- | --- |\n";
    for statistic in Statistic::ALL {
        let _ = writeln!(out, "| `{}` | {} |", statistic.name(), statistic.needs());
    }
    out
}

/// The key with the place in `run.json` where it is not among a phase's metrics.
fn key(row: &Row) -> String {
    match row.scope {
        Scope::Server => format!("server: {}", row.key),
        Scope::Request
        | Scope::Attempt
        | Scope::Connection
        | Scope::Read
        | Scope::Chunk
        | Scope::Batch
        | Scope::Phase
        | Scope::Topology => row.key.to_owned(),
    }
}
