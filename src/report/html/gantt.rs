//! The run as bars over time: first the whole run, then the start-up and teardown of each variant. Each bar is a row of a
//! table, so that screen readers can read it.

use super::detail::Detail;
use crate::event::Event;
use crate::record::EventRow;
use crate::record::model::{Run, StageKind, StopSignal, VariantRecord};
use crate::report::number::number;
use crate::report::svg::bar::{Piece, bar};
use maud::{Markup, html};

/// One row: two names, then start and length of the bar in milliseconds and its class.
struct Row {
    names: [String; 2],
    from: f64,
    ms: f64,
    class: &'static str,
}

/// The charts of the run and of its variants.
pub(crate) fn charts(run: &Run, detail: &Detail) -> Markup {
    let longest = run.variants.iter().filter_map(|v| v.startup.as_ref());
    let longest = longest.map(|s| s.ready_ms).fold(0.0, f64::max);
    html! {
        (table("The whole run", ["variant", "step"], &whole(&detail.events), 0.0))
        @for variant in &run.variants {
            (table(&format!("Start-up of {}", variant.name), ["process", "stage"], &startup(variant), longest))
            (table(&format!("Teardown of {}", variant.name), ["process", "signal"], &teardown(variant), 0.0))
        }
    }
}

/// The steps of each variant, taken from the events.
fn whole(events: &[EventRow]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut variant = String::new();
    // The part under way: its row, which the next event ends.
    let mut open: Option<usize> = None;
    let last = events.last().map_or(0.0, |event| event.at_ms);
    for event in events {
        let part = match &event.event {
            Some(Event::VariantStarted { variant: name, .. }) => {
                name.clone_into(&mut variant);
                Some(("start-up".to_owned(), "k5"))
            }
            Some(Event::PhaseStarted { phase, .. }) => Some((phase.clone(), "k0")),
            Some(Event::TeardownStarted { .. }) => Some(("teardown".to_owned(), "k1")),
            Some(
                Event::PhaseEnded { .. }
                | Event::TeardownEnded { .. }
                | Event::StageReady {
                    stage: StageKind::Completions,
                    ..
                },
            ) => None,
            Some(
                Event::ProcessStarted { .. }
                | Event::StageReady {
                    stage: StageKind::Probe,
                    ..
                }
                | Event::Waiting { .. }
                | Event::ProcessExited { .. }
                | Event::Signalled { .. }
                | Event::PhaseProgress { .. }
                | Event::GivenUp { .. }
                | Event::Warning { .. },
            )
            | None => continue,
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
            names: [stage.process.clone(), stage.stage.to_string()],
            from: stage.start_ms,
            ms: stage.ms,
            class: match stage.stage {
                StageKind::Completions => "k2",
                StageKind::Probe => "k0",
            },
        })
        .collect()
}

/// Each signal, from when it was sent to the end of the teardown.
fn teardown(variant: &VariantRecord) -> Vec<Row> {
    let Some(teardown) = &variant.teardown else {
        return Vec::new();
    };
    let row = |signal: &crate::record::model::SignalRecord| Row {
        names: [signal.process.clone(), signal.signal.to_string()],
        from: signal.at_ms,
        ms: (teardown.ms - signal.at_ms).max(0.0),
        class: match signal.signal {
            StopSignal::Kill => "k3",
            StopSignal::Term => "k1",
        },
    };
    teardown.signals.iter().map(row).collect()
}

/// A table whose rows share an axis of at least `least` milliseconds; empty markup without rows.
fn table(title: &str, head: [&str; 2], rows: &[Row], least: f64) -> Markup {
    if rows.is_empty() {
        return Markup::default();
    }
    let end = rows.iter().map(|row| row.from + row.ms).fold(0.0, f64::max);
    let end = end.max(least).max(f64::MIN_POSITIVE);
    html! {
        table.gantt {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { (head[0]) }
                    th scope="col" { (head[1]) }
                    th.over scope="col" { "0 to " (time(end)) }
                    th.n.from scope="col" { "from (ms)" }
                    th.n scope="col" { "took (ms)" }
                }
            }
            tbody { "\n"
                @for row in rows { (row.draw(end)) "\n" }
            }
        } "\n"
    }
}

impl Row {
    fn draw(&self, end: f64) -> Markup {
        let piece = Piece {
            from: self.from / end,
            length: self.ms / end,
            class: self.class,
        };
        html! {
            tr {
                th scope="row" { (self.names[0]) }
                td { (self.names[1]) }
                td.over { (bar(&[piece])) }
                td.n.from { (number(Some(self.from))) }
                td.n { (number(Some(self.ms))) }
            }
        }
    }
}

fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 120_000.0 => format!("{} min", number(Some(ms / 6e4))),
        ms if ms >= 1_000.0 => format!("{} s", number(Some(ms / 1e3))),
        ms => format!("{} ms", number(Some(ms))),
    }
}
