//! `run.json`: one versioned type, written by a run and read back by every report and comparison.

pub(crate) use super::exit::ExitCode;
pub(crate) use super::resolved::{Origin, Resolved, Settings};
pub(crate) use super::same_text::{Difference, Excerpt, Parted, SameText};
pub(crate) use crate::measure::curve::CurvePoint;
pub(crate) use crate::measure::distribution::Distribution;
pub(crate) use crate::measure::failures::Failure;
pub(crate) use crate::measure::lifecycle::{
    PhaseKind, SignalRecord, StageKind, Startup, StopSignal, Teardown,
};
pub(crate) use crate::measure::server::ServerWindow;
pub(crate) use crate::measure::summary::{ClientAudit, Counts, Metrics};
pub(crate) use crate::plan::{Comparing, Judged};
pub(crate) use crate::stats::Outcome;
pub(crate) use crate::verify::{Check, Finding, Quality, QualityVerdict, Severity};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Version of `run.json` that this tool writes.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything held.
    Pass,
    /// A check failed.
    Fail,
    /// The measurement can't be trusted.
    Invalid,
    /// A requirement was not met; nothing was started.
    Skipped,
    /// The run did not finish; what is there is true.
    Partial,
    /// The topology failed or the run broke.
    Error,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of this format.
    pub schema_version: u32,
    /// Version of `bench`.
    pub bench_version: String,
    /// Unique name of the run, also its directory.
    pub run_id: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// When it ended; absent while it runs.
    pub finished: Option<String>,
    /// What was asked for.
    pub scenario: ScenarioRecord,
    /// Where it ran.
    pub machine: Machine,
    /// How it ended; `partial` while it runs.
    pub verdict: Verdict,
    /// The exit code that belongs to the verdict.
    #[serde(default, deserialize_with = "super::exit::known")]
    pub exit_code: Option<ExitCode>,
    /// The verdict in one sentence.
    pub summary: String,
    /// Why it failed, when it did: the whole message as it was printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The variants that ran, in order.
    pub variants: Vec<VariantRecord>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// Whether the measurement can be trusted.
    pub quality: Quality,
    /// The rounds that were planned and what they decide; absent where every variant runs once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparing: Option<Comparing>,
    /// Variants side by side.
    pub comparisons: Vec<Comparison>,
    /// Where the differences come from.
    #[serde(default)]
    pub decompositions: Vec<Decomposition>,
    /// Whether the answers are the same, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_text: Vec<SameText>,
    /// What the files of lines beside this one held when the run ended, by name. Absent where that is not known: in records of
    /// older versions and of runs that broke.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub files: IndexMap<String, FileRecord>,
}

/// What a file of lines held when the run ended: less means that the record is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// CRC-32 of all of them, in eight hexadecimal digits.
    pub crc32: String,
}

/// The scenario as it was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// The file it was read from.
    pub path: String,
    /// SHA-256 of `resolved`, as compact JSON.
    pub sha256: String,
    /// After overlays and `--set`; secrets redacted.
    pub resolved: Resolved,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and kernel.
    pub os: String,
    /// Processor model.
    pub cpu: String,
    /// Logical processors available.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// GPUs, by product name.
    pub gpus: Vec<String>,
}

/// What stands for a text that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

impl Machine {
    /// Its processor, where that is known.
    #[must_use]
    pub fn known_cpu(&self) -> Option<&str> {
        known(&self.cpu)
    }
}

impl EngineRecord {
    /// Its model, where that is known.
    #[must_use]
    pub fn known_model(&self) -> Option<&str> {
        known(&self.model)
    }
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != UNKNOWN)
}

/// One variant's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// Its name.
    pub name: String,
    /// What served.
    pub engine: EngineRecord,
    /// Hash of the request list.
    pub requests_sha256: String,
    /// How firmly its processes were held: `namespace`, `cgroup` or `plain`; absent where it started none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How it came up; absent if it never did.
    pub startup: Option<Startup>,
    /// Its phases.
    pub phases: Vec<PhaseRecord>,
    /// How it went down.
    pub teardown: Option<Teardown>,
    /// Its rounds, in order, where more than one was planned. What stands above is then the typical round: every figure
    /// the median of the rounds', every count their sum; start-up and teardown those of the round with the median
    /// time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<RoundRecord>,
}

/// One round of a variant: it got the same requests as in every other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// Which round, from 1.
    pub round: u32,
    /// When in the run it had its turn, from 1; orders variants within a round.
    pub turn: u32,
    /// How it came up; absent if it never did, or was up from the round before.
    pub startup: Option<Startup>,
    /// Its phases.
    pub phases: Vec<PhaseRecord>,
    /// How it went down; absent if it never did, or stayed up for the next round.
    pub teardown: Option<Teardown>,
}

/// What served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineRecord {
    /// `vllm`, `dynamo`, `external`, `sim`.
    pub kind: String,
    /// Versions by package.
    pub versions: IndexMap<String, String>,
    /// The served model.
    pub model: String,
}

/// One phase's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// What kind of load it is.
    pub kind: PhaseKind,
    /// First due to last answer.
    pub window_ms: f64,
    /// How many.
    pub counts: Counts,
    /// Failures by class.
    pub errors: IndexMap<String, u64>,
    /// The same, each with what the first of them was told; absent in records of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The numbers.
    pub metrics: Metrics,
    /// How the client itself did.
    #[serde(default)]
    pub client: ClientAudit,
    /// What the server said of itself, where it said anything; over rounds its times and levels are medians too, and what
    /// its counters gained is the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerWindow>,
    /// What a search tried, in order; its figures are of the load that was found, or else of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
}

/// One metric, two variants, one phase. One round a variant puts them side by side; several tell how sure the difference
/// is, and whether it matters where the metric is judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// `ttft_ms.p50`, `output_tokens_per_s`, ...
    pub metric: String,
    /// The phase.
    pub phase: String,
    /// The variant held against.
    pub baseline: String,
    /// The variant.
    pub variant: String,
    /// variant / baseline; over rounds the estimated one.
    pub ratio: Option<f64>,
    /// Rounds that the estimate stands on; 0 where there is none.
    #[serde(default, skip_serializing_if = "none")]
    pub rounds: u32,
    /// Lower bound of the ratio: the truth is below it in at most `alpha` of all cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper bound of the ratio, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// How often each bound may err.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// With planned looks: the probability that a bound errs at any look so far. `rounds` counts the rounds of the look
    /// that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<f64>,
    /// What is said of it; only of metrics that are judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Outcome>,
    /// Why it is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By how much it may be worse: 0.05 is 5%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Minimum detectable effect: a truth that much worse (0.12 is 12%) would have been called worse in 90% of all cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<f64>,
    /// Rounds that it would take to decide, where it is inconclusive and as many as 1,000 would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds_needed: Option<u32>,
    /// Two-sided p of the exact sign-flip test that the variants are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_flip: Option<f64>,
    /// What each round found; empty where every variant ran once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<RoundValues>,
}

/// What one round found of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RoundValues {
    /// The round.
    pub round: u32,
    /// Whether the baseline ran first.
    pub baseline_first: bool,
    /// The baseline's value; absent where it had none.
    pub baseline: Option<f64>,
    /// The variant's.
    pub variant: Option<f64>,
}

fn none(count: &u32) -> bool {
    *count == 0
}

/// Where the difference between two variants comes from, in one phase. Every time is a mean of requests in milliseconds:
/// means add up, percentiles do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decomposition {
    /// The phase.
    pub phase: String,
    /// The variant held against.
    pub baseline: String,
    /// The variant.
    pub variant: String,
    /// What a request's time is split into: `first token` and `stream`, or `answer` where answers do not stream.
    pub splits: Vec<Split>,
    /// What the reader should know: parts that one side does not tell, counts that do not agree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One time, split into its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// `first token`: due to first text, or to the first chunk where some answers have no text. `stream`: from there to the
    /// last byte. `answer`: due to last byte.
    pub name: String,
    /// The whole, of the baseline.
    pub baseline_ms: f64,
    /// The whole, of the variant.
    pub variant_ms: f64,
    /// variant - baseline.
    pub difference_ms: f64,
    /// Its parts, in the order of a request's way.
    pub parts: Vec<BreakdownPart>,
    /// What of the difference no part explains.
    pub unexplained_ms: f64,
    /// The part that makes up most of a difference that matters.
    pub blamed: Option<String>,
}

/// One part of a time. What a side does not tell is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakdownPart {
    /// `client`, `connect`, `frontend`, `hand-over`, `queue`, `prefill`, `decode`, `delivery`, or `server` where it is one.
    pub name: String,
    /// Of the baseline.
    pub baseline_ms: Option<f64>,
    /// Of the variant.
    pub variant_ms: Option<f64>,
    /// variant - baseline, where both are known.
    pub difference_ms: Option<f64>,
    /// Its share of the whole difference; negative where it works against it.
    pub share: Option<f64>,
}
