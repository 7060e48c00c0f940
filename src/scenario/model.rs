//! The scenario as types: the values of a file, without their locations.
//!
//! These types are the single source of the grammar: the decoder is derived from them, and the JSON Schema is generated
//! from them. A map with a single key selects a kind (`engine: {dynamo: {...}}`). Tags and untagged unions are not
//! used, so every error can point at its location.

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
    /// Version of the file format. This tool reads version 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Name of the scenario: letters, digits, `-`, `_` and `.`. The report directory gets this name.
    pub name: String,
    /// Purpose of the scenario, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The model to serve.
    pub model: Model,
    /// The GPU that the run needs. Without it, the run is skipped with exit code 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// The Python environment of the engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// The engine of the scenario, or of every variant that does not set its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Settings of every vLLM process, native or as Dynamo's worker, so that both run alike. An engine's own settings
    /// override them by key.
    #[serde(default)]
    pub vllm: Part,
    /// Source of the prompts.
    pub prompts: Prompts,
    /// How prompts are sent as requests.
    #[serde(default)]
    pub request: RequestOptions,
    /// The load on the server.
    pub load: Load,
    /// Conditions under which a topology counts as ready.
    #[serde(default)]
    pub ready: Ready,
    /// Rules that the run must pass.
    #[serde(default)]
    pub verify: Verify,
    /// Limits beyond which the measurement itself is doubtful.
    #[serde(default)]
    pub measurement: Measurement,
    /// Named variants. They get the same requests and are shown side by side, in the order written.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variants: IndexMap<String, Variant>,
    /// How variants are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
    /// Files that are written in addition to the record.
    #[serde(default)]
    pub report: ReportOptions,
}

/// The model under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A hub id (`Qwen/Qwen3-0.6B`) or a local directory (relative to the scenario file; `~` is the home directory).
    pub id: String,
    /// Name of the model in requests. The default is `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_name: Option<String>,
    /// Directory that contains `tokenizer.json`. The default is the directory of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
}

/// A GPU requirement. It is checked through NVML before anything starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Part of the GPU's product name, case-insensitive: `t4`, `a100`, `h100`. `any` accepts every GPU.
    pub kind: String,
    /// Number of GPUs of that kind.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = limits::PROCESSES))]
    pub count: u32,
}

/// The Python environment of the engines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Directory of a virtual environment.
    Venv(String),
    /// Path of a Python interpreter.
    Python(String),
    /// An environment that `bench` creates once with `uv`. It is kept in the user's cache under the hash of this block.
    Uv(Uv),
}

/// An environment that `uv` creates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uv {
    /// Python version, in the form of `uv venv --python`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Requirements, in the form of `uv pip install`.
    #[schemars(length(min = 1))]
    pub packages: Vec<String>,
    /// Lines for `uv pip install --override`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Conditions under which a topology counts as ready: the probe of every process succeeds, then real completions that
/// carry the scenario's markers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ready {
    /// Limit on the whole start-up, or on the wait for an external endpoint. The default is 10 minutes for engines that
    /// `bench` starts, and 1 minute for an external endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Time>,
    /// Number of consecutive good completions that prove readiness.
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
    /// The time limit for this engine.
    #[must_use]
    pub fn limit(&self, engine: &Engine) -> Time {
        self.timeout.unwrap_or(engine.facts().ready)
    }
}

/// Service-level objectives of one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// Longest time to first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Time>,
    /// Longest time per output token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpot: Option<Time>,
    /// Longest end-to-end latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e2e: Option<Time>,
}

/// Changes that one variant makes. Its rules and gates are added to those of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The engine of this variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// The Python environment of this variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// Additional rules for this variant.
    #[serde(default)]
    pub verify: Verify,
}

/// How variants are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The variant that the others are compared with. The default is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Whether every variant must answer every request with the same text (use temperature 0).
    #[serde(default)]
    pub same_text: bool,
    /// With `same_text`: the share of requests whose answers must be equal, such as `98%`. The default is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_text_share: Option<Margin>,
    /// Repeated runs of every variant. Without `rounds`, each variant runs once, and no difference can be proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<Rounds>,
    /// Metrics to judge, at most four, each with its margin: how much worse it may be, `{ttft: 5%, p95 e2e: 10%}`. The
    /// median is judged unless a statistic is named. The default is `ttft`, `tpot` (or `e2e`) and `output_throughput`,
    /// 5% each.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub equivalence: IndexMap<String, Margin>,
}

/// Rounds of a comparison. In each round, every variant runs once and gets the same requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// Condition that ends the rounds. Without it, they end after `min`, or after `max` where `min` was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<RoundsUntil>,
    /// Number of rounds before the metrics are judged for the first time.
    #[serde(default = "first_look")]
    #[schemars(range(min = limits::FEWEST_ROUNDS, max = limits::ROUNDS))]
    pub min: u32,
    /// Largest number of rounds. The default with `until: decided` is 40. Without `until`, the run is extended to `max`
    /// once where `min` was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = limits::FEWEST_ROUNDS, max = limits::ROUNDS))]
    pub max: Option<u32>,
    /// Which variant runs first in a round.
    #[serde(default)]
    pub order: Order,
    /// Whether engines restart in every round. With `false`, each engine starts once, and all of them run side by side.
    /// Many more rounds fit where a start takes minutes, but the intervals do not include the spread between starts.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub restart: bool,
}

/// Condition that ends the rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundsUntil {
    /// Every judged metric has a verdict. The metrics are judged after `min` rounds, then every two rounds. All looks
    /// share one error budget.
    Decided,
}

/// Default number of rounds before the first look.
fn first_look() -> u32 {
    6
}

impl Rounds {
    /// The largest number of rounds that can run.
    #[must_use]
    pub fn most(&self) -> u32 {
        let usual = match self.until {
            Some(RoundsUntil::Decided) => 40,
            None => self.min,
        };
        self.max.unwrap_or(usual).max(self.min)
    }
}

/// Which variant runs first in a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The order alternates: as written in one round, reversed in the next. Drift then affects all variants alike.
    #[default]
    Abba,
    /// The order is as written in every round.
    Fixed,
}

/// Files that are written in addition to the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportOptions {
    /// Formats of the files that are written into the report directory.
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

/// Format of a report file.
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
