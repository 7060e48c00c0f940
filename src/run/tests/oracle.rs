//! The client held against the oracle: what it says is what was sent, and what goes wrong on purpose is noticed.

use crate::doctor::floor::{Driven, drive, drive_beside, timetable};
use crate::measure::answer::assemble;
use crate::measure::exchange::Exchange;
use crate::measure::lifecycle::PhaseKind;
use crate::measure::sample::{Judgement, Sample};
use crate::measure::summary::{Objectives, Summary};
use crate::plan::{PhasePlan, Shape};
use crate::scenario::model::Measurement;
use crate::sim::exact::{Timetable, Truth};
use crate::verify::{Measured, PhaseResult, quality};
use std::time::Duration;

/// Each exchange with the truth about it, by the answer's id.
fn pairs(driven: &Driven) -> Vec<(&Exchange, &Truth)> {
    let of = |exchange: &Exchange| {
        let body = assemble(exchange).body;
        let id = body["id"].as_str()?.strip_prefix("exact-")?;
        let number: u64 = id.parse().ok()?;
        driven.truths.iter().find(|t| t.request == number)
    };
    let pairs = driven
        .exchanges
        .iter()
        .map(|e| (e, of(e).expect("every answer has a truth")));
    pairs.collect()
}

fn sample(exchange: &Exchange) -> Sample {
    Sample::new(
        exchange,
        &assemble(exchange),
        0,
        Judgement::default(),
        false,
    )
}

fn driven(timetable: Timetable) -> Driven {
    drive(timetable, &Shape::closed(8, 64)).expect("an oracle")
}

#[test]
fn every_token_is_seen_when_it_was_sent() {
    let driven = driven(timetable(20, 5, 20));
    assert_eq!((driven.exchanges.len(), driven.truths.len()), (64, 64));
    let mut errors = Vec::new();
    for (exchange, truth) in pairs(&driven) {
        let row = sample(exchange);
        assert!(row.ok(), "{:?}", row.detail);
        assert_eq!((row.output_tokens, row.chunks), (Some(20), 20));
        let seen = assemble(exchange).timeline.texts;
        for (seen, (before, after)) in seen.iter().zip(&truth.sends) {
            // The bridge between the clocks is good to 50 us.
            assert!(seen + 100_000 >= *before, "seen before it was sent");
            errors.push(seen.saturating_sub(*after));
        }
        assert!(exchange.sent.is_some_and(|sent| sent <= truth.received));
    }
    errors.sort_unstable();
    // The kernel stamps within the sender's own call, however busy the machine is; a reader that fell behind may find two
    // tokens in one read.
    assert!(
        errors[errors.len() / 2] < 100_000,
        "{} ns at p50",
        errors[errors.len() / 2]
    );
}

#[test]
fn a_late_start_is_seen_where_it_was_ordered() {
    let driven = driven(Timetable {
        late_every: Some(4),
        late_by: Duration::from_millis(300),
        ..timetable(5, 1, 3)
    });
    for (exchange, truth) in pairs(&driven) {
        let ttft = sample(exchange).ttft().expect("it has text");
        let ordered = (truth.request + 1) % 4 == 0;
        assert!(!ordered || ttft >= 300_000_000, "{ttft}");
        let first = truth.sends[0].0 - exchange.sent.expect("it was sent");
        assert!(ttft + 100_000 >= first);
    }
}

#[test]
fn dropped_and_doubled_tokens_are_counted() {
    let driven = driven(Timetable {
        drop_every: Some(8),
        double_every: Some(5),
        ..timetable(5, 1, 10)
    });
    let mut odd = 0;
    for (exchange, truth) in pairs(&driven) {
        let row = sample(exchange);
        assert_eq!(
            row.output_tokens,
            Some(10),
            "usage counts what was generated"
        );
        assert_eq!(row.chunks as usize, truth.sends.len());
        odd += usize::from(row.chunks != 10);
    }
    assert_eq!(odd, 19, "8 dropped, 12 doubled, one of them both");
}

/// What the quality verdict finds of the client.
fn findings(driven: &Driven, shape: Shape) -> Vec<String> {
    let mut summary = Summary::new(Objectives::default());
    for exchange in &driven.exchanges {
        let gaps = assemble(exchange).timeline.gaps;
        summary.add(&sample(exchange), &gaps, &exchange.delays());
    }
    let phase = PhasePlan {
        name: "closed".into(),
        kind: PhaseKind::Closed,
        shape,
        measured: true,
        until: None,
        search: None,
    };
    let result = PhaseResult {
        plan: &phase,
        figures: &summary.finish(),
        examples: &crate::verify::examples::NONE,
        counted_by_chunks: 0,
        told: None,
        server: None,
    };
    let measured = Measured {
        variant: "v",
        startup_ms: None,
        teardown_ms: None,
        phases: &[result],
    };
    let quality = quality(&[measured], &Measurement::default());
    quality.findings.into_iter().map(|f| f.code).collect()
}

#[test]
fn a_client_made_slow_is_noticed() {
    let shape = Shape::closed(8, 32);
    let slow = || std::thread::sleep(Duration::from_millis(30));
    let driven = drive_beside(timetable(20, 5, 20), &shape, &slow).expect("an oracle");
    let found = findings(&driven, shape);
    for code in ["client_delay", "crowded_reads"] {
        assert!(found.iter().any(|f| f == code), "{code} in {found:?}");
    }
}
