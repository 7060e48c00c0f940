use super::*;
use crate::metric::{Statistic, Timing};
use crate::record::fixture;
use crate::record::model::{Distribution, PhaseRecord};

#[test]
fn every_metric_is_held_against_the_named_baseline() {
    let mut run = fixture::pass();
    let all = side_by_side(&run);
    let find =
        |metric: &str, phase: &str| all.iter().find(|c| c.metric == metric && c.phase == phase);
    let ttft = find("ttft_ms.p50", "batch").expect("a row");
    assert_eq!(
        (ttft.baseline.as_str(), ttft.variant.as_str(), ttft.ratio),
        ("native", "dynamo", Some(1.125))
    );
    assert_eq!(
        find("ready_ms", TOPOLOGY).and_then(|c| c.ratio),
        Some(1.125)
    );
    assert_eq!(
        find("tpot_ms.p50", "closed")
            .expect("one side has it")
            .ratio,
        None
    );
    assert_eq!(find("batch_ms.p50", "closed"), None, "neither has it");
    assert!(find("ttft_ms.p50", "warmup").is_none());
    run.scenario.resolved = serde_json::json!({"compare": {"baseline": "dynamo"}}).into();
    let swapped = side_by_side(&run);
    let ttft = swapped
        .iter()
        .find(|c| c.metric == "ttft_ms.p50")
        .expect("a row");
    assert_eq!(ttft.baseline, "dynamo");
    assert!(ttft.ratio.is_some_and(|r| (r * 1.125 - 1.0).abs() < 1e-9));
}

#[test]
fn one_variant_or_none_compares_with_nothing() {
    let mut run = fixture::pass();
    run.variants.truncate(1);
    assert!(side_by_side(&run).is_empty());
    assert!(side_by_side(&fixture::empty()).is_empty());
    assert_eq!(ratio(Some(0.0), Some(1.0)), None);
}

#[test]
fn a_percentile_beyond_p99_is_compared_only_with_enough_values() {
    let figure = Figure::Timing(Statistic::P99_9, Timing::TtftFromDue);
    let mut phase = fixture::pass().variants.remove(0).phases.remove(1);
    for (count, found) in [(9_999, None), (10_000, Some(12.5))] {
        let times = Distribution::new(count, true, |_| 12.5);
        phase.metrics.times[Timing::TtftFromDue] = Some(times);
        assert_eq!(metrics::of_phase(figure, &phase), found);
        assert_eq!(metrics::is_thin(figure, &phase), found.is_none());
    }
    let text = serde_json::to_string(&phase).expect("written");
    assert!(text.contains("\"p99.9\":12.5"), "{text}");
    let older = text.replace("\"p99.9\":12.5,", "");
    let read: PhaseRecord = serde_json::from_str(&older).expect("a record of an older version");
    assert_eq!(metrics::of_phase(figure, &read), None);
}
