//! Phases that wait for something: how they end is in the record and in the report.

use super::scenario;
use crate::support::{Done, bench};
use serde_json::Value;

/// The record of a run under this load, and its phases.
fn driven(load: &str) -> (Done, Vec<Value>) {
    let done = bench("run")
        .file("until.yaml", &scenario("", &format!("load: {load}")))
        .run()
        .ran()
        .leaves_nothing(5);
    let phases = done.run()["variants"][0]["phases"].take();
    let Value::Array(phases) = phases else {
        panic!("no phases");
    };
    (done, phases)
}

fn finding(done: &Done, code: &str) -> String {
    let run = done.run();
    let findings = run["quality"]["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    found
        .map_or("", |f| f["detail"].as_str().unwrap())
        .to_owned()
}

#[test]
fn a_phase_ends_when_its_percentile_is_known() {
    let load = "{phases: [{closed: {concurrency: 4, requests: 100000, until: {known: p50 e2e, within: 50%}}}]}";
    let (done, phases) = driven(load);
    let sent = phases[0]["counts"]["sent"].as_u64().unwrap();
    let awaited = &phases[0]["client"]["awaited"];
    let after = awaited["after"].as_u64().expect("it came");
    assert!(
        (40..100_000).contains(&after) && sent >= after,
        "{after} {sent}"
    );
    let bound = |name: &str| awaited["interval"][name].as_f64().unwrap() / 1e6;
    let p50 = phases[0]["metrics"]["e2e_ms"]["p50"].as_f64().unwrap();
    assert!(bound("low_ns") <= p50 && p50 <= bound("high_ns"));
    let says = finding(&done, "precision");
    assert!(
        says.starts_with("note: ") && says.contains("p50 e2e was known to ±50%"),
        "{says}"
    );
}

#[test]
fn a_phase_that_ends_by_its_limit_is_marked() {
    let load =
        "{phases: [{closed: {concurrency: 4, requests: 40, until: {known: p99 e2e, within: 1%}}}]}";
    let (done, phases) = driven(load);
    assert_eq!(phases[0]["counts"]["sent"], 40);
    assert_eq!(phases[0]["client"]["awaited"], serde_json::json!({}));
    let says = finding(&done, "precision");
    let expected = "with too few answers to bound it, when all 40 requests were sent";
    assert!(says.contains(expected), "{says}");
    assert_ne!(done.run()["quality"]["verdict"], "good");
}

#[test]
fn warm_up_ends_when_answers_no_longer_get_faster() {
    let load = "{warmup: {requests: 20000, concurrency: 2, until: steady}, phases: [{closed: {concurrency: 2, requests: 20}}]}";
    let (done, phases) = driven(load);
    let sent = phases[0]["counts"]["sent"].as_u64().unwrap();
    let after = phases[0]["client"]["awaited"]["after"].as_u64().unwrap();
    assert!(
        (16..20_000).contains(&sent) && after <= sent,
        "{after} {sent}"
    );
    assert_eq!(phases[1]["counts"]["sent"], 20);
    let says = finding(&done, "steady");
    assert!(
        says.contains("no longer got faster: default/warmup after"),
        "{says}"
    );
}
