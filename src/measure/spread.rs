//! One distribution in bounded memory: all values while they are few, a histogram beyond that.
//! Pure.

use super::distribution::Distribution;
use super::enough::Interval;
use crate::metric::{Percentile, Statistic};
use hdrhistogram::Histogram;

/// Most values that are kept as they are, with exact percentiles. Beyond, percentiles have three
/// significant digits.
pub(super) const EXACT: usize = 10_000;

/// A growing distribution of nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    kept: Vec<u64>,
    histogram: Option<Histogram<u64>>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// The sorted values of a [`Spread`].
#[derive(Debug)]
pub(crate) struct Ranks<'s> {
    of: &'s Spread,
    sorted: Vec<u64>,
}

impl Spread {
    /// Adds a value.
    pub(crate) fn add(&mut self, value: u64) {
        self.min = if self.count == 0 {
            value
        } else {
            self.min.min(value)
        };
        self.max = self.max.max(value);
        self.count += 1;
        self.sum += u128::from(value);
        if let Some(histogram) = &mut self.histogram {
            record(histogram, value);
        } else if self.kept.len() < EXACT {
            self.kept.push(value);
        } else if let Some(mut histogram) = gathered(&self.kept) {
            record(&mut histogram, value);
            self.kept = Vec::new();
            self.histogram = Some(histogram);
        }
    }

    pub(super) fn add_all(&mut self, values: impl IntoIterator<Item = u64>) {
        values.into_iter().for_each(|v| self.add(v));
    }

    /// Number of values.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Sorts the values.
    #[must_use]
    pub(crate) fn ranks(&self) -> Ranks<'_> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        Ranks { of: self, sorted }
    }

    /// Summary of all values to three significant digits; `None` without values.
    #[must_use]
    pub(crate) fn histogram(&self) -> Option<Histogram<u64>> {
        match &self.histogram {
            Some(histogram) => Some(histogram.clone()),
            None if self.count == 0 => None,
            None => gathered(&self.kept),
        }
    }

    /// Summary in milliseconds; `None` without values.
    pub(super) fn finish(&self) -> Option<Distribution> {
        if self.count == 0 {
            return None;
        }
        let ranks = self.ranks();
        Some(Distribution::new(
            self.count,
            self.histogram.is_none(),
            |statistic| {
                ms(match statistic {
                    Statistic::Mean => self.sum as f64 / self.count as f64,
                    Statistic::Min => self.min as f64,
                    Statistic::Percentile(rank) => ranks.percentile(rank.per_mille()) as f64,
                    Statistic::Max => self.max as f64,
                })
            },
        ))
    }

    /// A percentile with its 95% confidence interval, whatever the distribution. The bounds are two
    /// of the values, whose ranks are the 2.5% and 97.5% quantiles of a binomial count (W. J.
    /// Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2, in its normal
    /// approximation). `None` while no value can bound it.
    pub(super) fn interval(&self, rank: Percentile) -> Option<Interval> {
        let share = rank.per_mille() as f64 / 1_000.0;
        let middle = self.count as f64 * share;
        let off = 1.96 * (middle * (1.0 - share)).sqrt();
        let (low, high) = ((middle - off).ceil(), (middle + off).ceil());
        if low < 1.0 || high > self.count as f64 {
            return None;
        }
        let ranks = self.ranks();
        Some(Interval {
            low_ns: ranks.at(low as u64),
            value_ns: ranks.percentile(rank.per_mille()),
            high_ns: ranks.at(high as u64),
        })
    }
}

impl Ranks<'_> {
    /// Number of values.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.of.count
    }

    /// The value of a rank, from 1: this many values are not larger. Ranks below the first give the
    /// smallest value, ranks beyond the last the largest.
    #[must_use]
    pub(crate) fn at(&self, rank: u64) -> u64 {
        let Spread {
            histogram,
            count,
            min,
            max,
            ..
        } = self.of;
        if rank <= 1 {
            return *min;
        }
        if let Some(histogram) = histogram {
            // The middle of the rank's share, because the bounds of the share may be rounded into
            // the next one.
            let value = histogram.value_at_quantile((rank as f64 - 0.5) / *count as f64);
            return value.clamp(*min, *max);
        }
        let index = usize::try_from(rank - 1).unwrap_or(usize::MAX);
        self.sorted.get(index).copied().unwrap_or(*max)
    }

    /// Nearest rank: the smallest value such that at least `per_mille` thousandths of all values are
    /// not larger.
    fn percentile(&self, per_mille: u64) -> u64 {
        self.at((self.of.count * per_mille).div_ceil(1_000))
    }
}

fn gathered(values: &[u64]) -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(3).ok()?;
    values.iter().for_each(|v| record(&mut histogram, *v));
    Some(histogram)
}

/// Grows the histogram with its values, which `saturating_record` would not do.
fn record(histogram: &mut Histogram<u64>, value: u64) {
    if histogram.record(value).is_err() {
        histogram.saturating_record(value);
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(ns: f64) -> f64 {
    ns / 1e6
}

#[cfg(test)]
#[path = "tests/spread.rs"]
mod tests;
