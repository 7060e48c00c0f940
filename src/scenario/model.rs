//! The scenario as types: what a file may say, and nothing of where it said it.
//!
//! These types are the single source of the grammar: the decoder is derived from them, the JSON Schema is generated from
//! them. Kinds are chosen by single-key maps (`engine: {dynamo: {...}}`), never by tags or untagged unions, so that every
//! error can point at its place.

pub(crate) use super::load::{
    Arrival, Closed, Gamma, Load, OnEngineDeath, Open, Percentile, Phase, Ramp, Search, Steps,
    Until, WarmUntil,
};
pub(crate) use super::measurement::Measurement;
pub(crate) use super::prompts::{
    Conversations, Csv, DataFile, Length, OnBadRow, Prompts, Spread, SpreadShape, Synthetic,
    TraceFile, TraceFormat,
};
pub(crate) use super::request::{Accept, ApiEndpoint, CacheBust, RequestOptions};

use super::limits;
use super::margin::Margin;
pub(crate) use super::rules::*;
use super::units::Time;
pub(crate) use crate::engine::{Engine, Part};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scenario file, after overlays and `--set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of the file format; this tool reads 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Name of the scenario: letters, digits, `-`, `_` and `.`; it names the report directory.
    pub name: String,
    /// What this scenario is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The model to serve.
    pub model: Model,
    /// The GPU that must be there; without it the run is skipped with exit code 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// Where the engines' Python comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// The engine, when every variant runs the same or there are no variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Settings of every vLLM, native or as Dynamo's worker, so that both run alike; an engine's own override them by key.
    #[serde(default)]
    pub vllm: Part,
    /// Where prompts come from.
    pub prompts: Prompts,
    /// How a prompt becomes a request.
    #[serde(default)]
    pub request: RequestOptions,
    /// What load is driven.
    pub load: Load,
    /// When a topology counts as ready.
    #[serde(default)]
    pub ready: Ready,
    /// What must hold.
    #[serde(default)]
    pub verify: Verify,
    /// When the measurement itself is doubtful.
    #[serde(default)]
    pub measurement: Measurement,
    /// Named variations, run on the same requests and shown side by side, in the order written.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variants: IndexMap<String, Variant>,
    /// How variants are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// What is written beside the record.
    #[serde(default)]
    pub report: ReportOptions,
}

/// The model under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A hub id (`Qwen/Qwen3-0.6B`) or a local directory (`~` is the home directory; relative to the scenario file).
    pub id: String,
    /// The name clients ask for; the id unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_name: Option<String>,
    /// Where its `tokenizer.json` is: a directory; the model's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
}

/// A GPU requirement, checked through NVML before anything starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Part of the GPU's product name, case-insensitive: `t4`, `a100`, `h100`; `any` takes whatever is there.
    pub kind: String,
    /// How many of that kind are needed.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = limits::PROCESSES))]
    pub count: u32,
}

/// Where the engines' Python interpreter comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// A virtual environment's directory.
    Venv(String),
    /// A Python interpreter.
    Python(String),
    /// An environment that `bench` makes once with `uv` and keeps in the user's cache by the hash of this block.
    Uv(Uv),
}

/// An environment made by `uv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uv {
    /// Python version, as `uv venv --python` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Requirements, as `uv pip install` takes them.
    #[schemars(length(min = 1))]
    pub packages: Vec<String>,
    /// Lines for `uv pip install --override`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// When a topology counts as ready: every process's own probe, then real completions that carry the scenario's markers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ready {
    /// Limit on the whole start-up, or on waiting for an external endpoint: unless given, 10 minutes for engines that
    /// `bench` starts and 1 minute for an endpoint that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Consecutive good completions that prove it.
    #[schemars(range(min = 1, max = limits::COMPLETIONS))]
    pub completions: u32,
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            timeout: None,
            completions: 3,
        }
    }
}

impl Ready {
    /// The limit for this engine.
    #[must_use]
    pub fn limit(&self, engine: &Engine) -> Time {
        self.timeout.unwrap_or(engine.facts().ready)
    }
}

/// Service-level objectives of one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Time to first token at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Time>,
    /// Time per output token at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Time>,
    /// End to end at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e2e: Option<Time>,
}

/// What one variant changes. Its rules and gates are added to the scenario's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The engine of this variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Its Python.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// What must hold for this variant besides.
    #[serde(default)]
    pub verify: Verify,
}

/// How variants are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The variant that the others are held against; the first unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Every variant must answer every request with the same text (use temperature 0).
    #[serde(default)]
    pub same_text: bool,
    /// With `same_text`: the share of requests that must be answered alike, such as `98%`; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_text_share: Option<Margin>,
    /// How often every variant runs. Without it each runs once, and no difference is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// The metrics that are judged, at most four, and by how much each may be worse: `{ttft: 5%, p95 e2e: 10%}`. The
    /// median where no statistic is named. Unless given: `ttft`, `tpot` (or `e2e`) and `output_throughput`, 5% each.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub equivalence: IndexMap<String, Margin>,
}

/// Rounds: in each, every variant has its turn and gets the same requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// When the rounds end. Without it they end after `min`, or after `max` where `min` was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<RoundsUntil>,
    /// Rounds after which the metrics are judged for the first time.
    #[serde(default = "first_look")]
    #[schemars(range(min = limits::FEWEST_ROUNDS, max = limits::ROUNDS))]
    pub min: u32,
    /// The most rounds; 40 with `until: decided`. Without `until` it is the one extension where `min` was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::FEWEST_ROUNDS, max = limits::ROUNDS))]
    pub max: Option<u32>,
    /// Which variant goes first.
    #[serde(default)]
    pub order: Order,
    /// Whether engines start anew in every round. With `false` each starts once and stays up beside the others: where
    /// starting takes minutes, many more rounds fit, but the spread from start to start is left out of every interval.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub restart: bool,
}

/// What ends the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundsUntil {
    /// Every judged metric has its verdict. The rounds are judged after `min`, then every two rounds. The looks share one
    /// error budget.
    Decided,
}

/// Rounds before the first look, unless given.
fn first_look() -> u32 {
    6
}

impl Rounds {
    /// The most rounds there can be.
    #[must_use]
    pub fn most(&self) -> u32 {
        let usual = match self.until {
            Some(RoundsUntil::Decided) => 40,
            None => self.min,
        };
        self.max.unwrap_or(usual).max(self.min)
    }
}

/// Which variant of a round goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As written in one round, the other way round in the next, so that drift meets all alike.
    #[default]
    Abba,
    /// As written in every round.
    Fixed,
}

/// What is written beside the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportOptions {
    /// Files rendered into the report directory.
    pub formats: Vec<ReportFormat>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            formats: vec![
                ReportFormat::Html,
                ReportFormat::Markdown,
                ReportFormat::Junit,
            ],
        }
    }
}

/// A rendered form of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// `report.html`
    Html,
    /// `report.md`
    Markdown,
    /// `junit.xml`
    Junit,
    /// `figures.csv`
    Csv,
    /// `metrics.txt`
    Openmetrics,
    /// `latency.hlog`
    Hdr,
    /// `benchmark_report_v0_2.yaml`: llm-d's Benchmark Report 0.2.1
    LlmD,
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_yes(choice: &bool) -> bool {
    *choice
}

fn one() -> u32 {
    1
}
