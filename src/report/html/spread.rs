//! Latency distributions of a phase, one line per variant, on a percentile axis. Each nine (90, 99, 99.9) has the same width,
//! so that the tail is as visible as the middle.

use super::detail::{self, Detail};
use super::pieces::slug;
use crate::measure::spread::Ranks;
use crate::metric::{self, Row, Statistic, Timing};
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
        @for timing in Timing::ALL {
            @if timing == Timing::ChunkGap {
                (gaps(run, name))
            } @else if detail::drawn().any(|own| own == timing) {
                (chart(run, detail, name, timing))
            }
        }
    }
}

fn chart(run: &Run, detail: &Detail, phase: &str, timing: Timing) -> Markup {
    let Row { key, title, .. } = timing.row();
    let mut lines = Vec::new();
    for (i, (variant, requests)) in run.variants.iter().zip(&detail.variants).enumerate() {
        let index = variant.phases.iter().position(|p| p.name == phase);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let times = index.and_then(|index| requests.phases.get(&index));
        let times = times.map(|of| &of.times[timing]);
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
        title: (*title).to_owned(),
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
    let row = Timing::ChunkGap.row();
    // Each nine has the same width; the axis ends with the last percentile of the record.
    let nines = |rank: metric::Percentile| (1_000.0 / (1_000 - rank.per_mille()) as f64).log10();
    let ranks = metric::Percentile::ALL.into_iter();
    let last = ranks.clone().map(nines).fold(0.0, f64::max);
    let mut grid = vec![(0.0, Statistic::Min.name().to_owned())];
    grid.extend(ranks.map(|rank| (nines(rank) / last, rank.name().to_owned())));
    let values = |d: &Distribution| {
        let ranks = metric::Percentile::ALL.map(Statistic::Percentile);
        let all = [Statistic::Min].into_iter().chain(ranks);
        let drawn = |one: Statistic| one.is_printed_thin() || !d.is_thin(one);
        all.map(|one| Some(d[one]).filter(|value| drawn(one) && value.is_finite()))
            .collect()
    };
    let of = |p: &PhaseRecord| p.metrics.times[Timing::ChunkGap].as_ref().map(values);
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
        title: row.title.to_owned(),
        unit: "ms by percentile",
        key: format!("{}-{}", row.key, slug(phase)),
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
