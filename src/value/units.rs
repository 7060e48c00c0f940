//! Values with units: durations (`30s`, `500ms`) and ranges (`1..64`).

use super::mistake::{Mistake, quote};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Units of time and their nanoseconds, largest first.
const UNITS: [(&str, u64); 5] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// A duration, written with its unit: `30s`, `500ms`, `100us`, `2m`, `1h`, `1.5s`. At most about 584 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl Time {
    /// A duration of `n` seconds.
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }
    /// A duration of `n` milliseconds.
    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }
    /// A duration of `n` microseconds.
    #[must_use]
    pub const fn from_micros(n: u64) -> Self {
        Self(Duration::from_micros(n))
    }
    /// The duration in milliseconds.
    #[must_use]
    pub fn as_millis_f64(self) -> f64 {
        self.0.as_secs_f64() * 1e3
    }
}

impl FromStr for Time {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if text.starts_with('-') {
            return Err(Mistake::new(format!(
                "a duration cannot be negative: {}",
                quote(text)
            )));
        }
        let invalid = || {
            Mistake::new(format!("{} is not a duration", quote(text))).help(
                "write a number and a unit (us, ms, s, m or h), such as `30s`, `500ms` or `1.5s`",
            )
        };
        let nanos = decimal(number, 9).ok_or_else(invalid)?;
        if unit.is_empty() {
            return Err(
                Mistake::new(format!("{} has no unit of time", quote(text))).help(format!(
                    "write, for example, `{number}s` or `{number}ms` (units: us, ms, s, m, h)"
                )),
            );
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            let mistake = invalid().at(digits..text.len());
            return Err(match unit.trim_start() {
                known if known != unit && UNITS.iter().any(|(name, _)| *name == known) => {
                    mistake.help(format!("write it without the space: `{number}{known}`"))
                }
                _ if unit.contains(|c: char| c.is_ascii_digit()) => {
                    mistake.help("write it with one unit, such as `90m` for an hour and a half")
                }
                _ => mistake,
            });
        };
        let nanos = nanos
            .checked_mul(u128::from(*scale))
            .and_then(|nanos| u64::try_from(nanos / 1_000_000_000).ok())
            .ok_or_else(|| Mistake::new(format!("the duration {} is too long", quote(text))))?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

/// A decimal number times ten to the power of `places`. Further digits are cut.
fn decimal(text: &str, places: usize) -> Option<u128> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 19 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction: String = fraction
        .chars()
        .chain("0".repeat(places).chars())
        .take(places)
        .collect();
    format!("{whole}{fraction}").parse().ok()
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in UNITS {
            if nanos.is_multiple_of(u128::from(scale)) {
                return write!(f, "{}{unit}", nanos / u128::from(scale));
            }
        }
        let fraction = format!("{:03}", nanos % 1_000);
        write!(f, "{}.{}us", nanos / 1_000, fraction.trim_end_matches('0'))
    }
}

/// A range of numbers, both ends included, written `low..high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl FromStr for Range {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let help = "write both ends with two dots between them, such as `1..64`; both are included";
        let number = |end: &str| {
            let digits = !end.trim().starts_with('.') && !end.trim().ends_with('.');
            end.trim()
                .parse()
                .ok()
                .filter(|n: &f64| digits && n.is_finite())
        };
        let ends = text
            .split_once("..")
            .and_then(|(a, b)| number(a).zip(number(b)));
        let Some((low, high)) = ends else {
            return Err(Mistake::new(format!("{} is not a range", quote(text))).help(help));
        };
        if low > high {
            return Err(Mistake::new(format!("the range {} is empty", quote(text)))
                .help(format!("write the smaller end first: `{high}..{low}`")));
        }
        Ok(Self { low, high })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.low, self.high)
    }
}

/// A Serde visitor that parses a value from its text.
pub(crate) struct FromText<T> {
    /// The expected form, with an example.
    pub(crate) expected: &'static str,
    /// Text of the value that replaces a hole, whose mistake was reported.
    pub(crate) instead: &'static str,
    /// The mistake for a bare number.
    pub(crate) number: fn(&str) -> Mistake,
    pub(crate) parsed: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = Mistake>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_none<E: de::Error>(self) -> Result<T, E> {
        self.instead.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
        Err(E::custom((self.number)(&n.to_string())))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<T, E> {
        Err(E::custom((self.number)(&n.to_string())))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<T, E> {
        Err(E::custom((self.number)(&n.to_string())))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a duration with its unit, such as `30s`",
            instead: "1s",
            number: |text| match text.parse::<Time>() {
                Err(mistake) => mistake,
                Ok(_) => Mistake::new("a duration is text"),
            },
            parsed: std::marker::PhantomData,
        })
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a range, such as `1..64`",
            instead: "1..1",
            number: |n| {
                Mistake::new(format!("`{n}` is not a range")).help(format!(
                    "write both ends, which are included: `{n}..{n}`, or use `equals: {n}`"
                ))
            },
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration with its unit (us, ms, s, m or h).",
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h)$",
            "examples": ["30s", "500ms", "1.5s"],
        })
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A range of numbers, both ends included.",
            "type": "string",
            "pattern": r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*\.\.\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$",
            "examples": ["1..64", "0.5..1.5"],
        })
    }
}

#[cfg(test)]
#[path = "tests/units.rs"]
mod tests;
