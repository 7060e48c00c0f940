use super::*;
use crate::event::Event;
use crate::record::{Redactor, Writer, fixture, read};

fn started(variant: &str, round: Option<u32>) -> [Event; 2] {
    let started = Event::VariantStarted {
        variant: variant.to_owned(),
        engine: "sim".to_owned(),
        round,
        up: false,
    };
    let phase = Event::PhaseStarted {
        phase: "closed".to_owned(),
        kind: PhaseKind::Closed,
        requests: Some(9),
    };
    [started, phase]
}

fn rows(writer: &Writer, variant: &str, round: u32, count: u64) {
    for index in 0..count {
        let mut sample = fixture::sample(index);
        sample.phase = 0;
        writer.sample(variant, round, &sample).expect("written");
    }
}

/// A run of two variants that is killed in its second round, after three requests of the second variant's turn.
fn killed_in_the_second_round(reports: &Path) -> Run {
    let mut run = fixture::rounds(1, 1.0);
    run.finished = None;
    let writer = Writer::create(reports, &mut run, Redactor::default()).expect("created");
    let turns = [
        ("native", 1, 5),
        ("dynamo", 1, 5),
        // Its first start found its port taken.
        ("dynamo", 2, 0),
        ("dynamo", 2, 3),
    ];
    for (variant, round, count) in turns {
        for event in started(variant, Some(round)) {
            writer.event(&event).expect("written");
        }
        rows(&writer, variant, round, count);
    }
    let mut back = read(writer.dir()).expect("a record");
    back.recover(writer.dir()).expect("recovered");
    back
}

#[test]
fn a_run_killed_in_its_second_round_holds_every_variant_once() {
    let reports = tempfile::tempdir().expect("a directory");
    let run = killed_in_the_second_round(reports.path());
    let names: Vec<&str> = run.variants.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["native", "dynamo"]);
    let numbers = |variant: &VariantRecord| -> Vec<u32> {
        variant.rounds.iter().map(|round| round.round).collect()
    };
    assert_eq!(numbers(&run.variants[0]), [1]);
    assert_eq!(numbers(&run.variants[1]), [1, 2]);
    let second = &run.variants[1].rounds[1];
    assert_eq!((second.turn, second.phases.len()), (3, 1));
    assert_eq!(second.phases[0].counts.sent, 3, "rows of its own round");
    assert!(run.summary.contains("13 requests"), "{}", run.summary);
}

#[test]
fn a_variant_that_run_json_does_not_hold_is_counted_from_its_rows() {
    let reports = tempfile::tempdir().expect("a directory");
    for round in [None, Some(1)] {
        let mut run = fixture::empty();
        let writer =
            Writer::create(reports.path(), &mut run, Redactor::default()).expect("created");
        for event in started("native", round) {
            writer.event(&event).expect("written");
        }
        rows(&writer, "native", 1, 4);
        let mut back = read(writer.dir()).expect("a record");
        back.recover(writer.dir()).expect("recovered");
        let [variant] = &back.variants[..] else {
            panic!("{:?}", back.variants)
        };
        assert_eq!(variant.engine.kind, "sim");
        assert_eq!(variant.phases[0].counts.sent, 4);
        let rounds: Vec<u32> = variant.rounds.iter().map(|round| round.round).collect();
        assert_eq!(rounds, Vec::from_iter(round));
    }
}
