use super::*;
use crate::measure::lifecycle::PhaseKind;
use crate::record::fixture;
use std::io::Write as _;

fn line(at_ms: f64, event: &Event) -> String {
    let mut value = serde_json::to_value(event).expect("an event");
    value["at_ms"] = at_ms.into();
    value.to_string() + "\n"
}

#[test]
fn a_run_is_followed_as_it_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut events = File::create(dir.path().join(EVENTS_FILE)).expect("a file");
    let mut samples = File::create(dir.path().join(SAMPLES_FILE)).expect("a file");
    events.try_lock().expect("a lock");
    let mut follow = Follow::open(dir.path()).expect("a record");
    assert!(follow.alive());
    let started = Event::VariantStarted {
        variant: "native".to_owned(),
        engine: "sim".to_owned(),
        round: None,
        up: false,
    };
    let phase = Event::PhaseStarted {
        kind: PhaseKind::Closed,
        phase: "warmup".to_owned(),
        requests: Some(4),
    };
    let text =
        line(1.0, &started) + &line(2.0, &phase) + "{\"at_ms\":3,\"event\":\"from the future\"}\n";
    events.write_all(text.as_bytes()).expect("written");
    let row = |index: u64| {
        let mut sample = fixture::sample(index);
        sample.phase = 0;
        let row = SampleRow {
            variant: "native".to_owned(),
            round: 1,
            sample,
        };
        serde_json::to_string(&row).expect("a row") + "\n"
    };
    let two = row(0) + &row(1);
    // The second row is not whole yet.
    samples
        .write_all(&two.as_bytes()[..two.len() - 9])
        .expect("written");
    let news = follow.news().expect("news");
    assert_eq!(news[..2], [(Some(1.0), started), (Some(2.0), phase)]);
    let done = |news: &[(Option<f64>, Event)]| match news.last() {
        Some((
            None,
            Event::PhaseProgress {
                done,
                requests: Some(4),
                ..
            },
        )) => *done,
        other => panic!("{other:?}"),
    };
    assert_eq!((news.len(), done(&news)), (3, 1));
    assert_eq!(follow.news().expect("news"), []);
    samples
        .write_all(&two.as_bytes()[two.len() - 9..])
        .expect("written");
    assert_eq!(done(&follow.news().expect("news")), 2);
    drop(events);
    assert!(!follow.alive());
}
