use super::*;
use crate::measure::lifecycle::PhaseKind;
use crate::record::{SampleRow, fixture};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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
    let bytes = BASE64_STANDARD
        .decode(found.encoded_histogram())
        .expect("base64");
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
    let row_of = |at_ms, event| EventRow {
        at_ms,
        event: Some(event),
    };
    let turn = |round, at_ms| {
        let started = Event::VariantStarted {
            variant: "native".to_owned(),
            engine: "vllm".to_owned(),
            round: Some(round),
            up: false,
        };
        let phase = Event::PhaseStarted {
            phase: "closed".to_owned(),
            kind: PhaseKind::Closed,
            requests: None,
        };
        [row_of(at_ms, started), row_of(at_ms + 500.0, phase)]
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
