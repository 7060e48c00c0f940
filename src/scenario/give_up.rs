//! How long the load continues while every request fails: a duration such as `10s`, or `never`.

use super::mistake::Mistake;
use super::units::{FromText, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const EXAMPLE: &str = "write a duration such as `10s`, or `never`";

/// How long every request may fail before the load is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// After this time.
    After(Time),
    /// Never: the load continues to its end.
    Never,
}

impl GiveUp {
    /// The time limit, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::After(time) => Some(time.0),
            Self::Never => None,
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for GiveUp {
    fn default() -> Self {
        Self::After(Time::from_secs(10))
    }
}

impl FromStr for GiveUp {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let time: Time = text.parse().map_err(|mistake: Mistake| {
            if text.starts_with(|c: char| c.is_ascii_digit()) {
                mistake
            } else {
                mistake.help(EXAMPLE)
            }
        })?;
        if time.0.is_zero() {
            return Err(Mistake::new("the limit must be longer than zero").help(EXAMPLE));
        }
        Ok(Self::After(time))
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => time.fmt(f),
            Self::Never => f.write_str("never"),
        }
    }
}

impl<'de> Deserialize<'de> for GiveUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a duration such as `10s`, or `never`",
            instead: "10s",
            number: |n| Mistake::new(format!("`{n}` has no unit of time")).help(EXAMPLE),
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for GiveUp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for GiveUp {
    fn schema_name() -> Cow<'static, str> {
        "GiveUp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration, or `never`.",
            "type": "string",
            "pattern": "^(never|[0-9.]+(us|ms|s|m|h))$",
            "examples": ["10s", "never"],
        })
    }
}

#[cfg(test)]
#[path = "tests/give_up.rs"]
mod tests;
