//! Latency distributions of a phase, one line per variant, on a percentile axis. Each nine (90, 99, 99.9) has the same width,
//! so that the tail is as visible as the middle.

use super::detail::{Detail, Successes};
use super::pieces::slug;
use crate::measure::spread::{Ranks, Spread};
use crate::record::model::{Distribution, PhaseRecord, Run};
use crate::report::svg::{Chart, Series};
use crate::report::view;
use maud::{Markup, html};

/// Number of unnamed points along the axis.
const PLACES: u32 = 72;
/// Named percentiles, in thousandths.
const NAMED: [(u32, &str); 6] = [
    (500, "p50"),
    (900, "p90"),
    (950, "p95"),
    (990, "p99"),
    (999, "p99.9"),
    (0, "min"),
];

/// One of a phase's times.
type Time = fn(&Successes) -> &Spread;

const TIMES: [(&str, &str, Time); 3] = [
    ("ttft_ms", "Time to first token (TTFT)", |p| &p.ttft),
    ("tpot_ms", "Time per output token (TPOT)", |p| &p.tpot),
    ("e2e_ms", "End to end", |p| &p.e2e),
];

/// The charts of all measured phases.
pub(crate) fn charts(run: &Run, detail: &Detail) -> Markup {
    html! {
        @for name in view::measured(run) {
            @let charts = phase(run, detail, name);
            @if !charts.0.is_empty() {
                h3 { "Phase " (name) } "\n"
                div.charts { "\n" (charts) } "\n"
            }
        }
    }
}

fn phase(run: &Run, detail: &Detail, name: &str) -> Markup {
    html! {
        @for (key, title, time) in TIMES {
            (chart(run, detail, name, (key, title, time)))
            @if key == "tpot_ms" { (gaps(run, name)) }
        }
    }
}

fn chart(run: &Run, detail: &Detail, phase: &str, what: (&str, &str, Time)) -> Markup {
    let (key, title, time) = what;
    let mut lines = Vec::new();
    for (i, (variant, requests)) in run.variants.iter().zip(&detail.variants).enumerate() {
        let index = variant.phases.iter().position(|p| p.name == phase);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let times = index.and_then(|index| requests.phases.get(&index).map(time));
        if let Some(times) = times.filter(|times| times.count() > 0) {
            lines.push((i, variant.name.as_str(), times.ranks()));
        }
    }
    let most = lines.iter().map(|(_, _, ranks)| ranks.count()).max();
    let Some(most) = most else {
        return Markup::default();
    };
    let percentiles = percentiles(most);
    let series = lines.iter().map(|(color, name, ranks)| Series {
        name,
        color: *color,
        values: percentiles
            .iter()
            .map(|percentile| percentile.of(ranks))
            .collect(),
        filled: false,
    });
    Chart {
        title: title.to_owned(),
        unit: "ms by percentile",
        key: format!("{key}-{}", slug(phase)),
        grid: percentiles.iter().map(|p| (p.at, p.name.clone())).collect(),
        ticks: ticks(&percentiles),
        series: series.collect(),
        bands: Vec::new(),
        marks: Vec::new(),
        wide: true,
        note: None,
    }
    .draw()
}

/// The record keeps percentiles of gaps, not single gaps.
fn gaps(run: &Run, phase: &str) -> Markup {
    let at = |percentile: f64| (1.0 / (1.0 - percentile)).log10() / 2.0;
    let grid = [
        (0.0, "min"),
        (at(0.5), "p50"),
        (at(0.9), "p90"),
        (at(0.95), "p95"),
        (1.0, "p99"),
    ];
    let grid = grid.map(|(at, name)| (at, name.to_owned())).to_vec();
    let values = |d: &Distribution| [d.min, d.p50, d.p90, d.p95, d.p99].map(Some).to_vec();
    let of = |p: &PhaseRecord| p.metrics.chunk_gap_ms.as_ref().map(values);
    let series = run
        .variants
        .iter()
        .enumerate()
        .filter_map(|(color, variant)| {
            Some(Series {
                name: &variant.name,
                color,
                values: variant
                    .phases
                    .iter()
                    .find(|p| p.name == phase)
                    .and_then(of)?,
                filled: false,
            })
        });
    Chart {
        title: "Gap between chunks".to_owned(),
        unit: "ms by percentile",
        key: format!("chunk_gap_ms-{}", slug(phase)),
        ticks: grid.clone(),
        grid,
        series: series.collect(),
        bands: Vec::new(),
        marks: Vec::new(),
        wide: true,
        note: Some("Straight lines connect the percentiles that the record keeps.".to_owned()),
    }
    .draw()
}

/// One position on the percentile axis.
struct Percentile {
    at: f64,
    share: f64,
    name: String,
    named: bool,
}

impl Percentile {
    /// The value at the nearest rank; none if too few values lie beyond it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is a small whole number"
    )]
    fn of(&self, ranks: &Ranks<'_>) -> Option<f64> {
        let count = ranks.count() as f64;
        if self.share < 1.0 && self.share > 1.0 - 1.0 / count {
            return None;
        }
        // Slightly less, since 0.95 x 200 as a float is above 190.
        let rank = (self.share * count - 1e-9).ceil().max(1.0) as u64;
        Some(ranks.at(rank) as f64 / 1e6)
    }
}

/// Evenly spread positions, the named percentiles among them, and the largest value at the end.
fn percentiles(values: u64) -> Vec<Percentile> {
    let nines = (values as f64).log10().max(1.0);
    let percentile = |share: f64, name: String, named| Percentile {
        at: (1.0 / (1.0 - share)).log10() / nines * 0.97,
        share,
        name,
        named,
    };
    let mut all: Vec<Percentile> = (1..PLACES)
        .map(|i| {
            let share = 1.0 - 10_f64.powf(-nines * f64::from(i) / f64::from(PLACES));
            percentile(share, format!("p{}", digits(share)), false)
        })
        .collect();
    for (share, name) in NAMED {
        let share = f64::from(share) / 1e3;
        if share <= 1.0 - 1.0 / values as f64 || share == 0.0 {
            all.push(percentile(share, name.to_owned(), true));
        }
    }
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    all.push(Percentile {
        at: 1.0,
        share: 1.0,
        name: "max".to_owned(),
        named: true,
    });
    all
}

fn digits(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p < 90.0 => format!("{p:.0}"),
        p if p < 99.0 => format!("{p:.1}"),
        p if p < 99.9 => format!("{p:.2}"),
        p => format!("{p:.4}"),
    }
}

/// Labels below the axis that do not overlap.
fn ticks(percentiles: &[Percentile]) -> Vec<(f64, String)> {
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for percentile in percentiles.iter().filter(|percentile| percentile.named) {
        let overlaps = ticks.last().is_some_and(|(at, _)| percentile.at - at < 0.1);
        // A percentile replaces `min`, and `max` replaces a percentile.
        let first = ticks.len() == 1 && ticks[0].1 == "min";
        if overlaps && !first && percentile.name != "max" {
            continue;
        }
        if overlaps {
            ticks.pop();
        }
        ticks.push((percentile.at, percentile.name.clone()));
    }
    ticks
}

#[cfg(test)]
#[path = "tests/spread.rs"]
mod tests;
