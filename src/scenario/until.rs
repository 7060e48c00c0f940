//! Conditions that end a phase early: a percentile is known precisely, or answers no longer get faster.

use super::margin::Margin;
use super::mistake::{Mistake, list, quote};
use super::units::FromText;
use crate::metric::{self, Scope, Timing};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Ends a phase early, once a percentile is known precisely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The percentile: `p99 ttft`.
    pub known: Percentile,
    /// Largest distance from the percentile to an end of its 95% confidence interval, as a share of the percentile.
    pub within: Margin,
}

/// Condition that ends a warm-up before its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmUntil {
    /// The latest answers were hardly faster than those before.
    Steady,
}

/// A percentile of a metric with one value per request, written as `p99 ttft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// The rank of the percentile.
    pub rank: metric::Percentile,
    /// The metric.
    pub timing: Timing,
}

/// The metrics that a condition can name: those with one value per request.
fn request_timings() -> impl Iterator<Item = Timing> + Clone {
    let all = Timing::ALL.into_iter();
    all.filter(|timing| timing.row().scope == Scope::Request)
}

fn names() -> impl Iterator<Item = &'static str> + Clone {
    request_timings().map(|timing| timing.row().name)
}

fn ranks() -> impl Iterator<Item = &'static str> + Clone {
    let all = metric::Percentile::ALL.into_iter();
    all.map(metric::Percentile::name)
}

fn example() -> String {
    let (ranks, names) = (list(ranks()), list(names()));
    format!("write one of {ranks} and one of {names}, such as `p99 ttft`")
}

impl FromStr for Percentile {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let found = || {
            let [rank, name] = words[..] else { return None };
            let mut ranks = metric::Percentile::ALL.into_iter();
            Some(Self {
                rank: ranks.find(|known| known.name() == rank)?,
                timing: request_timings().find(|timing| timing.row().name == name)?,
            })
        };
        let message = || format!("{} is not a percentile of a request metric", quote(text));
        found().ok_or_else(|| Mistake::new(message()).help(example()))
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rank.name(), self.timing.row().name)
    }
}

impl<'de> Deserialize<'de> for Percentile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a percentile, such as `p99 ttft`",
            instead: "p99 ttft",
            number: |n| {
                Mistake::new(format!("`{n}` is not a percentile of a metric")).help(example())
            },
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for Percentile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Percentile {
    fn schema_name() -> Cow<'static, str> {
        "Percentile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let either = |names: Vec<&str>| names.join("|");
        let names = either(names().collect());
        let ranks = either(ranks().collect()).replace('.', r"\.");
        json_schema!({
            "description": "A percentile of a metric that has one value for each request.",
            "type": "string",
            "pattern": format!("^ *({ranks}) +({names}) *$"),
            "examples": ["p99 ttft"],
        })
    }
}

#[cfg(test)]
#[path = "tests/until.rs"]
mod tests;
