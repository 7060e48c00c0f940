//! What a phase may wait for: that a percentile is known, that answers no longer get faster.

use super::gate::{STATS, Stat, TIMINGS, Timing};
use super::margin::Margin;
use super::mistake::{Mistake, quote};
use super::units::FromText;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

const EXAMPLE: &str = "write p50, p90, p95 or p99 and one of ttft, ttft_from_due, tpot, e2e and e2e_from_due, such as `p99 ttft`";

/// Ends a phase before its own end, when a percentile is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// Which one: `p99 ttft`.
    pub known: Percentile,
    /// How far off its 95% confidence interval may reach, as a share of it.
    pub within: Margin,
}

/// What ends a warm-up before its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmUntil {
    /// The last answers were hardly quicker than those before.
    Steady,
}

/// A percentile of a time of requests, written `p99 ttft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// 50, 90, 95 or 99.
    pub percent: u64,
    /// Of what.
    pub timing: Timing,
}

/// Those whose values are one a request.
const WAITED_FOR: [Timing; 5] = [
    Timing::Ttft,
    Timing::TtftFromDue,
    Timing::Tpot,
    Timing::E2e,
    Timing::E2eFromDue,
];

impl FromStr for Percentile {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let not_one = || Mistake::new(format!("{} can't be waited for", quote(text))).help(EXAMPLE);
        let words: Vec<&str> = text.split_whitespace().collect();
        let [stat, timing] = words[..] else {
            return Err(not_one());
        };
        let stat = STATS.iter().find(|(name, _)| *name == stat);
        let percent = match stat.map(|(_, stat)| stat) {
            Some(Stat::P50) => 50,
            Some(Stat::P90) => 90,
            Some(Stat::P95) => 95,
            Some(Stat::P99) => 99,
            _ => return Err(not_one()),
        };
        let timing = TIMINGS.iter().find(|(name, _)| *name == timing);
        let timing = timing.map(|(_, timing)| *timing);
        let timing = timing.filter(|timing| WAITED_FOR.contains(timing));
        timing
            .map(|timing| Self { percent, timing })
            .ok_or_else(not_one)
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TIMINGS.iter().find(|(_, timing)| *timing == self.timing);
        let name = name.map_or("", |(name, _)| name);
        write!(f, "p{} {name}", self.percent)
    }
}

impl<'de> Deserialize<'de> for Percentile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FromText {
            expected: "a percentile, such as `p99 ttft`",
            instead: "p99 ttft",
            number: |n| Mistake::new(format!("`{n}` is no percentile of anything")).help(EXAMPLE),
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
        json_schema!({
            "description": "A percentile of a time of requests: `p50`, `p90`, `p95` or `p99` of `ttft`, `ttft_from_due`, `tpot`, `e2e` or `e2e_from_due`.",
            "type": "string",
            "pattern": "^ *p(50|90|95|99) +(ttft|ttft_from_due|tpot|e2e|e2e_from_due) *$",
            "examples": ["p99 ttft"],
        })
    }
}

#[cfg(test)]
#[path = "tests/until.rs"]
mod tests;
