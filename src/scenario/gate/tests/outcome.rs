use super::super::Gate;
use super::*;

#[test]
fn gates_that_always_or_never_hold_are_recognised() {
    let (always, never) = (Some(FixedOutcome::Always), Some(FixedOutcome::Never));
    for (text, outcome) in [
        ("p99 ttft >= 0ms", always),
        ("p99 ttft > 0ms", always),
        ("p99 ttft < 0ms", never),
        ("min e2e <= 0s", never),
        ("p50 tpot >= 0ms", always),
        ("p50 tpot > 0ms", None),
        ("p99 schedule_lag == 0ms", None),
        ("error_rate <= 100%", always),
        ("error_rate <= 1", always),
        ("error_rate >= 0", always),
        ("error_rate < 0", never),
        ("error_rate > 100%", never),
        ("error_rate < 100%", None),
        ("error_rate == 100%", None),
        ("goodput >= 0%", always),
        ("goodput <= 100%", always),
        ("goodput > 0%", None),
        ("output_throughput >= 0/s", always),
        ("request_throughput < 0/s", never),
        ("startup >= 0s", always),
        ("startup < 2m", None),
        ("server.preemptions >= 0", always),
        ("server.preemptions == 0", None),
        ("server.queue >= 0ms", always),
        ("server.kv_cache_usage <= 100%", always),
        ("server.kv_cache_usage < 100%", None),
        ("server.prefix_hit_rate >= 0", always),
        ("p99 ttft < 800ms", None),
    ] {
        assert_eq!(
            text.parse::<Gate>().unwrap().fixed_outcome(),
            outcome,
            "{text}"
        );
    }
}

#[test]
fn a_comparison_of_a_variant_with_itself_can_have_a_fixed_outcome() {
    let (always, never) = (Some(FixedOutcome::Always), Some(FixedOutcome::Never));
    for (text, outcome) in [
        ("a.p50 ttft <= 1.1 * a.p50 ttft", always),
        ("a.p50 ttft < 1.1 * a.p50 ttft", always),
        ("a.p50 ttft <= a.p50 ttft", always),
        ("a.p50 ttft >= a.p50 ttft", always),
        ("a.p50 ttft == a.p50 ttft", always),
        ("a.p50 ttft < a.p50 ttft", never),
        ("a.p50 ttft <= 0.9 * a.p50 ttft", never),
        ("a.p50 ttft > 1.5 * a.p50 ttft", never),
        ("a.p50 ttft <= a.p99 ttft", always),
        ("a.mean ttft <= 2 * a.max ttft", always),
        ("a.p99 ttft >= 0.5 * a.p50 ttft", always),
        ("a.p99 ttft < a.p50 ttft", never),
        ("a.p99 ttft <= 3 * a.p50 ttft", None),
        ("a.mean ttft <= 2 * a.p99 ttft", None),
        ("a.error_rate <= 0.5 * a.error_rate", None),
        ("a.startup <= 2 * a.teardown", None),
    ] {
        let gate: Gate = text.parse().unwrap();
        let Limit::Times(factor, _, other) = &gate.limit else {
            panic!("{text}")
        };
        assert_eq!(
            outcome_within_variant(gate.figure, gate.op, *factor, *other),
            outcome,
            "{text}"
        );
    }
}

#[test]
fn fixed_outcomes_agree_with_the_comparison_of_values() {
    let values = [0.0, 0.25, 0.5, 1.0];
    for op in [Op::Lt, Op::Le, Op::Eq, Op::Ge, Op::Gt] {
        for limit in [-0.5, 0.0, 0.25, 0.7, 1.0, 1.5] {
            let bounds = Bounds {
                low: 0.0,
                above: false,
                high: 1.0,
            };
            let compared = |value: &f64| match op {
                Op::Lt => *value < limit,
                Op::Le => *value <= limit,
                Op::Eq => (*value - limit).abs() < f64::EPSILON,
                Op::Ge => *value >= limit,
                Op::Gt => *value > limit,
            };
            let holds: Vec<bool> = values.iter().map(compared).collect();
            match bounds.outcome(op, limit) {
                Some(FixedOutcome::Always) => {
                    assert!(holds.iter().all(|held| *held), "{op:?} {limit}")
                }
                Some(FixedOutcome::Never) => assert!(!holds.contains(&true), "{op:?} {limit}"),
                None => {}
            }
        }
    }
}
