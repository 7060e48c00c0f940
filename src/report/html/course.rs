//! A variant's load over time: requests in flight, rate and latency. Values are grouped into bins, so that the page stays
//! small for runs of any length.

use super::detail::{Detail, Point, Requests};
use super::over_time::Lines;
use super::pieces::slug;
use crate::event::Event;
use crate::record::model::{PhaseRecord, Run, VariantRecord};
use crate::record::{EventRow, ServerRow};
use crate::report::number::number;
use crate::report::svg::{Band, Chart, Series, scale};
use maud::{Markup, html};

/// Minimum number of bins.
const FEWEST: usize = 12;
/// Maximum number of bins.
const BINS: usize = 120;
/// Requests per bin that make its percentiles meaningful.
const PER_BIN: usize = 8;

/// The charts of all variants.
pub(crate) fn charts(run: &Run, detail: &Detail) -> Markup {
    html! {
        @for (variant, requests) in run.variants.iter().zip(&detail.variants) {
            @if let Some(course) = Course::new(requests) {
                h3 {
                    (variant.name)
                    @if course.round > 1 { ", round " (course.round) " of " (course.round) }
                } "\n"
                div class="charts three" { "\n"
                    @for lines in course.lines() { (course.chart(lines, variant, &detail.events)) }
                } "\n"
            }
        }
    }
}

/// One variant's load in its last round, in bins of equal length.
pub(crate) struct Course<'a> {
    round: u32,
    pub(crate) points: Vec<Point>,
    pub(crate) levels: Vec<&'a ServerRow>,
    began: u64,
    width: f64,
    bins: usize,
}

impl<'a> Course<'a> {
    fn new(requests: &'a Requests) -> Option<Self> {
        let round = requests.round;
        let points = requests.drawn.iter().flat_map(|drawn| &drawn.points);
        let points: Vec<Point> = points.copied().collect();
        let levels = requests.levels.iter().filter(|row| row.round == round);
        let began = points.iter().map(|p| p.due).min()?;
        let ended = points.iter().map(|p| p.end).max()?;
        // Concurrent requests end in waves about one request long. Shorter bins would show the waves instead of the rate.
        let mut times: Vec<u64> = points.iter().filter_map(Point::e2e).collect();
        let middle = times.len() / 2;
        let usual = match times.is_empty() {
            true => 1,
            false => (*times.select_nth_unstable(middle).1).max(1),
        };
        let waves = usize::try_from(ended.saturating_sub(began) / usual / 2).unwrap_or(BINS);
        let bins = (points.len() / PER_BIN).min(waves).clamp(FEWEST, BINS);
        let width = (ended.saturating_sub(began).max(1)) as f64 / bins as f64;
        Some(Self {
            round,
            points,
            levels: levels.collect(),
            began,
            width,
            bins,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bin's number is small, and clamped"
    )]
    fn bin(&self, at: u64) -> usize {
        let bin = at.saturating_sub(self.began) as f64 / self.width;
        (bin as usize).min(self.bins - 1)
    }

    /// Requests in flight, averaged over each bin.
    pub(crate) fn in_flight(&self) -> Vec<Option<f64>> {
        let mut part = vec![0.0; self.bins];
        let mut whole = vec![0.0; self.bins + 1];
        for point in &self.points {
            let Some(sent) = point.sent else { continue };
            let (first, last) = (self.bin(sent), self.bin(point.end));
            let within = |at: u64, bin: usize| {
                let at = at.saturating_sub(self.began) as f64 / self.width;
                (at - bin as f64).clamp(0.0, 1.0)
            };
            let each = f64::from(point.each);
            if first == last {
                part[first] += each * (within(point.end, first) - within(sent, first)).max(0.0);
                continue;
            }
            part[first] += each * (1.0 - within(sent, first));
            part[last] += each * within(point.end, last);
            whole[first + 1] += each;
            whole[last] -= each;
        }
        let mut level = 0.0;
        let sum = |(part, change): (f64, f64)| {
            level += change;
            Some(part + level)
        };
        part.into_iter().zip(whole).map(sum).collect()
    }

    /// Requests per second that succeeded, or that failed.
    pub(crate) fn rate(&self, ok: bool) -> Vec<Option<f64>> {
        let mut counts = vec![0.0; self.bins];
        for point in self.points.iter().filter(|p| p.ok == ok) {
            counts[self.bin(point.end)] += f64::from(point.each);
        }
        let rate = |count: f64| Some(count / self.width * 1e9);
        counts.into_iter().map(rate).collect()
    }

    /// p50 and p95 of a time in milliseconds, binned by the end of the request.
    pub(crate) fn latency(&self, time: fn(&Point) -> Option<u64>) -> [Vec<Option<f64>>; 2] {
        let mut values: Vec<Vec<u64>> = vec![Vec::new(); self.bins];
        for point in self.points.iter().filter(|p| p.ok) {
            if let Some(time) = time(point) {
                values[self.bin(point.end)].push(time);
            }
        }
        values.iter_mut().for_each(|bin| bin.sort_unstable());
        [50, 95].map(|percent| {
            let of = |bin: &Vec<u64>| {
                let rank = (bin.len() * percent).div_ceil(100).max(1);
                bin.get(rank - 1).map(|ns| *ns as f64 / 1e6)
            };
            values.iter().map(of).collect()
        })
    }

    /// A gauge by bin; a bin without a sample repeats the last value.
    pub(crate) fn level(&self, gauge: &str, scale: f64) -> Vec<Option<f64>> {
        let mut values = vec![None; self.bins];
        for row in &self.levels {
            if let Some(value) = row.sample.gauges.get(gauge) {
                values[self.bin(row.sample.at_ns)] = Some(value * scale);
            }
        }
        let mut last = None;
        for value in &mut values {
            last = value.or(last);
            *value = last;
        }
        values
    }

    /// A chart of these lines, on which phases and faults are marked.
    fn chart(&self, lines: Lines, variant: &VariantRecord, events: &[EventRow]) -> Markup {
        let series = lines.series.iter().map(|line| Series {
            name: &line.name,
            color: line.color,
            values: line.values.clone(),
            filled: line.filled,
        });
        Chart {
            title: lines.title.to_owned(),
            unit: lines.unit,
            key: format!("{}-{}", lines.key, slug(&variant.name)),
            grid: self.grid(),
            ticks: self.ticks(),
            series: series.collect(),
            bands: self.phases(variant),
            marks: self.faults(events, &variant.name),
            wide: lines.wide,
            note: lines.note,
        }
        .draw()
    }

    fn grid(&self) -> Vec<(f64, String)> {
        let middle = |i: usize| (i as f64 + 0.5) / self.bins as f64;
        let name = |at: f64| format!("{} s", number(Some(at * self.seconds())));
        (0..self.bins)
            .map(|i| (middle(i), name(middle(i))))
            .collect()
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let seconds = self.seconds();
        let step = scale::step(seconds);
        let tick = |i: u32| f64::from(i) * step;
        (0..)
            .map(tick)
            .take_while(|at| *at <= seconds)
            .map(|at| (at / seconds, format!("{} s", plain(at))))
            .collect()
    }

    fn seconds(&self) -> f64 {
        self.width * self.bins as f64 / 1e9
    }

    /// Processes that exited unexpectedly under load. Events count from the start of the run and requests from the start of
    /// the load; the start of the first phase is known in both.
    fn faults(&self, events: &[EventRow], variant: &str) -> Vec<(f64, String)> {
        let turn = |row: &EventRow| matches!(&row.event, Some(Event::VariantStarted { variant: name, .. }) if name == variant);
        let Some(last) = events.iter().rposition(turn) else {
            return Vec::new();
        };
        let own = events[last..]
            .iter()
            .take_while(|row| !matches!(row.event, Some(Event::TeardownStarted { .. })));
        let is_phase = |row: &&EventRow| matches!(row.event, Some(Event::PhaseStarted { .. }));
        let Some(began) = own.clone().find(is_phase) else {
            return Vec::new();
        };
        let whole = self.width * self.bins as f64 / 1e6;
        let died = own.filter_map(|row| match &row.event {
            Some(Event::ProcessExited {
                process,
                status,
                expected: false,
            }) => Some((row.at_ms, format!("{process} ended with {status}"))),
            _ => None,
        });
        died.map(|(at_ms, what)| ((at_ms - began.at_ms) / whole, what))
            .filter(|(at, _)| (0.0..=1.0).contains(at))
            .collect()
    }

    /// The span of each phase. Spans follow each other, except that a few requests overlap.
    fn phases(&self, variant: &VariantRecord) -> Vec<Band> {
        let whole = self.width * self.bins as f64;
        let at = |ns: u64| ns.saturating_sub(self.began) as f64 / whole;
        let mut spans: Vec<Option<(u64, u64)>> = vec![None; variant.phases.len()];
        for point in &self.points {
            if let Some(span) = spans.get_mut(point.phase as usize) {
                let (from, to) = span.unwrap_or((point.due, point.end));
                *span = Some((from.min(point.due), to.max(point.end)));
            }
        }
        let band = |(phase, span): (_, Option<(u64, u64)>)| {
            let phase: &PhaseRecord = phase;
            let (from, to) = span?;
            Some(Band {
                from: at(from),
                to: at(to),
                name: phase.name.clone(),
            })
        };
        variant.phases.iter().zip(spans).filter_map(band).collect()
    }
}

/// Seconds without trailing zeros.
fn plain(at: f64) -> String {
    let text = format!("{at:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[path = "tests/course.rs"]
mod tests;
