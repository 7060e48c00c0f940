use super::*;
use crate::metric::{Statistic, Timing};
use crate::plan::Shape;
use crate::record::fixture;

#[test]
fn what_json_can_not_write_is_not_applicable() {
    let plan = PhasePlan {
        name: "batch".to_owned(),
        kind: PhaseKind::Batch,
        shape: Shape::Batch {
            size: 2,
            batches: 1,
        },
        measured: true,
        until: None,
        search: None,
    };
    let phase = fixture::pass().variants.remove(0).phases.remove(1);
    let mut metrics = phase.metrics.clone();
    metrics.requests_per_s = Some(f64::INFINITY);
    metrics.times[Timing::Ttft].as_mut().expect("measured")[Statistic::Mean] = f64::NAN;
    let (window_ms, counts, errors, audit) = (f64::NAN, phase.counts, phase.errors, phase.client);
    let record = PhaseRecord::new(
        &plan,
        &PhaseFigures {
            window_ms,
            counts,
            errors,
            failures: Vec::new(),
            metrics,
            audit,
        },
        None,
    );
    assert_eq!((record.kind, record.window_ms), (PhaseKind::Batch, 0.0));
    assert_eq!(
        (
            record.metrics.times[Timing::Ttft].clone(),
            record.metrics.requests_per_s
        ),
        (None, None)
    );
    assert_eq!(
        record.metrics.times[Timing::E2e],
        phase.metrics.times[Timing::E2e]
    );
    let text = serde_json::to_string(&record).expect("written");
    assert_eq!(
        serde_json::from_str::<PhaseRecord>(&text).expect("read"),
        record
    );
    let warmup = PhasePlan {
        measured: false,
        ..plan
    };
    assert!(
        !PhaseRecord {
            kind: PhaseKind::Warmup,
            ..record
        }
        .measured()
            && !warmup.measured
    );
}

#[test]
fn a_scenario_is_known_by_its_hash() {
    let record = ScenarioRecord::new("a".to_owned(), "a.yaml".to_owned(), serde_json::json!({}));
    assert_eq!(
        record.sha256,
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}
