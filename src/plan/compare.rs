//! The rounds of a comparison and the metrics that it judges.

use crate::scenario::effective;
use crate::scenario::margin::Margin;
use crate::scenario::model::{Order, Scenario};
use serde::{Deserialize, Serialize};

/// Margin of the metrics that are judged by default.
const MARGIN: f64 = 0.05;

/// The rounds of a comparison and the metrics to judge. They are fixed before the first request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparing {
    /// Number of rounds before the first look.
    pub min: u32,
    /// Largest number of rounds, if earlier looks do not decide everything. Equal to `min` where there is a single
    /// look.
    pub max: u32,
    /// Whether there is a look every two rounds from `min` to `max`. Otherwise there is one after `min`, and one after
    /// `max` if it is larger.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_decided: bool,
    /// Whether every other round runs the variants in reverse order.
    pub alternate: bool,
    /// Whether engines restart in every round. Otherwise each starts once, and all of them run side by side.
    #[serde(default = "yes")]
    pub restart: bool,
    /// The metrics to judge. The others are only described.
    pub judged: Vec<Judged>,
}

/// The value of `restart` in records that are older than the field.
fn yes() -> bool {
    true
}

/// One metric to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Key of the metric in records: `ttft_ms.p50`.
    pub metric: String,
    /// Largest acceptable relative change for the worse: 0.05 is 5%.
    pub margin: f64,
}

/// The variant that the others are compared with: the one that the scenario names, or else the first.
pub(super) fn baseline(scenario: &Scenario) -> Option<String> {
    let compare = scenario.compare.as_ref()?;
    let first = || {
        effective(scenario)
            .first()
            .map(|variant| variant.name.to_owned())
    };
    compare.baseline.clone().or_else(first)
}

pub(super) fn comparing(scenario: &Scenario) -> Option<Comparing> {
    let compare = scenario.compare.as_ref()?;
    let rounds = compare.rounds.as_ref()?;
    let usual = if scenario.request.stream {
        vec!["ttft", "tpot", "output_throughput"]
    } else {
        vec!["e2e", "output_throughput"]
    };
    let judged = |(name, margin): (&str, f64)| {
        let metric = crate::scenario::gate::judged_metric(name).ok()?;
        Some(Judged { metric, margin })
    };
    let named = compare.equivalence.iter();
    let judged = if compare.equivalence.is_empty() {
        usual
            .into_iter()
            .filter_map(|name| judged((name, MARGIN)))
            .collect()
    } else {
        named
            .filter_map(|(name, Margin(margin))| judged((name, *margin)))
            .collect()
    };
    Some(Comparing {
        min: rounds.min,
        max: rounds.most(),
        until_decided: rounds.until.is_some(),
        alternate: rounds.order == Order::Abba,
        restart: rounds.restart,
        judged,
    })
}
