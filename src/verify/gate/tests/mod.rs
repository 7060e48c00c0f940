mod server;

use super::*;
use crate::measure::distribution::{Distribution, Distributions};
use crate::measure::lifecycle::PhaseKind;
use crate::measure::summary::{ClientAudit, Counts, Goodput, Metrics};
use crate::metric::{Figure, Number, Statistic, Timing};
use crate::plan::pace::{Pace, Rates};
use crate::plan::{Limit, Shape};
use crate::scenario::model::Measurement;
use crate::verify::QualityVerdict;
use crate::verify::quality;

fn plan(name: &str, measured: bool) -> PhasePlan {
    PhasePlan {
        name: name.to_owned(),
        kind: if measured {
            PhaseKind::Closed
        } else {
            PhaseKind::Warmup
        },
        shape: Shape::closed(1, 10),
        measured,
        until: None,
        search: None,
    }
}

fn spread(count: u64, p99: f64) -> Distribution {
    Distribution::new(count, true, |statistic| match statistic {
        Statistic::Min => 0.0,
        Statistic::P99 | Statistic::Max => p99,
        Statistic::Mean | Statistic::Percentile(_) => p99 / 2.0,
    })
}

fn times<const N: usize>(known: [(Timing, Distribution); N]) -> Distributions {
    let mut all = Distributions::default();
    for (timing, times) in known {
        all[timing] = Some(times);
    }
    all
}

fn figures(metrics: Metrics) -> PhaseFigures {
    PhaseFigures {
        window_ms: 1_000.0,
        counts: Counts {
            sent: 10,
            succeeded: 9,
            failed: 1,
        },
        errors: [("timeout".to_owned(), 1)].into_iter().collect(),
        failures: Vec::new(),
        metrics,
        audit: ClientAudit::default(),
    }
}

fn gate(text: &str, figure: Figure, op: Op, limit: f64) -> Gate {
    Gate {
        text: text.to_owned(),
        variant: None,
        figure,
        op,
        limit: crate::scenario::gate::Limit::Number(limit),
    }
}

const P99_TTFT: Figure = Figure::Timing(Statistic::P99, Timing::Ttft);

/// A warm-up that breaks everything, a phase with TTFT and one without.
fn with_phases(test: impl FnOnce(&Measured<'_>)) {
    let plans = [
        plan("warmup", false),
        plan("closed", true),
        plan("unary", true),
    ];
    let ttft = Metrics {
        times: times([(Timing::Ttft, spread(400, 812.0))]),
        ..Metrics::default()
    };
    let goodput = Some(Goodput {
        share: 0.95,
        requests_per_s: 9.0,
    });
    let unary = Metrics {
        goodput,
        ..Metrics::default()
    };
    let bad = Metrics {
        times: times([(Timing::Ttft, spread(1, 9e9))]),
        ..Metrics::default()
    };
    let figures = [figures(bad), figures(ttft), figures(unary)];
    let phases: Vec<_> = plans
        .iter()
        .zip(&figures)
        .map(|(plan, figures)| PhaseResult {
            plan,
            figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: 0,
            told: None,
            server: None,
        })
        .collect();
    let on = Measured {
        variant: "native",
        startup_ms: Some(1_500.0),
        teardown_ms: None,
        phases: &phases,
    };
    test(&on);
}

#[test]
fn a_gate_is_judged_on_each_measured_phase_that_has_it() {
    with_phases(|on| {
        let checks = gates(
            &[gate("p99 ttft < 800ms", P99_TTFT, Op::Lt, 800.0)],
            on,
            &[],
        );
        let want = Check {
            name: "p99 ttft < 800ms".to_owned(),
            scope: "native/closed".to_owned(),
            passed: false,
            detail: "found 812.000 ms (thin: 400 values, fewer than ten beyond p99)".to_owned(),
        };
        assert_eq!(checks, [want]);
        let checks = gates(
            &[gate(
                "error_rate == 0",
                Figure::Number(Number::ErrorRate),
                Op::Eq,
                0.0,
            )],
            on,
            &[],
        );
        let scopes: Vec<_> = checks.iter().map(|c| c.scope.as_str()).collect();
        assert_eq!(scopes, ["native/closed", "native/unary"]);
        assert!(
            checks
                .iter()
                .all(|c| !c.passed && c.detail == "found 10.000%")
        );
        let checks = gates(
            &[gate(
                "goodput >= 95%",
                Figure::Number(Number::Goodput),
                Op::Ge,
                0.95,
            )],
            on,
            &[],
        );
        assert!(checks.len() == 1 && checks[0].passed);
    });
}

#[test]
fn what_no_phase_has_fails() {
    with_phases(|on| {
        let tpot = Figure::Timing(Statistic::P50, Timing::Tpot);
        for figure in [
            tpot,
            Figure::Number(Number::OutputThroughput),
            Figure::Number(Number::Teardown),
        ] {
            let checks = gates(&[gate("x", figure, Op::Ge, 0.0)], on, &[]);
            assert!(checks.len() == 1 && !checks[0].passed, "{checks:?}");
            assert!(checks[0].detail.starts_with("not applicable"), "{checks:?}");
            assert_eq!(checks[0].scope, "native");
        }
        let startup = gates(
            &[gate(
                "startup < 2s",
                Figure::Number(Number::Startup),
                Op::Lt,
                2_000.0,
            )],
            on,
            &[],
        );
        assert!(startup[0].passed);
    });
}

#[test]
fn a_figure_that_is_no_number_satisfies_nothing() {
    for op in [Op::Lt, Op::Le, Op::Eq, Op::Ge, Op::Gt] {
        assert!(!holds(op, f64::NAN, 1.0));
    }
    assert!(holds(Op::Ge, 1.0, 1.0));
    assert!(!holds(Op::Gt, 1.0, 1.0));
    assert!(holds(Op::Le, 1.0, 1.0));
    assert!(holds(Op::Eq, 0.1 + 0.2, 0.3));
}

#[test]
fn a_gate_across_variants_holds_one_against_the_same_phase_of_the_other() {
    with_phases(|on| {
        let native = [*on];
        let dynamo = Measured {
            variant: "dynamo",
            startup_ms: Some(2_000.0),
            ..*on
        };
        let judged = |text: &str| gates(&[text.parse().unwrap()], &dynamo, &native);
        let found = judged("dynamo.p99 ttft <= 1.1 * native.p99 ttft");
        assert_eq!((found.len(), found[0].scope.as_str()), (1, "dynamo/closed"));
        assert!(found[0].passed);
        assert!(
            found[0].detail.ends_with("beyond p99), limit 893.200 ms"),
            "{}",
            found[0].detail
        );
        assert!(
            !judged("p99 ttft < native.p99 ttft")[0].passed,
            "equal is not less"
        );
        let startup = judged("startup <= 1.2 * native.startup");
        assert!(!startup[0].passed && startup[0].detail == "found 2000.000 ms, limit 1800.000 ms");
        let gone = judged("p99 ttft < 2 * other.p99 ttft");
        assert!(
            !gone[0].passed
                && gone[0]
                    .detail
                    .ends_with("but other has no such figure to hold it against")
        );
    });
}

#[test]
fn zero_successes_never_pass() {
    with_phases(|on| {
        let checks = successes(on);
        assert_eq!(checks.len(), 2);
        assert!(checks.iter().all(|c| c.passed));
        assert_eq!(checks[0].detail, "9 of 10 requests succeeded\ntimeout: 1");
        let none = Measured { phases: &[], ..*on };
        assert!(!successes(&none)[0].passed);
    });
    let plan = plan("closed", true);
    let mut dead = figures(Metrics::default());
    dead.counts = Counts {
        sent: 10,
        succeeded: 0,
        failed: 10,
    };
    let phases = [PhaseResult {
        plan: &plan,
        figures: &dead,
        examples: &crate::verify::examples::NONE,
        counted_by_chunks: 0,
        told: None,
        server: None,
    }];
    let on = Measured {
        variant: "v",
        startup_ms: None,
        teardown_ms: None,
        phases: &phases,
    };
    assert!(!successes(&on)[0].passed);
}

#[test]
fn a_late_client_is_marked_then_invalid() {
    let judged = |lag: f64, delay: f64, count: u64, chunks: u64| {
        let plan = plan("closed", true);
        let figures = figures(Metrics {
            times: times([
                (Timing::E2e, spread(count, 100.0)),
                (Timing::ScheduleLag, spread(10, lag)),
                (Timing::ClientDelay, spread(10, delay)),
            ]),
            ..Metrics::default()
        });
        let phases = [PhaseResult {
            plan: &plan,
            figures: &figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: chunks,
            told: None,
            server: None,
        }];
        let found = quality(
            &[Measured {
                variant: "v",
                startup_ms: None,
                teardown_ms: None,
                phases: &phases,
            }],
            &Measurement::default(),
        );
        let codes: Vec<_> = found.findings.iter().map(|f| f.code.clone()).collect();
        (found.verdict, codes.join(" "))
    };
    let is = |verdict: QualityVerdict, codes: &str| (verdict, codes.to_owned());
    assert_eq!(judged(1.0, 5.0, 1_000, 0), is(QualityVerdict::Good, ""));
    assert_eq!(
        judged(1.1, 5.0, 1_000, 0),
        is(QualityVerdict::Marked, "schedule_lag")
    );
    assert_eq!(
        judged(0.1, 5.1, 1_000, 0),
        is(QualityVerdict::Marked, "client_delay")
    );
    assert_eq!(
        judged(5.4, 5.1, 1_000, 0),
        is(QualityVerdict::Invalid, "schedule_lag client_delay")
    );
    assert_eq!(
        judged(0.1, 0.1, 999, 3),
        is(QualityVerdict::Good, "thin_percentiles tokens_from_chunks")
    );
    assert_eq!(
        judged(0.1, 9.0, 5, 0),
        is(QualityVerdict::Marked, "client_delay thin_percentiles")
    );
    assert_eq!(
        quality(&[], &Measurement::default()).verdict,
        QualityVerdict::Unmeasured
    );
}

#[test]
fn what_was_read_together_or_unstamped_is_noted() {
    let plan = plan("closed", true);
    let mut figures = figures(Metrics::default());
    figures.audit = ClientAudit {
        reads: 1_000,
        unstamped_reads: 11,
        coalesced_reads: 11,
        reconnects: 1,
        ..ClientAudit::default()
    };
    let codes = |figures: &PhaseFigures| {
        let phases = [PhaseResult {
            plan: &plan,
            figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: 0,
            told: None,
            server: None,
        }];
        let on = Measured {
            variant: "v",
            startup_ms: None,
            teardown_ms: None,
            phases: &phases,
        };
        let found = quality(&[on], &Measurement::default());
        assert_eq!(found.verdict, QualityVerdict::Good);
        found
            .findings
            .into_iter()
            .map(|f| f.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        codes(&figures),
        ["unstamped_reads", "crowded_reads", "reconnects"]
    );
    figures.audit = ClientAudit {
        reads: 1_000,
        unstamped_reads: 10,
        coalesced_reads: 10,
        ..ClientAudit::default()
    };
    assert!(codes(&figures).is_empty());
}

#[test]
fn a_clock_that_was_set_marks_the_measurement() {
    let plan = plan("closed", true);
    let mut figures = figures(Metrics::default());
    figures.audit.clock_steps = 1;
    let phases = [PhaseResult {
        plan: &plan,
        figures: &figures,
        examples: &crate::verify::examples::NONE,
        counted_by_chunks: 0,
        told: None,
        server: None,
    }];
    let found = quality(
        &[Measured {
            variant: "v",
            startup_ms: None,
            teardown_ms: None,
            phases: &phases,
        }],
        &Measurement::default(),
    );
    assert_eq!(
        (found.verdict, found.findings[0].code.as_str()),
        (QualityVerdict::Marked, "clock_steps")
    );
}

#[test]
fn an_open_loop_is_judged_by_its_lateness_unless_a_cap_made_it_late() {
    let open = PhasePlan {
        shape: Shape::Open {
            pace: Pace {
                rate: Rates::Steady(1.0),
                cv: 1.0,
                seed: 0,
            },
            limit: Limit::requests(10),
            max_in_flight: 4,
        },
        ..plan("open", true)
    };
    let judge = |p99: f64, held_back: u64| {
        let metrics = Metrics {
            times: times([
                (Timing::ScheduleLag, spread(2_000, p99)),
                (Timing::E2e, spread(2_000, 1e6)),
            ]),
            ..Metrics::default()
        };
        let mut figures = figures(metrics);
        figures.audit.held_back = held_back;
        let phase = PhaseResult {
            plan: &open,
            figures: &figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: 0,
            told: None,
            server: None,
        };
        let found = quality(
            &[Measured {
                variant: "v",
                startup_ms: None,
                teardown_ms: None,
                phases: &[phase],
            }],
            &Measurement::default(),
        );
        let codes: Vec<String> = found.findings.into_iter().map(|f| f.code).collect();
        (found.verdict, codes.concat())
    };
    let is = |verdict: QualityVerdict, codes: &str| (verdict, codes.to_owned());
    assert_eq!(judge(0.9, 0), is(QualityVerdict::Good, ""));
    assert_eq!(judge(1.1, 0), is(QualityVerdict::Marked, "schedule_lag"));
    assert_eq!(judge(5.1, 0), is(QualityVerdict::Invalid, "schedule_lag"));
    assert_eq!(judge(500.0, 3), is(QualityVerdict::Marked, "held_back"));
}

#[test]
fn every_limit_is_the_scenarios_own() {
    let plan = plan("closed", true);
    let mut figures = figures(Metrics {
        times: times([
            (Timing::Ttft, spread(1_000, 1.0)),
            (Timing::E2e, spread(1_000, 100.0)),
            (Timing::ScheduleLag, spread(1_000, 20.0)),
            (Timing::ClientDelay, spread(1_000, 20.0)),
        ]),
        ..Metrics::default()
    });
    figures.audit = ClientAudit {
        reads: 100,
        unstamped_reads: 30,
        coalesced_reads: 30,
        ..ClientAudit::default()
    };
    let codes = |limits: &str| {
        let limits: Measurement = serde_json::from_str(limits).unwrap();
        let phases = [PhaseResult {
            plan: &plan,
            figures: &figures,
            examples: &crate::verify::examples::NONE,
            counted_by_chunks: 0,
            told: None,
            server: None,
        }];
        let on = Measured {
            variant: "v",
            startup_ms: None,
            teardown_ms: None,
            phases: &phases,
        };
        let found = quality(&[on], &limits).findings;
        found.into_iter().map(|f| f.code).collect::<Vec<_>>()
    };
    let all = [
        "schedule_lag",
        "client_delay",
        "unstamped_reads",
        "crowded_reads",
    ];
    assert_eq!(codes("{}"), all);
    let wide = r#"{"schedule_lag": "1s", "schedule_lag_invalid": "1s", "idle": "90%", "client_delay": "1s", "crowded": "90%", "unstamped": "90%"}"#;
    assert_eq!(codes(wide), [""; 0]);
    assert_eq!(codes(&wide.replace("\"idle\": \"90%\", ", "")), all[..1]);
}

#[test]
fn comparisons_hold_at_their_edge() {
    assert!(holds(Op::Le, 1.0, 1.0) && holds(Op::Ge, 1.0, 1.0) && holds(Op::Eq, 0.0, 0.0));
    assert!(!holds(Op::Lt, 1.0, 1.0) && !holds(Op::Gt, 1.0, 1.0) && !holds(Op::Eq, 0.1, 0.0));
    assert!(!holds(Op::Lt, f64::NAN, 1.0) && !holds(Op::Gt, f64::NAN, 1.0));
}
