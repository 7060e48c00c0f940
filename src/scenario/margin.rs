//! Margins: differences that are too small to matter, written as a share such as `5%`.

use super::mistake::{Mistake, quote};
use super::units::FromText;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

const EXAMPLE: &str = "write a share from `0.1%` to `100%`, such as `5%`";

/// A share: 0.05 is `5%`. From 0.1% to 100%.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin(pub f64);

impl FromStr for Margin {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let plain = |number: &&str| number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let percent = text.strip_suffix('%').map(str::trim_end).filter(plain);
        match percent.and_then(|number| number.parse::<f64>().ok()) {
            Some(percent) if (0.1..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            Some(_) => Err(
                Mistake::new(format!("the margin {} is out of range", quote(text))).help(EXAMPLE),
            ),
            None => Err(Mistake::new(format!("{} is not a margin", quote(text))).help(EXAMPLE)),
        }
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounding to twelve digits removes the binary rounding error.
        write!(f, "{}%", (self.0 * 1e14).round() / 1e12)
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a margin, such as `5%`",
            instead: "5%",
            number: |n| Mistake::new(format!("`{n}` has no unit")).help(EXAMPLE),
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for Margin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Margin {
    fn schema_name() -> Cow<'static, str> {
        "Margin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A share, from `0.1%` to `100%`.",
            "type": "string",
            "pattern": "^[0-9.]+ *%$",
            "examples": ["5%"],
        })
    }
}

#[cfg(test)]
#[path = "tests/margin.rs"]
mod tests;
