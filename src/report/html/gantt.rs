//! The run as bars over time: the whole of it, then each variant's start-up and teardown. Tables with a bar in each row,
//! so that they read without seeing.

use super::detail::Detail;
use super::text::text;
use crate::record::EventRow;
use crate::record::model::{Run, VariantRecord};
use crate::report::number::number;
use crate::report::svg::bar::{Piece, bar};
use std::fmt::Write as _;

/// One row: its cells, where its bar begins, how long it is in milliseconds, its class.
struct Row {
    names: [String; 2],
    from: f64,
    ms: f64,
    class: &'static str,
}

/// All of them.
pub(super) fn charts(run: &Run, detail: &Detail) -> String {
    let mut out = String::new();
    let whole = whole(&detail.events);
    if !whole.is_empty() {
        out.push_str(&table("The whole run", ["variant", "part"], &whole, None));
    }
    let longest = run.variants.iter().filter_map(|v| v.startup.as_ref());
    let longest = longest.map(|s| s.ready_ms).fold(0.0, f64::max);
    for variant in &run.variants {
        let rows = startup(variant);
        if !rows.is_empty() {
            let title = format!("Start-up of {}", variant.name);
            out.push_str(&table(&title, ["process", "stage"], &rows, Some(longest)));
        }
        let rows = teardown(variant);
        if !rows.is_empty() {
            let title = format!("Teardown of {}", variant.name);
            out.push_str(&table(&title, ["process", "signal"], &rows, None));
        }
    }
    out
}

/// From the events: what each variant did when.
fn whole(events: &[EventRow]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut variant = String::new();
    // The part under way: its row, which the next event ends.
    let mut open: Option<usize> = None;
    let last = events.last().map_or(0.0, |event| event.at_ms);
    for event in events {
        let part = match event.event.as_str() {
            "variant_started" => {
                event.text("variant").clone_into(&mut variant);
                Some(("start-up".to_owned(), "k5"))
            }
            "phase_started" => Some((event.text("phase").to_owned(), "k0")),
            "teardown_started" => Some(("teardown".to_owned(), "k1")),
            "phase_ended" | "teardown_ended" => None,
            "stage_ready" if event.text("stage") == "completions" => None,
            _ => continue,
        };
        if let Some(row) = open.take().and_then(|i| rows.get_mut(i)) {
            row.ms = event.at_ms - row.from;
        }
        if let Some((name, class)) = part {
            open = Some(rows.len());
            rows.push(Row {
                names: [variant.clone(), name],
                from: event.at_ms,
                ms: last - event.at_ms,
                class,
            });
        }
    }
    rows
}

fn startup(variant: &VariantRecord) -> Vec<Row> {
    let stages = variant.startup.iter().flat_map(|s| &s.stages);
    stages
        .map(|stage| Row {
            names: [stage.process.clone(), stage.stage.clone()],
            from: stage.start_ms,
            ms: stage.ms,
            class: if stage.process == "topology" {
                "k2"
            } else {
                "k0"
            },
        })
        .collect()
}

/// Each signal, from when it was sent to when nothing was left.
fn teardown(variant: &VariantRecord) -> Vec<Row> {
    let Some(teardown) = &variant.teardown else {
        return Vec::new();
    };
    let row = |signal: &crate::record::model::SignalRecord| Row {
        names: [signal.process.clone(), signal.signal.clone()],
        from: signal.at_ms,
        ms: (teardown.ms - signal.at_ms).max(0.0),
        class: if signal.signal == "KILL" { "k3" } else { "k1" },
    };
    teardown.signals.iter().map(row).collect()
}

fn table(title: &str, head: [&str; 2], rows: &[Row], most: Option<f64>) -> String {
    let end = rows.iter().map(|row| row.from + row.ms).fold(0.0, f64::max);
    let end = most.unwrap_or(0.0).max(end).max(f64::MIN_POSITIVE);
    let mut out = format!(
        "<table class=\"gantt\"><caption>{}</caption><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\" class=\"over\">0 to {}</th><th scope=\"col\" class=\"n from\">from (ms)</th><th scope=\"col\" class=\"n\">took (ms)</th></tr></thead><tbody>\n",
        text(title),
        head[0],
        head[1],
        time(end)
    );
    for row in rows {
        let piece = Piece {
            from: row.from / end,
            length: row.ms / end,
            class: row.class,
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"over\">{}</td><td class=\"n from\">{}</td><td class=\"n\">{}</td></tr>",
            text(&row.names[0]),
            text(&row.names[1]),
            bar(&[piece]),
            number(Some(row.from)),
            number(Some(row.ms))
        );
    }
    out + "</tbody></table>\n"
}

fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 120_000.0 => format!("{} min", number(Some(ms / 6e4))),
        ms if ms >= 1_000.0 => format!("{} s", number(Some(ms / 1e3))),
        ms => format!("{} ms", number(Some(ms))),
    }
}
