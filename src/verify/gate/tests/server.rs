//! Gates and goals on the metrics of the server.

use super::*;

#[test]
fn a_servers_own_figures_are_gated_and_held_against_the_clients() {
    use crate::measure::server::{Gauge, ServerTime, ServerWindow, Told};
    let plan = plan("closed", true);
    let time = |mean| ServerTime {
        count: 10,
        mean,
        ..ServerTime::default()
    };
    let mut server = ServerWindow {
        prefix_hit_rate: Some(0.25),
        ..ServerWindow::default()
    };
    server.times.insert("queue".to_owned(), time(12.0));
    server.times.insert("engine_e2e".to_owned(), time(90.0));
    server.counters.insert("preemptions".to_owned(), 0.0);
    server.counters.insert("output_tokens".to_owned(), 160.0);
    let usage = Gauge {
        count: 3,
        mean: 0.5,
        max: 0.95,
    };
    server.gauges.insert("kv_cache_usage".to_owned(), usage);
    let mut told = Told::default();
    (0..10).for_each(|_| told.add(Some(5), Some(16), None));
    let mut figures = figures(Metrics::default());
    (
        figures.counts.sent,
        figures.counts.succeeded,
        figures.counts.failed,
    ) = (10, 10, 0);
    let judged = |gate: &str, server: Option<&ServerWindow>| {
        let phase = [PhaseResult {
            plan: &plan,
            figures: &figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: 0,
            told: Some(&told),
            server,
        }];
        let on = Measured {
            variant: "v",
            startup_ms: None,
            teardown_ms: None,
            phases: &phase,
        };
        let found = quality(&[on], &Measurement::default())
            .findings
            .into_iter()
            .map(|f| f.code);
        let checks = gates(&[gate.parse().expect("a gate")], &on, &[]);
        (
            checks[0].passed,
            checks[0].detail.clone(),
            found.collect::<Vec<_>>(),
        )
    };
    for (gate, passed, detail) in [
        ("server.prefix_hit_rate > 0.5", false, "found 25.000%"),
        ("server.prefix_hit_rate >= 25%", true, "found 25.000%"),
        ("server.queue < 20ms", true, "found 12.000 ms"),
        ("server.preemptions == 0", true, "found 0.00"),
        ("server.kv_cache_usage < 90%", false, "found 95.000%"),
    ] {
        let (held, said, findings) = judged(gate, Some(&server));
        assert_eq!((held, said.as_str()), (passed, detail), "{gate}");
        assert!(
            !findings.contains(&"token_counts_differ".to_owned()),
            "{findings:?}"
        );
    }
    assert!(
        !judged("server.queue < 20ms", None).0,
        "nothing known is nothing held"
    );
    server.counters.insert("output_tokens".to_owned(), 150.0);
    let (_, _, findings) = judged("server.queue < 20ms", Some(&server));
    assert!(
        findings.contains(&"token_counts_differ".to_owned()),
        "{findings:?}"
    );
}

#[test]
fn a_goal_may_be_of_what_the_server_says() {
    let figure = Figure::Number(Number::PrefixHitRate);
    let goal = [gate("server.prefix_hit_rate > 0.5", figure, Op::Gt, 0.5)];
    let figures = figures(Metrics::default());
    let said = |rate| ServerWindow {
        prefix_hit_rate: Some(rate),
        ..ServerWindow::default()
    };
    assert!(keeps(&goal, &figures, Some(&said(0.6))));
    assert!(!keeps(&goal, &figures, Some(&said(0.4))));
    assert!(!keeps(&goal, &figures, None));
}
