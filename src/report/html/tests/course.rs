use super::*;

fn point(due: u64, end: u64) -> Point {
    Point {
        each: 1,
        ok: true,
        due,
        sent: Some(due),
        ttft: Some(1_000_000),
        end,
        ..Point::default()
    }
}

/// Requests of these rounds.
fn drawn(points: impl IntoIterator<Item = (u32, Point)>) -> Requests {
    let mut requests = Requests::default();
    for (round, point) in points {
        requests.draw(round, point);
    }
    requests
}

#[test]
fn a_process_that_dies_under_load_is_marked_where_it_did() {
    let points = [(0, 4_000_000_000), (1_000_000, 2_000_000_000)];
    let requests = drawn(points.map(|(due, end)| (1, point(due, end))));
    let row = |at_ms: f64, text: &str| -> EventRow {
        let event = serde_json::from_str(text).expect("an event");
        EventRow {
            at_ms,
            event: Some(event),
        }
    };
    let events = [
        row(
            0.0,
            r#"{"event": "variant_started", "variant": "native", "engine": "sim"}"#,
        ),
        row(500.0, r#"{"event": "phase_started", "phase": "closed"}"#),
        row(
            1_500.0,
            r#"{"event": "process_exited", "process": "worker", "status": "signal 9 (KILL)", "expected": false}"#,
        ),
        row(
            5_000.0,
            r#"{"event": "teardown_started", "reason": "failed"}"#,
        ),
    ];
    let course = Course::new(&requests).expect("points");
    let faults = course.faults(&events, "native");
    assert_eq!(
        faults,
        [(0.25, "worker ended with signal 9 (KILL)".to_owned())]
    );
    assert_eq!(course.faults(&events, "dynamo"), []);
}

#[test]
fn what_gpus_told_is_drawn() {
    let row = serde_json::from_str(
            r#"{"variant": "v", "phase": 0, "at_ns": 100, "counters": {},
                "gauges": {"running": 2, "gpu1_utilization": 0.5, "gpu1_memory": 0.9, "gpu1_power_w": 61.2}}"#,
        )
        .expect("a row");
    let mut requests = drawn([(1, point(0, 900))]);
    requests.levels.push(row);
    let course = Course::new(&requests).expect("points");
    let named = course.gpus();
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["GPU 1 busy", "GPU 1 memory"]);
    assert_eq!(course.level(&named[0].1, 100.0).last(), Some(&Some(50.0)));
}

#[test]
fn of_several_rounds_the_last_is_drawn() {
    let requests = drawn([(1, point(0, 900)), (2, point(0, 500)), (2, point(0, 700))]);
    let course = Course::new(&requests).expect("points");
    assert_eq!((course.round, course.points.len()), (2, 2));
    assert!((course.width * course.bins as f64 - 700.0).abs() < 1e-6);
}

#[test]
fn time_in_flight_is_neither_lost_nor_made() {
    let points = [(0, 1_000), (100, 350), (340, 341), (999, 1_200)];
    let requests = drawn(points.map(|(due, end)| (1, point(due, end))));
    let course = Course::new(&requests).expect("points");
    let total: f64 = course.in_flight().into_iter().flatten().sum::<f64>() * course.width;
    assert!(
        (total - (1_000.0 + 250.0 + 1.0 + 201.0)).abs() < 1e-6,
        "{total}"
    );
    let answered: f64 = course.rate(true).into_iter().flatten().sum::<f64>() * course.width / 1e9;
    assert!((answered - 4.0).abs() < 1e-9);
}
