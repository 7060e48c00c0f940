//! Reduces metrics texts to the quantities that are kept, and computes what changed between two
//! readings. Pure.

use super::families::find;
use super::prometheus::lines;
use crate::engine::{Kind, quantities};
use crate::measure::server::{Gauge, ServerSample, ServerTime, ServerWindow};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Most series kept of one reading. Further series are dropped.
const SERIES: usize = 10_000;

/// Every wanted series of a topology's metrics endpoints at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reading {
    /// When it was read, in nanoseconds.
    pub at: u64,
    series: BTreeMap<Key, Series>,
    /// Endpoints that could not be read.
    pub failed: Vec<Unread>,
}

/// Why an endpoint could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The reason in words. It stays the same when the endpoint is read again.
    pub why: String,
    /// Whether the server has no metrics endpoint (404). Many have none, so this is not reported.
    pub missing: bool,
}

/// Quantity, family, and the endpoint with the labels that distinguish the series.
type Key = (usize, usize, String);

/// A number, or a histogram: its sum, its count and the number of values up to each bound.
#[derive(Debug, Clone, Default, PartialEq)]
struct Series {
    value: f64,
    count: f64,
    buckets: Vec<(f64, f64)>,
}

impl Reading {
    /// An empty reading at this time.
    #[must_use]
    pub(crate) fn new(at: u64) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    /// Adds the text of one endpoint. `source` distinguishes the series of several processes.
    pub(crate) fn add(&mut self, source: &str, page: &str) {
        for line in lines(page) {
            let Some((quantity, family, end)) = find(line.name) else {
                continue;
            };
            let mut labels = line.labels();
            let bound = labels.iter().find(|(name, _)| *name == "le");
            let bound = bound.and_then(|(_, bound)| bound.parse::<f64>().ok());
            let own = quantities()[quantity].label;
            if own.is_some_and(|(name, value)| !labels.iter().any(|l| l.0 == name && l.1 == value))
                || !line.value.is_finite()
            {
                continue;
            }
            labels.retain(|(name, _)| *name != "le");
            labels.sort();
            let key = (quantity, family, format!("{source} {labels:?}"));
            if self.series.len() >= SERIES && !self.series.contains_key(&key) {
                continue;
            }
            let series = self.series.entry(key).or_default();
            match (end, bound) {
                ("_bucket", Some(bound)) => series.buckets.push((bound, line.value)),
                ("_bucket", None) => {}
                ("_count", _) => series.count = line.value,
                _ => series.value = line.value,
            }
        }
    }

    /// The current levels and counters.
    #[must_use]
    pub(crate) fn sample(&self, zero: u64) -> ServerSample {
        let mut sample = ServerSample {
            at_ns: self.at.saturating_sub(zero),
            gauges: IndexMap::new(),
            counters: IndexMap::new(),
        };
        for (quantity, family) in quantities().iter().enumerate() {
            let values: Vec<f64> = self.of(quantity).map(|(_, series)| series.value).collect();
            if values.is_empty() {
                continue;
            }
            let sum: f64 = values.iter().sum();
            match family.kind {
                Kind::Time => None,
                Kind::Counter => sample.counters.insert(family.name.to_owned(), sum),
                Kind::Level => sample.gauges.insert(family.name.to_owned(), sum),
                Kind::Share => {
                    let mean = sum / values.len() as f64;
                    sample.gauges.insert(family.name.to_owned(), mean)
                }
            };
        }
        sample
    }

    /// Whether all counters are unchanged.
    #[must_use]
    pub(crate) fn same_counters(&self, other: &Self) -> bool {
        let counted = |reading: &Self| -> Vec<(Key, f64, f64)> {
            let grows = |q: usize| quantities()[q].kind.grows();
            let series = reading.series.iter().filter(|(key, _)| grows(key.0));
            series
                .map(|(key, s)| (key.clone(), s.value, s.count))
                .collect()
        };
        counted(self) == counted(other)
    }

    /// The series of a quantity, from the first family that is present.
    fn of(&self, quantity: usize) -> impl Iterator<Item = (&Key, &Series)> {
        let from = (quantity, 0, String::new());
        let mut all = self.series.range(from..).peekable();
        let family = all.peek().map(|(key, _)| key.1);
        all.take_while(move |(key, _)| key.0 == quantity && Some(key.1) == family)
    }
}

/// What changed from one reading to the next. `gauges` were sampled in between.
#[must_use]
pub(crate) fn window(
    before: &Reading,
    after: &Reading,
    gauges: IndexMap<String, Gauge>,
) -> ServerWindow {
    let mut window = ServerWindow {
        window_ms: after.at.saturating_sub(before.at) as f64 / 1e6,
        gauges,
        ..ServerWindow::default()
    };
    let mut resets = 0;
    for (quantity, family) in quantities().iter().enumerate() {
        let mut gained = Series::default();
        let mut found = false;
        for (key, series) in after.of(quantity) {
            found = true;
            let (delta, reset) = series.since(before.series.get(key));
            gained.add(&delta);
            // Levels rise and fall, so they have no gain.
            resets += u32::from(reset && family.kind.grows());
        }
        match family.kind {
            Kind::Time => {
                let time = gained.time();
                window
                    .times
                    .extend(time.map(|time| (family.name.to_owned(), time)));
            }
            Kind::Counter if found => {
                window.counters.insert(family.name.to_owned(), gained.value);
            }
            _ => {}
        }
    }
    let gained = |name: &str| window.counters.get(name).copied();
    let looked_up = gained("prefix_queries").filter(|n| *n > 0.0);
    let rate = gained("prefix_hits").zip(looked_up);
    window.prefix_hit_rate = rate.map(|(hits, all)| hits / all);
    if resets > 0 {
        window.notes.push(format!(
            "{resets} counters began anew: a process was restarted, and what it had counted before is lost"
        ));
    }
    let failed = before.failed.iter().chain(&after.failed);
    for Unread { why, .. } in failed {
        if !window.notes.contains(why) {
            window.notes.push(why.clone());
        }
    }
    window
}

impl Series {
    /// What it gained since `before`, and whether the counter was reset in between.
    fn since(&self, before: Option<&Self>) -> (Self, bool) {
        let Some(before) = before else {
            return (self.clone(), false);
        };
        if self.count < before.count || self.value < before.value {
            return (self.clone(), true);
        }
        let had = |bound: f64| {
            let known = before.buckets.iter().find(|(b, _)| *b == bound);
            known.map_or(0.0, |(_, n)| *n)
        };
        let gained = Self {
            value: self.value - before.value,
            count: self.count - before.count,
            buckets: self
                .buckets
                .iter()
                .map(|(bound, n)| (*bound, n - had(*bound)))
                .collect(),
        };
        (gained, false)
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.count += other.count;
        for (bound, n) in &other.buckets {
            match self.buckets.iter_mut().find(|(b, _)| b == bound) {
                Some((_, known)) => *known += n,
                None => self.buckets.push((*bound, *n)),
            }
        }
    }

    /// As a time, from a histogram of seconds; `None` if it has no values.
    fn time(&self) -> Option<ServerTime> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count is a whole number, and `as` saturates"
        )]
        (self.count > 0.0).then(|| ServerTime {
            count: self.count.round() as u64,
            mean: self.value / self.count * 1e3,
            p50: self.quantile(0.5),
            p99: self.quantile(0.99),
        })
    }

    /// A percentile in milliseconds, interpolated linearly within its bucket; `None` beyond the
    /// last bound.
    fn quantile(&self, q: f64) -> Option<f64> {
        let mut buckets = self.buckets.clone();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = q * self.count;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, n) in buckets {
            if n >= wanted && n > below {
                let within = (wanted - below) / (n - below);
                return bound
                    .is_finite()
                    .then_some((low + (bound - low) * within) * 1e3);
            }
            (low, below) = (bound, n);
        }
        None
    }
}

#[cfg(test)]
mod tests;
