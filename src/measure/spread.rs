//! One distribution gathered in bounded memory: every value while there are few, a histogram beyond. Pure.

use super::enough::Interval;
use super::summary::Distribution;
use hdrhistogram::Histogram;

/// Values kept as they are, so that percentiles are exact; beyond, percentiles have three significant digits.
pub(super) const EXACT: usize = 10_000;

/// A growing distribution of nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    kept: Vec<u64>,
    histogram: Option<Histogram<u64>>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// The values of a [`Spread`] in their order.
#[derive(Debug)]
pub struct Ranks<'s> {
    of: &'s Spread,
    sorted: Vec<u64>,
}

impl Spread {
    /// Takes a value.
    pub fn add(&mut self, value: u64) {
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

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Puts the values in order.
    #[must_use]
    pub fn ranks(&self) -> Ranks<'_> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        Ranks { of: self, sorted }
    }

    /// All values to three significant digits; `None` where there are none.
    #[must_use]
    pub fn histogram(&self) -> Option<Histogram<u64>> {
        match &self.histogram {
            Some(histogram) => Some(histogram.clone()),
            None if self.count == 0 => None,
            None => gathered(&self.kept),
        }
    }

    /// In milliseconds; `None` where there was no value.
    pub(super) fn finish(&self) -> Option<Distribution> {
        if self.count == 0 {
            return None;
        }
        let ranks = self.ranks();
        let at = |percent: u64| ms(ranks.percentile(percent) as f64);
        Some(Distribution {
            count: self.count,
            mean: ms(self.sum as f64 / self.count as f64),
            min: ms(self.min as f64),
            p50: at(50),
            p90: at(90),
            p95: at(95),
            p99: at(99),
            max: ms(self.max as f64),
            exact: self.histogram.is_none(),
        })
    }

    /// A percentile with the 95% confidence interval of the true one, whatever the distribution: two of the values, whose
    /// ranks are a binomial count's two and a half and 97.5 percent (W. J. Conover, Practical Nonparametric Statistics, 3rd
    /// edition, section 3.2, in its normal approximation). `None` while there is no value to bound it.
    pub(super) fn interval(&self, percent: u64) -> Option<Interval> {
        let share = percent as f64 / 100.0;
        let middle = self.count as f64 * share;
        let off = 1.96 * (middle * (1.0 - share)).sqrt();
        let (low, high) = ((middle - off).ceil(), (middle + off).ceil());
        if low < 1.0 || high > self.count as f64 {
            return None;
        }
        let ranks = self.ranks();
        Some(Interval {
            low_ns: ranks.at(low as u64),
            value_ns: ranks.percentile(percent),
            high_ns: ranks.at(high as u64),
        })
    }
}

impl Ranks<'_> {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.of.count
    }

    /// The value of a rank, the first of which is 1: as many values are no larger. Before the first it is the smallest,
    /// beyond the last the largest.
    #[must_use]
    pub fn at(&self, rank: u64) -> u64 {
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
            // In the middle of the rank's share, whose bounds may be rounded into the next one.
            let value = histogram.value_at_quantile((rank as f64 - 0.5) / *count as f64);
            return value.clamp(*min, *max);
        }
        let index = usize::try_from(rank - 1).unwrap_or(usize::MAX);
        self.sorted.get(index).copied().unwrap_or(*max)
    }

    /// Nearest rank: the smallest value such that at least `percent` of all values are no larger.
    fn percentile(&self, percent: u64) -> u64 {
        self.at((self.of.count * percent).div_ceil(100))
    }
}

fn gathered(values: &[u64]) -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(3).ok()?;
    values.iter().for_each(|v| record(&mut histogram, *v));
    Some(histogram)
}

/// The histogram grows with its values, which `saturating_record` would not let it do.
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
