//! A variant's load over time: requests in flight, rate and latency. Values are grouped into bins, so that the page stays
//! small for runs of any length.

use super::detail::{Detail, Point, Requests};
use super::pieces::slug;
use crate::record::model::{PhaseRecord, Run, VariantRecord};
use crate::record::{EventRow, ServerRow};
use crate::report::number::number;
use crate::report::svg::{Band, Chart, Series, scale};
use maud::{Markup, html};

/// Minimum number of bins.
const FEWEST: usize = 12;
/// Maximum number of bins.
const BINS: usize = 120;
/// Gauges of the servers that share a chart: name on the page, name in the record.
const QUEUE: [(&str, &str); 3] = [
    ("running", "running"),
    ("waiting", "waiting"),
    ("queued at the frontend", "frontend_queued"),
];
/// Number of colours for series.
const COLORS: usize = 6;
/// Requests per bin that make its percentiles meaningful.
const PER_BIN: usize = 8;

/// The charts of all variants.
pub(super) fn charts(run: &Run, detail: &Detail) -> Markup {
    html! {
        @for (variant, requests) in run.variants.iter().zip(&detail.variants) {
            @if let Some(course) = Course::new(requests) {
                h3 {
                    (variant.name)
                    @if course.round > 1 { ", round " (course.round) " of " (course.round) }
                } "\n"
                div class="charts three" { "\n"
                    (course.draw(variant, &detail.events))
                } "\n"
            }
        }
    }
}

/// One variant's load in its last round, in bins of equal length.
struct Course<'a> {
    round: u32,
    points: Vec<Point>,
    levels: Vec<&'a ServerRow>,
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
    fn in_flight(&self) -> Vec<Option<f64>> {
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
    fn rate(&self, ok: bool) -> Vec<Option<f64>> {
        let mut counts = vec![0.0; self.bins];
        for point in self.points.iter().filter(|p| p.ok == ok) {
            counts[self.bin(point.end)] += f64::from(point.each);
        }
        let rate = |count: f64| Some(count / self.width * 1e9);
        counts.into_iter().map(rate).collect()
    }

    /// p50 and p95 of a time in milliseconds, binned by the end of the request.
    fn latency(&self, time: fn(&Point) -> Option<u64>) -> [Vec<Option<f64>>; 2] {
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

    fn draw(&self, variant: &VariantRecord, events: &[EventRow]) -> Markup {
        let name = |what: &str| format!("{what}-{}", slug(&variant.name));
        let streams = self.points.iter().any(|p| p.ttft.is_some());
        let (title, time): (_, fn(&Point) -> _) = if streams {
            ("Time to first token", |p| p.ttft)
        } else {
            ("End to end", Point::e2e)
        };
        let line = |name, color, values, filled| Series {
            name,
            color,
            values,
            filled,
        };
        let mut rates = vec![line("answered", 2, self.rate(true), true)];
        if self.points.iter().any(|p| !p.ok) {
            rates.push(line("failed", 3, self.rate(false), false));
        }
        let [half, most] = self.latency(time);
        let latency = vec![line("p50", 0, half, false), line("p95", 1, most, false)];
        let flight = vec![line("in flight", 0, self.in_flight(), true)];
        let each = self.points.iter().map(|p| p.each).max().unwrap_or(1);
        let note = (each > 1).then(|| format!("Shows one in {each} requests."));
        let chart = |key: &str, title: &str, unit, series, wide| {
            let of_requests = matches!(key, "flight" | "rate" | "latency");
            Chart {
                title: title.to_owned(),
                unit,
                key: name(key),
                grid: self.grid(),
                ticks: self.ticks(),
                series,
                bands: self.phases(variant),
                marks: self.faults(events, &variant.name),
                wide,
                note: note.clone().filter(|_| of_requests),
            }
            .draw()
        };
        let mut queue = Vec::new();
        for (color, (name, gauge)) in QUEUE.iter().enumerate() {
            let values = self.level(gauge, 1.0);
            if values.iter().any(Option::is_some) {
                queue.push(line(name, color, values, false));
            }
        }
        let cache = vec![line(
            "KV cache",
            2,
            self.level("kv_cache_usage", 100.0),
            true,
        )];
        let gpus = self.gpus();
        let mut busy = Vec::new();
        for (color, (name, gauge)) in gpus.iter().enumerate() {
            busy.push(line(name, color % COLORS, self.level(gauge, 100.0), false));
        }
        html! {
            (chart("flight", "Requests in flight", "requests", flight, false))
            (chart("rate", "Rate", "requests/s", rates, false))
            (chart("latency", title, "ms", latency, true))
            (chart("queue", "Requests in the servers", "requests", queue, false))
            (chart("cache", "KV cache in use", "%", cache, false))
            (chart("gpu", "GPU", "%", busy, false))
        }
    }

    /// Gauges of GPUs that are shares: name on the page, name in the record.
    fn gpus(&self) -> Vec<(String, String)> {
        let Some(first) = self.levels.first() else {
            return Vec::new();
        };
        let shown = |gauge: &String| {
            let (gpu, what) = gauge.strip_prefix("gpu")?.split_once('_')?;
            let what = match what {
                "utilization" => "busy",
                "memory" => "memory",
                _ => return None,
            };
            Some((format!("GPU {gpu} {what}"), gauge.clone()))
        };
        first.sample.gauges.keys().filter_map(shown).collect()
    }

    /// A gauge by bin; a bin without a sample repeats the last value.
    fn level(&self, gauge: &str, scale: f64) -> Vec<Option<f64>> {
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
        let turn = |e: &EventRow| e.event == "variant_started" && e.text("variant") == variant;
        let Some(last) = events.iter().rposition(turn) else {
            return Vec::new();
        };
        let own = events[last..]
            .iter()
            .take_while(|e| e.event != "teardown_started");
        let Some(began) = own.clone().find(|e| e.event == "phase_started") else {
            return Vec::new();
        };
        let whole = self.width * self.bins as f64 / 1e6;
        let died = own.filter(|e| {
            e.event == "process_exited" && e.fields.get("expected") != Some(&true.into())
        });
        died.map(|e| {
            let what = format!("{} ended with {}", e.text("process"), e.text("status"));
            ((e.at_ms - began.at_ms) / whole, what)
        })
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
