//! Latencies as an HdrHistogram log: one histogram a variant, measured phase and metric, in nanoseconds with three
//! significant digits, tagged `VARIANT.PHASE.METRIC`. Its interval lasts from the first request of the first round to the last
//! of the last. Logs of several runs add without loss.

use super::html::text::slug;
use super::html::{Detail, Successes};
use crate::measure::spread::Spread;
use crate::record::EventRow;
use crate::record::model::Run;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::{Duration, SystemTime};

/// Nanoseconds in the unit in which a log says its largest value.
const MILLISECOND: f64 = 1e6;

type Time = fn(&Successes) -> &Spread;

const TIMES: [(&str, Time); 3] = [
    ("ttft", |p| &p.ttft),
    ("tpot", |p| &p.tpot),
    ("e2e", |p| &p.e2e),
];

/// Renders a record's samples as an HdrHistogram log.
#[must_use]
pub fn hdr(run: &Run, detail: &Detail) -> String {
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
            for (metric, time) in TIMES {
                let tag = format!("{}.{}.{metric}", slug(&variant.name), slug(&phase.name));
                if let Some(histogram) = time(of).histogram() {
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
    let is_turn = |event: &EventRow| {
        let of_round = event.fields.get("round").is_none_or(|own| *own == round);
        event.event == "variant_started" && event.text("variant") == variant && of_round
    };
    let mut own = events.iter().skip_while(|event| !is_turn(event));
    let first = own.find(|event| event.event == "phase_started");
    Duration::from_secs_f64(first.map_or(0.0, |event| event.at_ms.max(0.0)) / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SampleRow, fixture};
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_reads_back_with_the_values() {
        let run = fixture::pass();
        let rows: Vec<SampleRow> = (0..200)
            .map(|index| SampleRow {
                variant: "native".to_owned(),
                round: 1,
                sample: fixture::sample(index),
            })
            .collect();
        let phase = rows[0].sample.phase;
        let own = |row: &&SampleRow| row.sample.ok() && row.sample.phase == phase;
        let most = rows
            .iter()
            .filter(own)
            .filter_map(|row| row.sample.e2e())
            .max();
        let count = rows.iter().filter(own).count();
        let detail = Detail::gather(&run, rows.clone(), Vec::new());
        let text = hdr(&run, &detail);
        let name = &run.variants[0].phases[phase as usize].name;
        let tag = format!("native.{name}.e2e");
        let found = IntervalLogIterator::new(text.as_bytes())
            .filter_map(|entry| match entry.expect("a line") {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .find(|interval| interval.tag().is_some_and(|t| t.as_str() == tag))
            .unwrap_or_else(|| panic!("no {tag} in\n{text}"));
        let bytes = base64(found.encoded_histogram());
        let histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .expect("a histogram");
        assert_eq!(histogram.len() as usize, count);
        let most = most.expect("values") as f64;
        assert!((histogram.max() as f64 - most).abs() <= most * 1e-3);
    }

    #[test]
    fn rounds_last_from_the_first_to_the_last() {
        let run = fixture::pass();
        let row = |round| SampleRow {
            variant: "native".to_owned(),
            round,
            sample: fixture::sample(1),
        };
        let event = |at_ms, event: &str, fields| EventRow {
            at_ms,
            event: event.to_owned(),
            fields: serde_json::from_value(fields).expect("a map"),
        };
        let turn = |round, at_ms| {
            let fields = serde_json::json!({"variant": "native", "round": round});
            [
                event(at_ms, "variant_started", fields),
                event(at_ms + 500.0, "phase_started", serde_json::json!({})),
            ]
        };
        let events = [turn(1, 1_000.0), turn(2, 61_000.0)].concat();
        let detail = Detail::gather(&run, [row(1), row(2)], events);
        let text = hdr(&run, &detail);
        let line = text.lines().find(|line| line.contains("native"));
        let sample = fixture::sample(1);
        let began = 1.5 + sample.due_ns as f64 / 1e9;
        let long = 60.0 + (sample.end_ns - sample.due_ns) as f64 / 1e9;
        let numbers: Vec<f64> = line
            .expect("a histogram")
            .split(',')
            .skip(1)
            .take(2)
            .map(|number| number.parse().expect("a number"))
            .collect();
        assert!((numbers[0] - began).abs() < 2e-3, "{line:?}");
        assert!((numbers[1] - long).abs() < 2e-3, "{line:?}");
    }

    fn base64(text: &str) -> Vec<u8> {
        let digit = |c: u8| match c {
            b'A'..=b'Z' => u32::from(c - b'A'),
            b'a'..=b'z' => u32::from(c - b'a') + 26,
            b'0'..=b'9' => u32::from(c - b'0') + 52,
            b'+' => 62,
            _ => 63,
        };
        let text = text.trim_end_matches('=').as_bytes();
        let mut out = Vec::new();
        for group in text.chunks(4) {
            let bits =
                group.iter().fold(0, |bits, c| bits << 6 | digit(*c)) << (6 * (4 - group.len()));
            out.extend(&bits.to_be_bytes()[1..group.len()]);
        }
        out
    }
}
