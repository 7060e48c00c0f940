//! Tests of the drawn lines, with given times and widths.

use super::*;
use crate::measure::lifecycle::PhaseKind;
use std::time::Duration;

fn started(process: &str) -> Event {
    Event::ProcessStarted {
        process: process.to_owned(),
        pid: 1,
    }
}

#[test]
fn current_activities_are_redrawn_and_finished_steps_stay() {
    let logs = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(logs.path().join("native")).expect("made");
    let log = logs.path().join("native/worker.log");
    std::fs::write(
        log,
        "$ vllm serve\n\u{1b}[31mLoading weights\u{1b}[0m 45%\n",
    )
    .expect("written");
    let (mut live, mut screen, now) = (Live::new(logs.path()), Vec::new(), Instant::now());
    live.tell(
        &Event::VariantStarted {
            variant: "native".to_owned(),
            engine: "vllm".to_owned(),
            round: None,
            up: false,
        },
        now,
        80,
        &mut screen,
    );
    live.tell(&started("worker"), now, 80, &mut screen);
    let later = now + Duration::from_secs(12);
    assert_eq!(
        live.lines(later, 80),
        ["  … worker starting, 12.0 s  Loading weights 45%"]
    );
    live.tell(&started("frontend"), now, 80, &mut screen);
    assert_eq!(live.lines(later, 30)[0], "  … worker starting, 12.0 s");
    let ready = Event::StageReady {
        process: "worker".to_owned(),
        stage: StageKind::Probe,
        ms: 12_000.0,
    };
    screen.clear();
    live.tell(&ready, later, 80, &mut screen);
    let shown = String::from_utf8(screen).expect("text");
    assert!(
        shown.starts_with("\u{1b}[1A\u{1b}[2K\u{1b}[1A\u{1b}[2K  worker ready in 12.0 s\n"),
        "{shown:?}"
    );
    assert_eq!(live.lines(later, 80).len(), 1);
}

#[test]
fn a_phase_shows_its_progress_and_remaining_time() {
    let (mut live, now) = (Live::new(Path::new("/nowhere")), Instant::now());
    let mut screen = Vec::new();
    let phase = "closed".to_owned();
    let begin = Event::PhaseStarted {
        kind: PhaseKind::Closed,
        phase: phase.clone(),
        requests: Some(400),
    };
    live.tell(&begin, now, 120, &mut screen);
    assert_eq!(live.lines(now, 120), ["  … closed 0/400"]);
    let progress = Event::PhaseProgress {
        phase,
        done: 100,
        requests: Some(400),
        failed: 3,
        ttft_p50_ms: Some(31.4),
    };
    live.tell(&progress, now, 120, &mut screen);
    assert_eq!(
        live.lines(now + Duration::from_secs(10), 120),
        ["  … closed 100/400  10.0/s  TTFT p50 31 ms, 3 failed  30.0 s left"]
    );
    for width in [80, 40, 24] {
        let lines = live.lines(now + Duration::from_secs(10), width);
        assert!(lines.iter().all(|line| line.width() < width));
    }
}

#[test]
fn a_wait_is_drawn_until_requests_are_served() {
    let (mut live, now) = (Live::new(Path::new("/nowhere")), Instant::now());
    let mut screen = Vec::new();
    let waiting = Event::Waiting {
        whom: "http://h:8000".to_owned(),
        reason: "connect: refused".to_owned(),
        waited_ms: 2_000.0,
        limit_ms: 60_000.0,
    };
    live.tell(&waiting, now, 120, &mut screen);
    assert_eq!(
        live.lines(now + Duration::from_secs(1), 120),
        ["  … waiting for http://h:8000, 3.0 s of 60.0 s: connect: refused"]
    );
    let shown = String::from_utf8(screen).expect("text");
    assert_eq!(shown.lines().count(), 1, "redrawn, not scrolled: {shown:?}");
    assert_eq!(
        line(&waiting).as_deref(),
        Some("  waiting for http://h:8000 (2.0 s of at most 60.0 s): connect: refused")
    );
    let begin = Event::PhaseStarted {
        kind: PhaseKind::Closed,
        phase: "closed".to_owned(),
        requests: None,
    };
    live.tell(&begin, now, 120, &mut Vec::new());
    assert!(live.lines(now, 120)[0].contains("closed"));
}

#[test]
fn wide_characters_take_two_columns() {
    let logs = tempfile::tempdir().unwrap();
    std::fs::create_dir(logs.path().join("日本語")).unwrap();
    let text = "$ serve\nloading 🚀🚀🚀 Qwen, cafe\u{301} モデルを読み込んでいます\n";
    std::fs::write(logs.path().join("日本語/worker.log"), text).unwrap();
    let (mut live, now) = (Live::new(logs.path()), Instant::now());
    let mut screen = Vec::new();
    let turn = Event::VariantStarted {
        variant: "日本語".to_owned(),
        engine: "vllm".to_owned(),
        round: None,
        up: false,
    };
    let started = Event::ProcessStarted {
        process: "worker".to_owned(),
        pid: 7,
    };
    live.tell(&turn, now, 120, &mut screen);
    live.tell(&started, now, 120, &mut screen);
    for width in 21..90 {
        let lines = live.lines(now, width);
        let columns = lines[0].width();
        assert!(columns < width, "{columns} of {width}: {}", lines[0]);
        // At most one wide character and the space before it are cut.
        assert!(
            columns + 4 > width.min(73),
            "{columns} of {width}: {}",
            lines[0]
        );
    }
}
