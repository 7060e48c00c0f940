//! A folder of records in the order of their time: where a metric shifted, and with which run.

use super::metrics::{more_is_better, of_phase};
use crate::metric::Figure;
use crate::record::model::{QualityVerdict, Run, VariantRecord, Verdict};
use crate::stats::{self, BUDGET};
use indexmap::IndexMap;
use serde::Serialize;

/// One metric of one variant and phase over all runs that are comparable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Series {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: String,
    /// The phase.
    pub phase: String,
    /// `ttft_ms.p50`, ...
    pub metric: String,
    /// What all its runs have alike: model, requests, machine.
    pub on: String,
    /// Its runs, the oldest first.
    pub points: Vec<Point>,
    /// Where it shifted, the oldest first.
    pub shifts: Vec<Shift>,
}

/// What one run found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Point {
    /// The run.
    pub run: String,
    /// When it began.
    pub started: String,
    /// The metric.
    pub value: f64,
}

/// A shift, and the run that began it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shift {
    /// The first run that is otherwise.
    pub run: String,
    /// When it began.
    pub started: String,
    /// The last run before it.
    pub after: String,
    /// After / before: geometric means of the two stretches.
    pub ratio: f64,
    /// Whether that is for the worse.
    pub worse: bool,
    /// How often chance alone would show it at this place.
    pub p: f64,
}

/// Every series of `metrics` that at least two of the runs have, with its shifts. The error budget is that of all series
/// together. Runs that are no measurement are left out.
#[must_use]
pub(crate) fn trend(runs: &[Run], metrics: &[String]) -> Vec<Series> {
    let mut runs: Vec<&Run> = runs.iter().filter(|run| sound(run)).collect();
    runs.sort_by(|a, b| (&a.started, &a.run_id).cmp(&(&b.started, &b.run_id)));
    let mut all: IndexMap<[String; 5], Vec<Point>> = IndexMap::new();
    for run in runs {
        for variant in &run.variants {
            points(run, variant, metrics, &mut all);
        }
    }
    all.retain(|_, points| points.len() > 1);
    let alpha = BUDGET / all.len().max(1) as f64;
    all.into_iter()
        .map(|([scenario, variant, phase, metric, on], points)| Series {
            shifts: shifts(&metric, &points, alpha),
            scenario,
            variant,
            phase,
            metric,
            on,
            points,
        })
        .collect()
}

/// Whether a run measured what can be held against others.
#[must_use]
pub(crate) fn sound(run: &Run) -> bool {
    let ended = !matches!(
        run.verdict,
        Verdict::Partial | Verdict::Error | Verdict::Skipped | Verdict::Invalid
    );
    ended && run.quality.verdict != QualityVerdict::Invalid
}

fn points(
    run: &Run,
    variant: &VariantRecord,
    metrics: &[String],
    all: &mut IndexMap<[String; 5], Vec<Point>>,
) {
    let machine = &run.machine;
    let requests: String = variant.requests_sha256.chars().take(12).collect();
    let gpus = if machine.gpus.is_empty() {
        "no GPU".to_owned()
    } else {
        machine.gpus.join(", ")
    };
    let on = format!(
        "{}, requests {requests}, {} with {} cores, {gpus}",
        variant.engine.model, machine.cpu, machine.cores
    );
    for phase in variant.phases.iter().filter(|phase| phase.measured()) {
        let wanted = Figure::of_phases().map(|figure| (figure, figure.key()));
        let wanted = wanted.filter(|(_, key)| metrics.contains(key));
        for (figure, key) in wanted {
            let Some(value) = of_phase(figure, phase).filter(|value| *value > 0.0) else {
                continue;
            };
            let key = [&run.scenario.name, &variant.name, &phase.name, &key, &on]
                .map(|text: &String| text.to_owned());
            all.entry(key).or_default().push(Point {
                run: run.run_id.clone(),
                started: run.started.clone(),
                value,
            });
        }
    }
}

fn shifts(metric: &str, points: &[Point], alpha: f64) -> Vec<Shift> {
    let logs: Vec<f64> = points.iter().map(|point| point.value.ln()).collect();
    let found = stats::changes(&logs, alpha);
    found
        .iter()
        .map(|change| Shift {
            run: points[change.at].run.clone(),
            started: points[change.at].started.clone(),
            after: points[change.at - 1].run.clone(),
            ratio: change.estimate.effect.exp(),
            worse: (change.estimate.effect > 0.0) != more_is_better(metric),
            p: change.p,
        })
        .collect()
}

impl Series {
    /// By how much what it is now is worse than what it was, 0.05 being 5%; `None` where its last shift was none for the
    /// worse.
    #[must_use]
    pub(crate) fn worse_by(&self) -> Option<f64> {
        let last = self.shifts.last().filter(|shift| shift.worse)?;
        let times = if last.ratio < 1.0 {
            1.0 / last.ratio
        } else {
            last.ratio
        };
        Some(times - 1.0)
    }
}

#[cfg(test)]
#[path = "tests/trend.rs"]
mod tests;
