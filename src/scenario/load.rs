//! The load on the server: its phases, and when their requests are sent.

use super::gate::Gate;
pub(crate) use super::give_up::GiveUp;
use super::limits;
use super::rate::{Bounds, Rate};
use super::units::Time;
pub(crate) use super::until::{Percentile, Until, WarmUntil};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The load on the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Requests that are sent before the first phase and not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// Seed of random arrivals. The same seed gives the same arrivals for every variant.
    #[serde(default)]
    pub seed: u64,
    /// The measured phases, in order.
    #[schemars(length(min = 1))]
    pub phases: Vec<Phase>,
    /// What happens to the load when an engine process dies.
    #[serde(default, skip_serializing_if = "OnEngineDeath::is_default")]
    pub on_engine_death: OnEngineDeath,
    /// How long every request of a phase may fail before the load is given up, or `never`. Giving up is a failed check.
    #[serde(default, skip_serializing_if = "GiveUp::is_default")]
    pub give_up_after: GiveUp,
}

/// What happens to the load when an engine process dies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnEngineDeath {
    /// The load and the run end at once.
    #[default]
    End,
    /// The load continues, and the death is a failed check. For topologies in which other workers take over.
    Continue,
}

impl OnEngineDeath {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Requests before the first measured phase. Their prompts differ from each other and from the measured prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Number of requests.
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: u64,
    /// Requests in flight at once.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub concurrency: u32,
    /// Condition that ends the warm-up early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WarmUntil>,
}

/// One measured phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Sends a batch, waits for all of its answers, then sends the next, as Beam's RunInference does.
    Batch(Batch),
    /// Keeps a fixed number of requests in flight. Each answer is followed by the next request.
    Closed(Closed),
    /// Sends requests at a given rate, however long the answers take.
    Open(Open),
    /// An open loop whose rate changes linearly.
    Ramp(Ramp),
    /// Several phases in sequence, each with its own rate or concurrency.
    Steps(Steps),
    /// Searches for the highest rate or concurrency that meets the goal.
    Search(Search),
}

impl Phase {
    /// The key of this kind of phase in a scenario.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Batch(_) => "batch",
            Self::Closed(_) => "closed",
            Self::Open(_) => "open",
            Self::Ramp(_) => "ramp",
            Self::Steps(_) => "steps",
            Self::Search(_) => "search",
        }
    }

    /// The name of the phase in reports.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Batch(Batch { name, .. })
        | Self::Closed(Closed { name, .. })
        | Self::Open(Open { name, .. })
        | Self::Ramp(Ramp { name, .. })
        | Self::Steps(Steps { name, .. })
        | Self::Search(Search { name, .. })) = self;
        name.as_deref().unwrap_or(self.kind())
    }
}

/// Load in batches, as Apache Beam sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Name in reports. The default is `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests sent at once.
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub size: u32,
    /// Number of batches, one after the other.
    #[schemars(range(min = 1, max = limits::BATCHES))]
    pub batches: u32,
}

/// Closed loop. It ends after `requests` or after `duration`, whichever comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Name in reports. The default is `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests in flight at once.
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub concurrency: u32,
    /// Total number of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: Option<u64>,
    /// Time during which requests are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Time>,
    /// Condition that ends the phase early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Time over which the first requests are spread. Without it, they are sent in one burst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Time>,
    /// Pause between an answer and the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_time: Option<Time>,
}

/// Open loop. It ends after `requests` or after `duration`, whichever comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Name in reports. The default is `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mean rate of requests. A `trace` has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Distribution of the gaps between requests.
    #[serde(default)]
    pub arrival: Arrival,
    /// Total number of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: Option<u64>,
    /// Time during which requests are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Time>,
    /// Condition that ends the phase early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Largest number of requests in flight. Requests that are due beyond it are delayed and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Open loop whose rate changes linearly from `from` to `to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Name in reports. The default is `ramp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rate at the beginning.
    pub from: Rate,
    /// Rate at the end.
    pub to: Rate,
    /// Duration of the phase.
    pub duration: Time,
    /// Distribution of the gaps between requests.
    #[serde(default)]
    pub arrival: Arrival,
    /// Largest number of requests in flight. Requests that are due beyond it are delayed and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Phases in sequence, named `NAME-VALUE`: open loops at `rates`, or closed loops with `concurrency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Prefix of the phases' names. The default is `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rates of the open loops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
    /// Requests in flight of the closed loops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concurrency: Vec<u32>,
    /// Duration of each step.
    pub each: Time,
    /// Distribution of the gaps between requests of open loops.
    #[serde(default)]
    pub arrival: Arrival,
    /// Largest number of requests in flight in open loops. Requests that are due beyond it are delayed and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Search for the highest load that meets the goal, to within 5%. The result is confirmed by a second try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Name in reports. The default is `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Gates that must hold: `p99 ttft < 500ms`.
    #[schemars(length(min = 1))]
    pub goal: Vec<Gate>,
    /// Range to search: rates (`1/s..64/s`) for open loops, or requests in flight (`1..256`) for closed loops.
    pub between: Bounds,
    /// Duration of each step.
    pub each: Time,
    /// Distribution of the gaps between requests of open loops.
    #[serde(default)]
    pub arrival: Arrival,
    /// Largest number of requests in flight in open loops. Requests that are due beyond it are delayed and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Distribution of the gaps between requests of an open loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// Equal gaps.
    Constant,
    /// Independent requests, as from many users: exponential gaps.
    #[default]
    Poisson,
    /// At the times that a trace recorded.
    Trace,
    /// In bursts (`cv` above 1), or more evenly than Poisson (`cv` below 1).
    Gamma(Gamma),
}

/// A gamma distribution of gaps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// Coefficient of variation: the standard deviation of the gaps divided by their mean.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub cv: f64,
}

impl Arrival {
    /// Coefficient of variation of the gaps.
    #[must_use]
    pub const fn cv(self) -> f64 {
        match self {
            Self::Constant | Self::Trace => 0.0,
            Self::Poisson => 1.0,
            Self::Gamma(Gamma { cv }) => cv,
        }
    }
}

fn four() -> u32 {
    4
}

fn most_in_flight() -> u32 {
    limits::CONCURRENCY
}
