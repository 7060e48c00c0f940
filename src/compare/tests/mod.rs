use super::*;
use crate::record::fixture;

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
