//! Rates (`8/s`), and ranges for searches (`1/s..64/s`, `1..256`).

use super::mistake::{Mistake, quote};
use super::units::FromText;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Requests per second, above zero, written as `8/s`, `0.5/s` or `90/m`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// Highest rate, in requests per second.
const MAX_RATE: f64 = 1_000_000.0;

impl FromStr for Rate {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let help = "write requests per second or minute, such as `8/s`, `0.5/s` or `90/m`";
        let invalid = || Mistake::new(format!("{} is not a rate", quote(text))).help(help);
        let (number, unit) = text.split_once('/').ok_or_else(invalid)?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            _ => return Err(invalid()),
        };
        let number = number.trim();
        let digits = number.starts_with(|c: char| c.is_ascii_digit());
        let rate = number.parse::<f64>().ok().filter(|_| digits);
        let rate = rate.ok_or_else(invalid)? / seconds;
        if rate <= 0.0 {
            Err(Mistake::new("a rate must be above zero").help(help))
        } else if rate > MAX_RATE {
            Err(
                Mistake::new(format!("the rate {} is too high", quote(text)))
                    .help(format!("at most {MAX_RATE}/s")),
            )
        } else {
            Ok(Self(rate))
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Range of a search: rates (`1/s..64/s`) or requests in flight (`1..256`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bounds {
    /// Lowest and highest rate.
    Rate(Rate, Rate),
    /// Lowest and highest number of requests in flight.
    Concurrency(u32, u32),
}

impl FromStr for Bounds {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let help = "write two rates, such as `1/s..64/s`, or two numbers of requests in flight, such as `1..256`";
        let invalid =
            || Mistake::new(format!("{} is not a range to search", quote(text))).help(help);
        let (low, high) = text.split_once("..").ok_or_else(invalid)?;
        let (low, high) = (low.trim(), high.trim());
        let (bounds, ordered) = if low.contains('/') || high.contains('/') {
            let (low, high): (Rate, Rate) = (low.parse()?, high.parse()?);
            (Self::Rate(low, high), low < high)
        } else {
            let number = |text: &str| text.parse::<u32>().map_err(|_| invalid());
            let (low, high) = (number(low)?, number(high)?);
            (Self::Concurrency(low, high), low < high && low > 0)
        };
        if ordered {
            Ok(bounds)
        } else {
            let message = format!("the range {} is empty", quote(text));
            Err(Mistake::new(message).help("write the smaller end first, above zero"))
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(low, high) => write!(f, "{low}..{high}"),
            Self::Concurrency(low, high) => write!(f, "{low}..{high}"),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a rate, such as `8/s`",
            instead: "1/s",
            number: |n| {
                Mistake::new(format!("`{n}` has no unit")).help(format!("write `{n}/s` or `{n}/m`"))
            },
            parsed: std::marker::PhantomData,
        })
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a range to search, such as `1/s..64/s`",
            instead: "1/s..2/s",
            number: |n| {
                Mistake::new(format!("`{n}` is not a range to search"))
                    .help("write its two ends, such as `1/s..64/s` or `1..256`")
            },
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Requests per second or minute.",
            "type": "string",
            "pattern": r"^\s*[0-9][0-9.]*([eE][-+]?[0-9]+)?\s*/\s*[sm]\s*$",
            "examples": ["8/s", "0.5/s", "90/m"],
        })
    }
}

impl JsonSchema for Bounds {
    fn schema_name() -> Cow<'static, str> {
        "Bounds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A range to search: rates, or numbers of requests in flight.",
            "type": "string",
            "pattern": r"^[^.].*\.\..*[^.]$",
            "examples": ["1/s..64/s", "1..256"],
        })
    }
}

#[cfg(test)]
#[path = "tests/rate.rs"]
mod tests;
