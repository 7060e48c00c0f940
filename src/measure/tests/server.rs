use super::*;
use serde_json::json;

#[test]
fn what_one_answer_does_not_tell_is_not_known_of_all() {
    let mut told = Told::default();
    told.add(
        Some(5),
        Some(8),
        Some(&json!({"ttft_ms": 10.0, "total_time_ms": "x"})),
    );
    told.add(None, Some(8), Some(&json!({"ttft_ms": 30.0})));
    told.add(Some(5), Some(1), None);
    assert_eq!((told.prompt_tokens, told.output_tokens), (None, Some(17)));
    let times: Vec<_> = told.times().collect();
    assert_eq!(times.len(), 1);
    assert_eq!((times[0].0.as_str(), times[0].1.count), ("nvext_ttft", 2));
    assert!((times[0].1.mean - 20.0).abs() < 1e-9);
}

#[test]
fn a_gauge_keeps_its_mean_and_its_peak() {
    let mut gauge = Gauge::default();
    [-3.0, -1.0, -2.0].into_iter().for_each(|v| gauge.add(v));
    assert_eq!((gauge.count, gauge.max), (3, -1.0));
    assert!((gauge.mean + 2.0).abs() < 1e-9);
}
