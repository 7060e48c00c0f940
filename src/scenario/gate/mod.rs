//! Gates: conditions on metrics in a small expression form, `p99 ttft < 800ms`, `error_rate == 0`, `goodput >= 95%`, and
//! between variants, `dynamo.p50 ttft <= 1.1 * native.p50 ttft`.

mod certain;
mod parse;

pub(crate) use certain::{Bounds, Certain, beside, bounds};
pub(crate) use parse::compared;

use super::mistake::Mistake;
use super::units::FromText;
use crate::metric::Figure;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// One condition on a metric. Read from and written as its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// As written.
    pub text: String,
    /// The variant it is on; every one unless named.
    pub variant: Option<String>,
    /// What is measured.
    pub figure: Figure,
    /// How it is held against the limit.
    pub op: Op,
    /// What it is held against.
    pub limit: Limit,
}

/// What a gate compares its figure with.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A number: milliseconds for times, a share (0 to 1) for shares, per second for rates.
    Number(f64),
    /// So many times a figure of a variant.
    Times(f64, String, Figure),
}

impl Gate {
    /// The variants that it names.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        let other = match &self.limit {
            Limit::Number(_) => None,
            Limit::Times(_, variant, _) => Some(variant.as_str()),
        };
        self.variant.as_deref().into_iter().chain(other)
    }
}

/// A comparison.
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
