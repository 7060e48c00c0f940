use super::*;
use crate::measure::server::ServerTime;
use crate::record::fixture;

/// A phase of 100 streamed requests: client's TTFT and end to end, and the server's times.
fn phase(ttft: f64, e2e: f64, times: &[(&str, f64)]) -> PhaseRecord {
    let mut phase = fixture::pass().variants.remove(0).phases.remove(1);
    let of = |mean: f64| {
        let mut times = phase.metrics.times[Timing::E2e].clone()?;
        times[Statistic::Mean] = mean;
        Some(times)
    };
    let (ttft, e2e, from_due) = (of(ttft), of(e2e), of(e2e + 1.0));
    phase.metrics.times[Timing::FirstChunk] = ttft.clone();
    phase.metrics.times[Timing::Ttft] = ttft;
    phase.metrics.times[Timing::E2e] = e2e;
    phase.metrics.times[Timing::E2eFromDue] = from_due;
    phase.metrics.times[Timing::Connect] = None;
    let times = times.iter().map(|(name, mean)| {
        let time = ServerTime {
            count: 100,
            mean: *mean,
            ..ServerTime::default()
        };
        ((*name).to_owned(), time)
    });
    phase.server = Some(ServerWindow {
        times: times.collect(),
        ..ServerWindow::default()
    });
    phase
}

fn engine(ttft: f64, queue: f64, prefill: f64, decode: f64) -> Vec<(&'static str, f64)> {
    vec![
        ("engine_ttft", ttft),
        ("queue", queue),
        ("prefill", prefill),
        ("decode", decode),
    ]
}

fn told(a: &PhaseRecord, b: &PhaseRecord) -> (Vec<Split>, Vec<String>) {
    of_phases(("a", &[a]), ("b", &[b])).expect("measured")
}

fn part<'a>(split: &'a Split, name: &str) -> &'a BreakdownPart {
    split.parts.iter().find(|p| p.name == name).expect("a part")
}

#[test]
fn each_part_gets_its_share_and_the_largest_is_named() {
    let a = phase(40.0, 140.0, &engine(35.0, 5.0, 28.0, 95.0));
    let b = phase(60.0, 161.0, &engine(36.0, 5.0, 29.0, 95.0));
    let (splits, notes) = told(&a, &b);
    let first = &splits[0];
    assert_eq!(
        (first.name.as_str(), first.difference_ms),
        ("first token", 20.0)
    );
    assert_eq!(part(first, "frontend").difference_ms, Some(19.0));
    assert_eq!(part(first, "frontend").share, Some(0.95));
    assert_eq!(part(first, "hand-over").difference_ms, Some(0.0));
    assert_eq!(part(first, "client").baseline_ms, Some(1.0));
    assert_eq!(first.blamed.as_deref(), Some("frontend"));
    assert!(first.unexplained_ms.abs() < 1e-9);
    let stream = &splits[1];
    assert_eq!(
        (stream.name.as_str(), stream.difference_ms),
        ("stream", 1.0)
    );
    assert_eq!(part(stream, "delivery").difference_ms, Some(1.0));
    assert_eq!(stream.blamed, None, "one percent is nobody's");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn queue_prefill_and_decode_are_told_apart() {
    let base = phase(40.0, 140.0, &engine(35.0, 5.0, 28.0, 95.0));
    for (ttft, e2e, times, which, name) in [
        (60.0, 160.0, engine(55.0, 25.0, 28.0, 95.0), 0, "queue"),
        (60.0, 160.0, engine(55.0, 5.0, 48.0, 95.0), 0, "prefill"),
        (60.0, 160.0, engine(55.0, 5.0, 28.0, 95.0), 0, "hand-over"),
        (40.0, 180.0, engine(35.0, 5.0, 28.0, 135.0), 1, "decode"),
        (40.0, 180.0, engine(35.0, 5.0, 28.0, 95.0), 1, "delivery"),
    ] {
        let (splits, _) = told(&base, &phase(ttft, e2e, &times));
        assert_eq!(splits[which].blamed.as_deref(), Some(name));
        assert_eq!(splits[1 - which].blamed, None);
    }
}

#[test]
fn what_only_one_side_tells_is_not_held_against_the_other() {
    let nvext = [
        ("nvext_ttft", 38.0),
        ("nvext_wait", 4.0),
        ("nvext_prefill", 34.0),
        ("nvext_total", 130.0),
    ];
    let mut both = engine(35.0, 5.0, 28.0, 95.0);
    both.extend(nvext);
    let (a, b) = (phase(40.0, 140.0, &nvext), phase(60.0, 160.0, &both));
    let (splits, notes) = told(&a, &b);
    assert_eq!(part(&splits[0], "frontend").baseline_ms, Some(2.0));
    assert_eq!(part(&splits[1], "decode").baseline_ms, Some(92.0));
    assert!(notes[0].contains("nvext.timing"), "{notes:?}");
    let nothing = phase(60.0, 160.0, &[]);
    let (splits, notes) = told(&a, &nothing);
    assert_eq!(splits[0].unexplained_ms, 20.0);
    assert_eq!(part(&splits[0], "server").difference_ms, None);
    assert_eq!(splits[0].blamed, None);
    assert!(notes[0].contains("unexplained"), "{notes:?}");
}

#[test]
fn a_frontend_that_tells_one_time_is_split_no_further() {
    let times = |ttft| vec![("frontend_ttft", ttft), ("frontend_e2e", 130.0)];
    let (a, b) = (
        phase(40.0, 140.0, &times(38.0)),
        phase(60.0, 160.0, &times(58.0)),
    );
    let (splits, _) = told(&a, &b);
    assert_eq!(splits[0].blamed.as_deref(), Some("server"));
    assert!(splits[0].parts.iter().all(|part| part.name != "queue"));
}

#[test]
fn answers_that_do_not_stream_are_split_whole() {
    let unary = |e2e, times: &[(&str, f64)]| {
        let mut phase = phase(0.0, e2e, times);
        phase.metrics.times[Timing::Ttft] = None;
        phase
    };
    let times = |decode: f64| {
        let mut times = engine(35.0, 5.0, 28.0, decode);
        times.push(("engine_e2e", 40.0 + decode));
        times
    };
    let (splits, _) = told(&unary(140.0, &times(95.0)), &unary(190.0, &times(145.0)));
    assert_eq!(splits.len(), 1);
    assert_eq!(splits[0].name, "answer");
    assert_eq!(splits[0].blamed.as_deref(), Some("decode"));
    assert!(splits[0].unexplained_ms.abs() < 1e-9);
}

#[test]
fn rounds_weigh_by_their_requests_and_foreign_requests_are_told() {
    let small = phase(100.0, 200.0, &engine(90.0, 5.0, 80.0, 95.0));
    let mut large = phase(40.0, 140.0, &engine(35.0, 5.0, 28.0, 95.0));
    for timing in [Timing::Ttft, Timing::E2e, Timing::E2eFromDue] {
        let d = &mut large.metrics.times[timing];
        d.as_mut().expect("measured").count = 300;
    }
    let (splits, notes) = of_phases(("a", &[&small, &large]), ("b", &[&small])).expect("measured");
    assert!(
        (splits[0].baseline_ms - 56.0).abs() < 1e-9,
        "(100 + 3 * 40) / 4 + 1"
    );
    assert!(notes.is_empty(), "{notes:?}");
    large.counts.succeeded = 300;
    let (_, notes) = of_phases(("a", &[&large]), ("b", &[&small])).expect("measured");
    assert!(
        notes[0].contains("a: the server's means are of 100 requests, the client's of 300"),
        "{notes:?}"
    );
}

#[test]
fn answers_without_text_are_held_by_their_first_chunk() {
    let mut a = phase(40.0, 140.0, &engine(45.0, 5.0, 28.0, 95.0));
    let b = phase(50.0, 150.0, &engine(45.0, 5.0, 28.0, 95.0));
    // A quarter of the answers had no text, and came late: the server's mean is of all.
    let texts = a.metrics.times[Timing::Ttft].as_mut().expect("measured");
    texts.count = texts.count * 3 / 4;
    let chunks = a.metrics.times[Timing::FirstChunk]
        .as_mut()
        .expect("measured");
    chunks[Statistic::Mean] = 46.0;
    let (splits, notes) = told(&a, &b);
    assert_eq!(part(&splits[0], "frontend").baseline_ms, Some(1.0));
    assert_eq!(splits[1].baseline_ms, 94.0);
    assert!(notes[0].contains("no text"), "{notes:?}");
}

#[test]
fn nothing_answered_is_nothing_split() {
    let mut failed = phase(40.0, 140.0, &[]);
    failed.metrics = crate::measure::summary::Metrics::default();
    assert!(of_phases(("a", &[&failed]), ("b", &[&failed])).is_none());
    let run = fixture::pass();
    let all = decompose(&run);
    let named: Vec<_> = all
        .iter()
        .map(|d| (d.phase.as_str(), d.variant.as_str()))
        .collect();
    assert_eq!(named, [("batch", "dynamo"), ("closed", "dynamo")]);
    assert!(decompose(&fixture::empty()).is_empty());
}
