//! Gates: conditions on metrics, written as small expressions: `p99 ttft < 800ms`, `error_rate == 0`, `goodput >= 95%`.
//! A gate can also compare variants: `dynamo.p50 ttft <= 1.1 * native.p50 ttft`.

mod outcome;
mod parse;

pub(crate) use outcome::{Bounds, FixedOutcome, bounds, outcome_within_variant};
pub(crate) use parse::judged_metric;

use super::mistake::Mistake;
use super::units::FromText;
use crate::metric::Figure;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// One condition on a metric. It is read from its text and written as its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The gate as written.
    pub text: String,
    /// Name of the variant that it applies to. `None` applies it to every variant.
    pub variant: Option<String>,
    /// The figure on the left side.
    pub figure: Figure,
    /// The comparison.
    pub op: Op,
    /// The right side.
    pub limit: Limit,
}

/// The right side of a gate.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A number: times in milliseconds, shares from 0 to 1, rates per second.
    Number(f64),
    /// A factor times a figure of a variant.
    Times(f64, String, Figure),
}

impl Gate {
    /// Names of the variants in the gate.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        let other = match &self.limit {
            Limit::Number(_) => None,
            Limit::Times(_, variant, _) => Some(variant.as_str()),
        };
        self.variant.as_deref().into_iter().chain(other)
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a gate, such as `p99 ttft < 800ms`",
            instead: "error_rate <= 100%",
            number: |n| Mistake::new(format!("`{n}` is not a gate")).help(parse::EXAMPLE),
            parsed: std::marker::PhantomData,
        })
    }
}

impl Serialize for Gate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Gate {
    fn schema_name() -> Cow<'static, str> {
        "Gate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A condition on a metric: `[VARIANT.][STATISTIC] METRIC COMPARISON LIMIT`, where the limit is a value or `[FACTOR *] VARIANT.[STATISTIC] METRIC`.",
            "type": "string",
            "pattern": "[<>=]",
            "examples": [
                "p99 ttft < 800ms", "mean e2e <= 2s", "error_rate == 0", "goodput >= 95%",
                "server.prefix_hit_rate > 0.5", "server.queue < 50ms", "output_throughput > 400/s", "request_throughput >= 2/s", "startup < 180s", "teardown < 20s",
                "dynamo.p50 ttft <= 1.1 * native.p50 ttft",
            ],
        })
    }
}

#[cfg(test)]
mod tests;
