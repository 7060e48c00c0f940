//! Random numbers that are the same on every machine and in every release, because request lists are compared by their
//! hash. The generator and the logarithm are therefore our own, and use only operations with results fixed by IEEE 754.

use crate::scenario::model::{Length, Spread, SpreadShape};

/// Splitmix64 (Steele, Lea and Flood 2014). Equal seeds give equal numbers.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// A generator with `seed`. Different purposes get different numbers from the same seed.
    pub(super) const fn new(seed: u64, purpose: u64) -> Self {
        Self(mix(seed ^ mix(purpose)))
    }

    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A uniform number from 0 to `n - 1`. `n` must be above zero.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        // The high half of the product. Its bias is below n / 2^64.
        let product = u128::from(self.bits()) * u128::from(n);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// A uniform number between 0 and 1, both excluded.
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A normal number with mean 0 and standard deviation 1 (Marsaglia and Bray 1964).
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }

    /// A number of tokens, at least 1, from the distribution `length`.
    pub(super) fn length(&mut self, length: &Length) -> u32 {
        let spread = match length {
            Length::Fixed(tokens) => return *tokens,
            Length::Spread(spread) => spread,
        };
        let (least, most) = (spread.min.unwrap_or(1), spread.max.unwrap_or(u32::MAX));
        match spread.shape() {
            SpreadShape::Uniform => least + self.below((most - least).saturating_add(1)),
            SpreadShape::Normal => {
                let (mean, deviation) = moments(spread);
                rounded(mean + deviation * self.normal()).clamp(least, most)
            }
            SpreadShape::Lognormal => {
                let (mean, deviation) = moments(spread);
                let variance = ln(1.0 + (deviation / mean) * (deviation / mean));
                let log = ln(mean) - variance / 2.0 + variance.sqrt() * self.normal();
                rounded(exp(log)).clamp(least, most)
            }
        }
    }
}

fn moments(spread: &Spread) -> (f64, f64) {
    (spread.mean.unwrap_or(1.0), spread.stddev.unwrap_or(0.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to an integer saturates, and lengths are not negative"
)]
fn rounded(tokens: f64) -> u32 {
    (tokens + 0.5).max(0.0) as u32
}

/// The finaliser of splitmix64: a bijection that removes patterns.
pub(super) const fn mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Natural logarithm of a normal number above zero. The system's own differs in the last digit between systems.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as f64 - 1023.0;
    let mut fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        exponent += 1.0;
    }
    // ln f = 2 artanh((f - 1) / (f + 1)), whose argument is below 0.172.
    let s = (fraction - 1.0) / (fraction + 1.0);
    let series = (0..12).rev().map(|n| f64::from(2 * n + 1));
    let artanh = series.fold(0.0, |sum, odd| sum * s * s + 1.0 / odd) * s;
    exponent * std::f64::consts::LN_2 + 2.0 * artanh
}

/// e to the power of `x`. The system's own differs between systems, too.
fn exp(x: f64) -> f64 {
    let halvings = 64.0;
    let r = x / halvings;
    let series = (1..20).rev().map(f64::from);
    let small = series.fold(1.0, |sum, n| 1.0 + sum * r / n);
    // `small` is e^(x / 64), so it is squared six times.
    (0..6).fold(small, |power, _| power * power)
}

#[cfg(test)]
#[path = "tests/rng.rs"]
mod tests;
