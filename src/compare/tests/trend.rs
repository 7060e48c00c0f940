use super::*;
use crate::metric::{Statistic, Timing};
use crate::record::fixture;
use crate::record::model::QualityVerdict;

/// Twelve runs, the newest first; from the eighth on dynamo is 20% slower.
fn runs() -> Vec<Run> {
    let run = |k: u32| {
        let mut run = fixture::rounds(4, 1.0);
        run.finished = Some(String::new());
        run.run_id = format!("run-{k:02}");
        run.started = format!("2026-01-{k:02}T00:00:00Z");
        let slower = if k >= 8 { 1.2 } else { 1.0 } + f64::from(k * 5 % 7) / 500.0;
        for phase in &mut run.variants[1].phases {
            if let Some(ttft) = &mut phase.metrics.times[Timing::Ttft] {
                ttft[Statistic::P50] *= slower;
            }
        }
        run
    };
    (1..=12).rev().map(run).collect()
}

const TTFT: &str = "ttft_ms.p50";

#[test]
fn the_run_that_began_a_shift_is_named() {
    let all = trend(&runs(), &[TTFT.to_owned()]);
    let of = |variant: &str| {
        all.iter()
            .find(|s| s.variant == variant && s.phase == "closed")
            .expect("a series")
    };
    let dynamo = of("dynamo");
    assert_eq!(dynamo.points.len(), 12);
    assert_eq!(
        (
            dynamo.shifts.len(),
            dynamo.shifts[0].run.as_str(),
            dynamo.shifts[0].after.as_str()
        ),
        (1, "run-08", "run-07")
    );
    assert!(
        dynamo
            .worse_by()
            .is_some_and(|by| (0.19..0.21).contains(&by))
    );
    assert!(of("native").shifts.is_empty() && of("native").worse_by().is_none());
}

#[test]
fn other_machines_and_requests_are_other_series() {
    let mut runs = runs();
    for run in &mut runs[..5] {
        run.machine.gpus = vec!["Example H100".to_owned()];
    }
    let all = trend(&runs, &[TTFT.to_owned()]);
    assert!(all.iter().all(|series| series.shifts.is_empty()));
    let closed: Vec<_> = all
        .iter()
        .filter(|s| s.variant == "dynamo" && s.phase == "closed")
        .map(|s| s.points.len())
        .collect();
    assert_eq!(closed, [7, 5]);
}

#[test]
fn what_is_no_measurement_is_left_out() {
    let mut runs = runs();
    runs[0].quality.verdict = QualityVerdict::Invalid;
    runs[1].verdict = Verdict::Error;
    let all = trend(&runs, &[TTFT.to_owned()]);
    assert!(all.iter().all(|series| series.points.len() == 10));
}

#[test]
fn fewer_tokens_a_second_are_worse() {
    let series = |metric: &str, slower: f64| {
        let points = (0..20).map(|k: u32| Point {
            run: k.to_string(),
            started: String::new(),
            value: if k < 10 { 100.0 } else { 100.0 * slower } + f64::from(k * 3 % 7) / 10.0,
        });
        shifts(metric, &points.collect::<Vec<_>>(), 0.01)
    };
    assert!(
        series("output_tokens_per_s", 0.8)[0].worse && !series("output_tokens_per_s", 1.2)[0].worse
    );
    assert!(series(TTFT, 1.2)[0].worse && !series(TTFT, 0.8)[0].worse);
}
