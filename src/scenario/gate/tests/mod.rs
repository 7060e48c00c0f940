use super::*;
use crate::metric::{Number, Statistic, Timing};

#[test]
fn gates_are_read_in_the_unit_of_their_metric() {
    let p99 = |timing| Figure::Timing(Statistic::P99, timing);
    for (text, figure, op, limit) in [
        ("p99 ttft < 800ms", p99(Timing::Ttft), Op::Lt, 800.0),
        (
            "mean e2e <= 2s",
            Figure::Timing(Statistic::Mean, Timing::E2e),
            Op::Le,
            2_000.0,
        ),
        (
            "error_rate == 0",
            Figure::Number(Number::ErrorRate),
            Op::Eq,
            0.0,
        ),
        (
            "error_rate < 1%",
            Figure::Number(Number::ErrorRate),
            Op::Lt,
            0.01,
        ),
        (
            "goodput>=95%",
            Figure::Number(Number::Goodput),
            Op::Ge,
            0.95,
        ),
        (
            "output_throughput > 400/s",
            Figure::Number(Number::OutputThroughput),
            Op::Gt,
            400.0,
        ),
        (
            "request_throughput >= 2.5/s",
            Figure::Number(Number::RequestThroughput),
            Op::Ge,
            2.5,
        ),
        (
            "startup < 180s",
            Figure::Number(Number::Startup),
            Op::Lt,
            180_000.0,
        ),
        (
            "  teardown  <  20s ",
            Figure::Number(Number::Teardown),
            Op::Lt,
            20_000.0,
        ),
        (
            "p99.9 ttft_from_due < 2s",
            Figure::Timing(Statistic::P99_9, Timing::TtftFromDue),
            Op::Lt,
            2_000.0,
        ),
        (
            "p99 schedule_lag < 100us",
            p99(Timing::ScheduleLag),
            Op::Lt,
            0.1,
        ),
    ] {
        let gate: Gate = text.parse().unwrap();
        assert_eq!((gate.figure, gate.op), (figure, op), "{text}");
        let Limit::Number(found) = gate.limit else {
            panic!("{text}: {:?}", gate.limit)
        };
        assert!((found - limit).abs() < 1e-9, "{text}: {found}");
        let json = serde_json::to_string(&gate).unwrap();
        assert_eq!(serde_json::from_str::<Gate>(&json).unwrap(), gate);
    }
}

#[test]
fn gates_can_compare_variants() {
    let p50 = Figure::Timing(Statistic::P50, Timing::Ttft);
    let times = |factor, variant: &str, figure| Limit::Times(factor, variant.to_owned(), figure);
    for (text, variant, figure, limit) in [
        (
            "dynamo.p50 ttft <= 1.1 * native.p50 ttft",
            Some("dynamo"),
            p50,
            times(1.1, "native", p50),
        ),
        (
            "v1.0.p50 ttft<=native.p50 ttft",
            Some("v1.0"),
            p50,
            times(1.0, "native", p50),
        ),
        (
            "dynamo.startup < 2*native.startup",
            Some("dynamo"),
            Figure::Number(Number::Startup),
            times(2.0, "native", Figure::Number(Number::Startup)),
        ),
        (
            "p50 ttft < 3 * native.p50 ttft",
            None,
            p50,
            times(3.0, "native", p50),
        ),
        (
            "dynamo.goodput >= 95%",
            Some("dynamo"),
            Figure::Number(Number::Goodput),
            Limit::Number(0.95),
        ),
    ] {
        let gate: Gate = text.parse().unwrap();
        assert_eq!(gate.variant.as_deref(), variant, "{text}");
        assert_eq!((gate.figure, gate.limit), (figure, limit), "{text}");
    }
    let both: Gate = "a.startup < 2 * b.startup".parse().unwrap();
    assert_eq!(both.variants().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn judged_metrics_have_the_keys_of_records() {
    for (text, key) in [
        ("ttft", "ttft_ms.p50"),
        ("p95 e2e", "e2e_ms.p95"),
        ("p99.9 ttft_from_due", "ttft_from_due_ms.p99.9"),
        ("output_throughput", "output_tokens_per_s"),
        ("startup", "ready_ms"),
    ] {
        assert_eq!(parse::judged_metric(text).unwrap(), key);
    }
    for wrong in [
        "goodput",
        "mean ttft",
        "tfft",
        "p99 p99",
        "",
        "p50 schedule_lag",
    ] {
        assert!(parse::judged_metric(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn mistakes_point_at_the_wrong_word() {
    for (text, word) in [
        ("p99 tfft < 800ms", "tfft"),
        ("p9 ttft < 800ms", "p9"),
        ("p99 ttft << 800ms", "<<"),
        ("p99 ttft < 800", "800"),
        ("goodput >= 95", "95"),
        ("error_rate != 0", "!="),
        ("ttft < 1s", "ttft"),
        ("dynamo.p9 ttft < 1s", "p9"),
        ("dynamo.ttft < 1s", "ttft"),
        ("p50 ttft <= 1.1 * native.p50 tfft", "tfft"),
        ("p50 ttft <= 1.1 * native.p50 tpot", "native.p50 tpot"),
        ("p50 ttft <= x * native.p50 ttft", "x"),
        ("p50 ttft <= 1.1 * p50 ttft", "p50 ttft"),
        ("p50 ttft <= 2 *", "2 *"),
    ] {
        let mistake = text.parse::<Gate>().unwrap_err();
        assert_eq!(&text[mistake.part.clone().unwrap()], word, "{mistake:?}");
        assert_eq!(Mistake::decode(&format!("{mistake:#}")), mistake);
    }
}
