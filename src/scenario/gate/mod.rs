//! Gates: conditions on metrics in a small expression form, `p99 ttft < 800ms`, `error_rate == 0`, `goodput >= 95%`, and
//! between variants, `dynamo.p50 ttft <= 1.1 * native.p50 ttft`.

mod certain;
mod parse;

pub use certain::{Bounds, Certain};
pub use parse::{SERVER, SINGLES, STATS, TIMINGS, compared};

use super::mistake::Mistake;
use super::units::FromText;
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
    pub quantity: Quantity,
    /// How it is held against the limit.
    pub op: Op,
    /// What it is held against.
    pub limit: Limit,
}

/// What a gate holds its quantity against.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// A number: milliseconds for times, a share (0 to 1) for shares, per second for rates.
    Number(f64),
    /// So many times a quantity of a variant.
    Times(f64, String, Quantity),
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

/// What a gate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// One statistic of a distribution in milliseconds.
    Timing(Stat, Timing),
    /// Failed / sent.
    ErrorRate,
    /// Share of all requests that succeed and meet every SLO.
    Goodput,
    /// Output tokens a second.
    OutputThroughput,
    /// Successful requests a second.
    RequestThroughput,
    /// Milliseconds until ready.
    Startup,
    /// Milliseconds until nothing was left.
    Teardown,
    /// What the server says of itself.
    Server(ServerFigure),
}

/// A figure of the server's own, by its name in docs/metrics.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFigure {
    /// The mean of a time, in milliseconds.
    Time(&'static str),
    /// What a counter gained.
    Counter(&'static str),
    /// The mean of a level.
    Level(&'static str),
    /// The largest of a share, 0 to 1.
    Share(&'static str),
    /// Share of looked-up prompt tokens that the prefix cache held.
    PrefixHitRate,
}

/// A statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the field's own")]
pub enum Stat {
    Mean,
    Min,
    P50,
    P90,
    P95,
    P99,
    Max,
}

/// A distribution (METRICS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of docs/metrics.md")]
pub enum Timing {
    Ttft,
    TtftFromDue,
    FirstChunk,
    Tpot,
    ChunkGap,
    E2e,
    E2eFromDue,
    Batch,
    ClientDelay,
    ScheduleLag,
    Connect,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
}

impl Op {
    /// Whether `value` satisfies the comparison with `limit`.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Lt => value < limit,
            Self::Le => value <= limit,
            Self::Eq => (value - limit).abs() < f64::EPSILON,
            Self::Ge => value >= limit,
            Self::Gt => value > limit,
        }
    }
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
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_in_the_unit_of_their_metric() {
        let p99 = |timing| Quantity::Timing(Stat::P99, timing);
        for (text, quantity, op, limit) in [
            ("p99 ttft < 800ms", p99(Timing::Ttft), Op::Lt, 800.0),
            (
                "mean e2e <= 2s",
                Quantity::Timing(Stat::Mean, Timing::E2e),
                Op::Le,
                2_000.0,
            ),
            ("error_rate == 0", Quantity::ErrorRate, Op::Eq, 0.0),
            ("error_rate < 1%", Quantity::ErrorRate, Op::Lt, 0.01),
            ("goodput>=95%", Quantity::Goodput, Op::Ge, 0.95),
            (
                "output_throughput > 400/s",
                Quantity::OutputThroughput,
                Op::Gt,
                400.0,
            ),
            (
                "request_throughput >= 2.5/s",
                Quantity::RequestThroughput,
                Op::Ge,
                2.5,
            ),
            ("startup < 180s", Quantity::Startup, Op::Lt, 180_000.0),
            ("  teardown  <  20s ", Quantity::Teardown, Op::Lt, 20_000.0),
            (
                "p99 schedule_lag < 100us",
                p99(Timing::ScheduleLag),
                Op::Lt,
                0.1,
            ),
        ] {
            let gate: Gate = text.parse().unwrap();
            assert_eq!((gate.quantity, gate.op), (quantity, op), "{text}");
            let Limit::Number(found) = gate.limit else {
                panic!("{text}: {:?}", gate.limit)
            };
            assert!((found - limit).abs() < 1e-9, "{text}: {found}");
            let json = serde_json::to_string(&gate).unwrap();
            assert_eq!(serde_json::from_str::<Gate>(&json).unwrap(), gate);
        }
    }

    #[test]
    fn gates_reach_across_variants() {
        let p50 = Quantity::Timing(Stat::P50, Timing::Ttft);
        let times =
            |factor, variant: &str, quantity| Limit::Times(factor, variant.to_owned(), quantity);
        for (text, variant, quantity, limit) in [
            (
                "dynamo.p50 ttft <= 1.1 * native.p50 ttft",
                Some("dynamo"),
                p50,
                times(1.1, "native", p50),
            ),
            (
                "v1.0.p50 ttft<=native.p50 ttft",
                Some("v1.0"),
                p50,
                times(1.0, "native", p50),
            ),
            (
                "dynamo.startup < 2*native.startup",
                Some("dynamo"),
                Quantity::Startup,
                times(2.0, "native", Quantity::Startup),
            ),
            (
                "p50 ttft < 3 * native.p50 ttft",
                None,
                p50,
                times(3.0, "native", p50),
            ),
            (
                "dynamo.goodput >= 95%",
                Some("dynamo"),
                Quantity::Goodput,
                Limit::Number(0.95),
            ),
        ] {
            let gate: Gate = text.parse().unwrap();
            assert_eq!(gate.variant.as_deref(), variant, "{text}");
            assert_eq!((gate.quantity, gate.limit), (quantity, limit), "{text}");
        }
        let both: Gate = "a.startup < 2 * b.startup".parse().unwrap();
        assert_eq!(both.variants().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn metrics_of_comparisons_have_the_names_of_records() {
        for (text, key) in [
            ("ttft", "ttft_ms.p50"),
            ("p95 e2e", "e2e_ms.p95"),
            ("output_throughput", "output_tokens_per_s"),
            ("startup", "ready_ms"),
        ] {
            assert_eq!(parse::compared(text).unwrap(), key);
        }
        for wrong in [
            "goodput",
            "mean ttft",
            "tfft",
            "p99 p99",
            "",
            "p50 schedule_lag",
        ] {
            assert!(parse::compared(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mistakes_point_at_the_word() {
        for (text, word) in [
            ("p99 tfft < 800ms", "tfft"),
            ("p9 ttft < 800ms", "p9"),
            ("p99 ttft << 800ms", "<<"),
            ("p99 ttft < 800", "800"),
            ("goodput >= 95", "95"),
            ("error_rate != 0", "!="),
            ("ttft < 1s", "ttft"),
            ("dynamo.p9 ttft < 1s", "p9"),
            ("dynamo.ttft < 1s", "ttft"),
            ("p50 ttft <= 1.1 * native.p50 tfft", "tfft"),
            ("p50 ttft <= 1.1 * native.p50 tpot", "native.p50 tpot"),
            ("p50 ttft <= x * native.p50 ttft", "x"),
            ("p50 ttft <= 1.1 * p50 ttft", "p50 ttft"),
            ("p50 ttft <= 2 *", "2 *"),
        ] {
            let mistake = text.parse::<Gate>().unwrap_err();
            assert_eq!(&text[mistake.part.clone().unwrap()], word, "{mistake:?}");
            assert_eq!(Mistake::decode(&format!("{mistake:#}")), mistake);
        }
    }

    #[test]
    fn comparisons_hold_at_their_edge() {
        assert!(Op::Le.holds(1.0, 1.0) && Op::Ge.holds(1.0, 1.0) && Op::Eq.holds(0.0, 0.0));
        assert!(!Op::Lt.holds(1.0, 1.0) && !Op::Gt.holds(1.0, 1.0) && !Op::Eq.holds(0.1, 0.0));
        assert!(!Op::Lt.holds(f64::NAN, 1.0) && !Op::Gt.holds(f64::NAN, 1.0));
    }
}
