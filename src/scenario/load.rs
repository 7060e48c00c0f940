//! What load is driven: the phases and how their requests follow each other.

use super::gate::Gate;
pub(crate) use super::give_up::GiveUp;
use super::limits;
use super::rate::{Bounds, Rate};
use super::units::Time;
pub(crate) use super::until::{Percentile, Until, WarmUntil};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What load is driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Requests that are sent before, and not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// What random arrivals are drawn from; the same seed gives the same arrivals, on every variant.
    #[serde(default)]
    pub seed: u64,
    /// The measured phases, in order.
    #[schemars(length(min = 1))]
    pub phases: Vec<Phase>,
    /// What becomes of the load when an engine process dies under it.
    #[serde(default, skip_serializing_if = "OnEngineDeath::is_default")]
    pub on_engine_death: OnEngineDeath,
    /// For how long every request of a phase may fail before the load is given up, which is a failed check; or `never`.
    #[serde(default, skip_serializing_if = "GiveUp::is_default")]
    pub give_up_after: GiveUp,
}

/// What becomes of the load when an engine process dies under it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnEngineDeath {
    /// It ends at once, and the run with it.
    #[default]
    End,
    /// It goes on, and the death is a check that failed: for topologies whose other workers are to take over.
    Continue,
}

impl OnEngineDeath {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Requests before the first measured phase; their prompts are distinct from each other and from the measured ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// How many.
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: u64,
    /// How many at once.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub concurrency: u32,
    /// What ends it sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WarmUntil>,
}

/// One measured phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Send a batch, await all of it, then the next: what Beam's RunInference does.
    Batch(Batch),
    /// A fixed number of requests in flight, each followed by the next.
    Closed(Closed),
    /// Requests come at their own rate, however long answers take.
    Open(Open),
    /// An open loop whose rate grows or falls evenly.
    Ramp(Ramp),
    /// One phase after the other, each at a rate or concurrency of its own.
    Steps(Steps),
    /// The highest rate or concurrency that keeps the goal.
    Search(Search),
}

impl Phase {
    /// Its key in a scenario.
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

    /// Its name in reports.
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

/// Beam-shaped load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Name in reports; `batch` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests sent at once.
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub size: u32,
    /// How many batches, one after the other.
    #[schemars(range(min = 1, max = limits::BATCHES))]
    pub batches: u32,
}

/// Closed loop; ends after `requests` or when `duration` has passed, whichever is first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Name in reports; `closed` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests in flight.
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub concurrency: u32,
    /// Requests in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: Option<u64>,
    /// How long requests are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Time>,
    /// What ends it sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Time over which the first requests are spread, instead of one burst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Time>,
    /// Pause between an answer and the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_time: Option<Time>,
}

/// Open loop; ends after `requests` or when `duration` has passed, whichever is first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Name in reports; `open` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Mean rate of requests; a `trace` has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How regularly they come.
    #[serde(default)]
    pub arrival: Arrival,
    /// Requests in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::REQUESTS))]
    pub requests: Option<u64>,
    /// How long requests are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Time>,
    /// What ends it sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Most requests in flight; those that are due beyond are held back and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Open loop of changing rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Name in reports; `ramp` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rate at the beginning.
    pub from: Rate,
    /// Rate at the end.
    pub to: Rate,
    /// How long it takes.
    pub duration: Time,
    /// How regularly requests come.
    #[serde(default)]
    pub arrival: Arrival,
    /// Most requests in flight; those that are due beyond are held back and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Phases that follow each other, named `NAME-VALUE`: open loops at `rates`, or closed ones of `concurrency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// What their names begin with; `steps` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The rates of open loops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
    /// The requests in flight of closed loops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concurrency: Vec<u32>,
    /// How long requests are sent at each.
    pub each: Time,
    /// How regularly the requests of open loops come.
    #[serde(default)]
    pub arrival: Arrival,
    /// Most requests in flight of open loops; those that are due beyond are held back and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// Tries loads, each for a while, until the highest that keeps the goal is known to a twentieth; that is tried twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Name in reports; `search` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What must hold, as gates: `p99 ttft < 500ms`.
    #[schemars(length(min = 1))]
    pub goal: Vec<Gate>,
    /// Where to look: rates (`1/s..64/s`) for open loops, or requests in flight (`1..256`) for closed ones.
    pub between: Bounds,
    /// How long requests are sent at each.
    pub each: Time,
    /// How regularly the requests of open loops come.
    #[serde(default)]
    pub arrival: Arrival,
    /// Most requests in flight of open loops; those that are due beyond are held back and counted.
    #[serde(default = "most_in_flight")]
    #[schemars(range(min = 1, max = limits::CONCURRENCY))]
    pub max_in_flight: u32,
}

/// How regularly the requests of an open loop come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// As a beat.
    Constant,
    /// Independently of each other, as many users' do.
    #[default]
    Poisson,
    /// When the prompts of a trace were due.
    Trace,
    /// In bursts (`cv` above 1) or more evenly than Poisson (below).
    Gamma(Gamma),
}

/// The gaps' distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// Standard deviation of the gaps between requests over their mean.
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
