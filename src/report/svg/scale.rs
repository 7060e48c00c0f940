//! Axes: from values to positions, with ticks at round numbers.

/// An axis becomes logarithmic when the largest value is this many times the smallest.
const WIDE: f64 = 30.0;

/// A vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// Linear, from zero unless all values are far from zero.
    Linear {
        /// Its lower end.
        min: f64,
        /// Its upper end.
        max: f64,
    },
    /// Logarithmic.
    Log {
        /// Its lower end.
        min: f64,
        /// Its upper end.
        max: f64,
    },
}

impl Scale {
    /// An axis from zero that holds all values.
    pub(crate) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let max = values.fold(0.0, f64::max);
        let step = step(max);
        Self::Linear {
            min: 0.0,
            max: if max > 0.0 {
                (max / step).ceil() * step
            } else {
                1.0
            },
        }
    }

    /// An axis that is logarithmic if values are far apart, so that the tail does not flatten the rest.
    pub(crate) fn wide(values: impl Iterator<Item = f64> + Clone) -> Self {
        let max = values.clone().fold(0.0, f64::max);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let min = values.filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
        if !min.is_finite() || max < min * WIDE {
            return Self::close(least, max);
        }
        let low = 10_f64.powf(min.log10().floor());
        let low = [5.0, 2.0]
            .map(|k| k * low)
            .into_iter()
            .find(|low| *low <= min)
            .unwrap_or(low);
        Self::Log { min: low, max }
    }

    /// From zero, or from below the smallest value where that is more than half of the largest. Never so close that a
    /// difference of one percent looks like much.
    fn close(min: f64, max: f64) -> Self {
        if !min.is_finite() || min < max / 2.0 {
            return Self::linear([max].into_iter());
        }
        let low = (min - max * 0.1).max(0.0);
        let step = step(max - low);
        let min = (low / step).floor() * step;
        let max = (max / step).ceil() * step;
        Self::Linear { min, max }
    }

    /// Where a value is, from 0 at the bottom to 1 at the top.
    pub(crate) fn at(self, value: f64) -> f64 {
        let at = match self {
            Self::Linear { min, max } => (value - min) / (max - min),
            Self::Log { min, max } => (value / min).log10() / (max / min).log10(),
        };
        at.clamp(0.0, 1.0)
    }

    /// Round values along it.
    pub(crate) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { min, max } => {
                let step = step(max - min);
                (0..)
                    .map(|i| min + f64::from(i) * step)
                    .take_while(|tick| *tick <= max * 1.000_001)
                    .collect()
            }
            Self::Log { min, max } => {
                let decades = (max / min).log10();
                let steps: &[f64] = if decades > 3.0 {
                    &[1.0]
                } else {
                    &[1.0, 2.0, 5.0]
                };
                let first = 10_f64.powf(min.log10().floor());
                (0..24)
                    .flat_map(|i| steps.iter().map(move |k| k * first * 10_f64.powi(i)))
                    .filter(|tick| *tick >= min * 0.999_999 && *tick <= max)
                    .collect()
            }
        }
    }
}

/// A round step that divides a range into about four.
pub(crate) fn step(range: f64) -> f64 {
    if range <= 0.0 || !range.is_finite() {
        return 1.0;
    }
    let rough = range / 4.0;
    let base = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0];
    let found = round.map(|k| k * base).into_iter();
    found
        .into_iter()
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(base * 10.0)
}

#[cfg(test)]
#[path = "tests/scale.rs"]
mod tests;
