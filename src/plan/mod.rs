//! What a run will do, worked out before anything starts. Pure: a scenario, the facts of the machine and a seed go in;
//! processes, requests and rules come out. `bench plan` prints exactly this.

use crate::engine::{Endpoint, Process};
use crate::scenario::gate::Gate;
use crate::scenario::model::{ApiEndpoint, Assertion, Ready, ReportFormat};
use serde::Serialize;
use std::time::Duration;

/// Everything a run will do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The variants, in the order they run; one, named `default`, where the scenario has none.
    pub variants: Vec<VariantPlan>,
    /// Which variant the others are held against.
    pub baseline: Option<String>,
    /// Whether all variants must give the same text.
    pub same_text: bool,
    /// Files rendered into the report directory.
    pub formats: Vec<ReportFormat>,
}

/// One variant: a topology, its requests and what must hold.
#[derive(Debug, Clone, Serialize)]
pub struct VariantPlan {
    /// Its name.
    pub name: String,
    /// `vllm`, `dynamo`, `external` or `sim`.
    pub engine: &'static str,
    /// Versions found in the runtime, by package.
    pub versions: Vec<(String, String)>,
    /// What is started, in order; stopped in reverse.
    pub processes: Vec<Process>,
    /// Names of inherited variables that children do not get.
    pub scrubbed: Vec<String>,
    /// Where load is sent.
    pub endpoint: Endpoint,
    /// When it counts as ready.
    pub ready: Ready,
    /// The requests.
    pub requests: Requests,
    /// The phases, warm-up first where there is one.
    pub phases: Vec<PhasePlan>,
    /// Rules on every answer.
    pub rules: Vec<Assertion>,
    /// Gates on metrics.
    pub gates: Vec<Gate>,
}

/// How requests are made from prompts.
#[derive(Debug, Clone, Serialize)]
pub struct Requests {
    /// The API called.
    pub api: ApiEndpoint,
    /// Whether answers stream.
    pub stream: bool,
    /// Prompts carried by one request.
    pub prompts_per_request: u32,
    /// The prompts; request i of a phase takes the i-th, modulo their number.
    pub prompts: Vec<String>,
    /// The body without its prompt.
    pub template: serde_json::Map<String, serde_json::Value>,
    /// Limit on one request.
    pub timeout: Duration,
    /// SHA-256 over everything above but what a variant alone asks for (`model`, `nvext`).
    pub sha256: String,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhasePlan {
    /// Name in reports.
    pub name: String,
    /// How requests follow each other.
    pub shape: Shape,
    /// Whether it is measured; warm-up is not.
    pub measured: bool,
}

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Send `size`, await all, `batches` times.
    Batch {
        /// Requests sent at once.
        size: u32,
        /// How many batches.
        batches: u32,
    },
    /// `concurrency` in flight until `requests` are done.
    Closed {
        /// Requests in flight.
        concurrency: u32,
        /// Requests in all.
        requests: u64,
    },
}
