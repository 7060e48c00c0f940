//! Latencies as an HdrHistogram log: one histogram a variant, measured phase and metric, in nanoseconds with three
//! significant digits, tagged `VARIANT.PHASE.METRIC`. Its interval lasts from the first request of the first round to the last
//! of the last. Logs of several runs add without loss.

use super::html::{Detail, drawn, slug};
use crate::event::Event;
use crate::record::EventRow;
use crate::record::model::Run;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::{Duration, SystemTime};

/// Nanoseconds in the unit in which a log says its largest value.
const MILLISECOND: f64 = 1e6;

/// Renders a record's samples as an HdrHistogram log.
#[must_use]
pub(crate) fn hdr(run: &Run, detail: &Detail) -> String {
    let mut out = Vec::new();
    // Into memory, in a format that the crate knows: it can't fail.
    let _ = write(run, detail, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn write(run: &Run, detail: &Detail, out: &mut Vec<u8>) -> Option<()> {
    let started: jiff::Timestamp = run.started.parse().ok()?;
    let started = SystemTime::from(started);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new();
    log.add_comment(&format!(
        "bench {}, values in nanoseconds",
        run.bench_version
    ))
    .with_start_time(started)
    .with_base_time(started)
    .with_max_value_divisor(MILLISECOND);
    let mut log = log.begin_log_with(out, &mut serializer).ok()?;
    for (variant, requests) in run.variants.iter().zip(&detail.variants) {
        let at = |(round, ns): (u32, u64)| {
            load_began(&detail.events, &variant.name, round) + Duration::from_nanos(ns)
        };
        for (number, phase) in (0..).zip(&variant.phases) {
            let successes = requests.phases.get(&number);
            let span = successes.and_then(|of| Some((of, of.span?)));
            let (Some((of, (first, last))), true) = (span, phase.measured()) else {
                continue;
            };
            let (began, ended) = (at(first), at(last));
            for timing in drawn() {
                let metric = timing.row().name;
                let tag = format!("{}.{}.{metric}", slug(&variant.name), slug(&phase.name));
                if let Some(histogram) = of.times[timing].histogram() {
                    let long = ended.saturating_sub(began);
                    log.write_histogram(&histogram, began, long, Tag::new(&tag))
                        .ok()?;
                }
            }
        }
    }
    Some(())
}

/// When a variant's load began in a round, since the run did; zero where the events are lost.
fn load_began(events: &[EventRow], variant: &str, round: u32) -> Duration {
    let is_turn = |row: &EventRow| match &row.event {
        Some(Event::VariantStarted {
            variant: name,
            round: own,
            ..
        }) => name == variant && own.is_none_or(|own| own == round),
        _ => false,
    };
    let mut own = events.iter().skip_while(|event| !is_turn(event));
    let first = own.find(|row| matches!(row.event, Some(Event::PhaseStarted { .. })));
    Duration::from_secs_f64(first.map_or(0.0, |event| event.at_ms.max(0.0)) / 1e3)
}

#[cfg(test)]
#[path = "tests/hdr.rs"]
mod tests;
