//! How often variants run, and what is judged over that.

use crate::scenario::effective;
use crate::scenario::margin::Margin;
use crate::scenario::model::{Order, Scenario};
use serde::{Deserialize, Serialize};

/// Margin of the metrics that are judged where the scenario names none.
const MARGIN: f64 = 0.05;

/// Rounds and what they decide, fixed before the first request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparing {
    /// Rounds before the first look.
    pub min: u32,
    /// Rounds in all, where looks leave something open; the same where there is a single look.
    pub max: u32,
    /// Whether there are looks every two rounds from `min` to `max`; else one after `min`, and one after `max` if it is more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_decided: bool,
    /// Whether the order is turned round in every other round.
    pub alternate: bool,
    /// Whether engines start anew in every round; else each starts once and stays up beside the others.
    #[serde(default = "yes")]
    pub restart: bool,
    /// The metrics that are judged; the others are only described.
    pub judged: Vec<Judged>,
}

/// What records say that are older than the choice.
fn yes() -> bool {
    true
}

/// One metric that is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name in records: `ttft_ms.p50`.
    pub metric: String,
    /// By how much it may be worse: 0.05 is 5%.
    pub margin: f64,
}

/// The variant that the others are held against: as the scenario says, else the first.
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
