//! Arrival times of the requests of an open loop: a renewal process with a seed and a rate that may change. The times
//! are part of a run's request list, so the random generator is our own and never changes.

use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// An arrival process: its rate, the variation of its gaps, and its seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Rate, in requests per second.
    pub rate: Rates,
    /// Coefficient of variation of the gaps between requests: 0 gives equal gaps, 1 a Poisson process, more gives
    /// bursts.
    pub cv: f64,
    /// Seed of the gaps.
    pub seed: u64,
}

/// A rate over time, in requests per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rates {
    /// A constant rate.
    Steady(f64),
    /// Recorded times at which requests are due, in nanoseconds since the first.
    Recorded(Arc<[u64]>),
    /// A rate that changes linearly.
    Ramp {
        /// Rate at the start.
        from: f64,
        /// Rate at the end.
        to: f64,
        /// Duration of the change.
        over: Duration,
    },
}

impl Pace {
    /// The due times, in nanoseconds since the start of the phase. The sequence is endless unless the times are
    /// recorded.
    #[must_use]
    pub fn times(&self) -> Times {
        Times {
            pace: self.clone(),
            rng: Rng(self.seed),
            // With equal gaps, the first request is due at once. A random process starts with a gap.
            expected: if self.cv == 0.0 { -1.0 } else { 0.0 },
            given: 0,
        }
    }
}

/// Iterates over due times.
#[derive(Debug, Clone)]
pub struct Times {
    pace: Pace,
    rng: Rng,
    /// Expected number of requests up to the last returned time.
    expected: f64,
    /// Number of recorded times that were returned.
    given: usize,
}

impl Iterator for Times {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.expected += self.rng.gap(self.pace.cv);
        if let Rates::Recorded(times) = &self.pace.rate {
            let at = times.get(self.given).copied();
            self.given += 1;
            return at;
        }
        Some(nanos(self.pace.rate.when(self.expected)))
    }
}

impl Rates {
    /// The time, in seconds, at which the expected number of requests reaches `expected`.
    fn when(&self, expected: f64) -> f64 {
        match *self {
            Self::Steady(rate) => expected / rate,
            Self::Recorded(_) => f64::INFINITY,
            Self::Ramp { from, to, over } => {
                let over = over.as_secs_f64();
                let ramped = (from + to) / 2.0 * over;
                if expected >= ramped {
                    return over + (expected - ramped) / to;
                }
                // from t + (to - from) t^2 / (2 over) = expected, in the form that is exact for a flat ramp.
                let slope = (to - from) / over;
                2.0 * expected / (from + (from * from + 2.0 * slope * expected).max(0.0).sqrt())
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to an integer saturates, and times are not negative"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e9).round() as u64
}

/// Splitmix64 (Steele, Lea and Flood 2014), with the distributions of arrivals.
#[derive(Debug, Clone)]
struct Rng(u64);

impl Rng {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A uniform number above 0 and at most 1.
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A gap with mean 1 from the gamma distribution with this coefficient of variation.
    fn gap(&mut self, cv: f64) -> f64 {
        if cv == 0.0 {
            return 1.0;
        }
        if (cv - 1.0).abs() < 1e-12 {
            return -self.uniform().ln();
        }
        let shape = 1.0 / (cv * cv);
        self.gamma(shape) / shape
    }

    /// A gamma number with scale 1 (Marsaglia and Tsang 2000). A shape below 1 is computed from the shape plus 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let scale = self.uniform().powf(1.0 / shape);
            return self.gamma(shape + 1.0) * scale;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A normal number with mean 0 and standard deviation 1 (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
#[path = "tests/pace.rs"]
mod tests;
