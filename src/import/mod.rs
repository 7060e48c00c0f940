//! Imports results of other tools as records, with their definitions mapped to ours (docs/import.md). A value that a
//! tool does not write is absent, never zero. The functions are pure: they turn the text of a file into records.

mod aiperf;
mod genai_perf;
mod guidellm;
mod inference_perf;
mod sglang;
mod texts;
mod vllm;

use crate::measure::distribution::Distribution;
use crate::measure::summary::{Counts, Goodput, Metrics};
use crate::metric::Statistic;
use crate::record::model::{
    EngineRecord, Finding, Machine, PhaseKind, PhaseRecord, Quality, QualityVerdict, Run,
    ScenarioRecord, Severity, UNKNOWN, VariantRecord,
};
use crate::record::resolved::IMPORTED;
use indexmap::IndexMap;
use serde_json::{Value, json};

/// A tool whose results can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `vllm bench serve --save-result` in Python or Rust, with or without `--save-detailed` and `--append-result`.
    Vllm,
    /// `sglang.bench_serving --output-file`.
    Sglang,
    /// aiperf's `profile_export_aiperf.json`.
    Aiperf,
    /// genai-perf's `profile_export_genai_perf.json`.
    GenaiPerf,
    /// guidellm's `benchmarks.json`.
    Guidellm,
    /// inference-perf's `summary_lifecycle_metrics.json`, or that of a stage.
    InferencePerf,
}

/// List of supported results, for messages.
const KNOWN: &str = "supported results:
  vllm bench serve --save-result, with or without --append-result, in Python and Rust
  sglang.bench_serving --output-file
  aiperf: profile_export_aiperf.json
  genai-perf: profile_export_genai_perf.json
  guidellm: benchmarks.json
  inference-perf: summary_lifecycle_metrics.json, stage_N_lifecycle_metrics.json";

impl Tool {
    /// Name of the tool.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vllm => "vllm bench serve",
            Self::Sglang => "sglang bench_serving",
            Self::Aiperf => "aiperf",
            Self::GenaiPerf => "genai-perf",
            Self::Guidellm => "guidellm",
            Self::InferencePerf => "inference-perf",
        }
    }

    /// The tool that wrote a file, detected by keys that only this tool writes.
    fn of(file: &Value) -> Option<Self> {
        let has = |path: &str| file.pointer(path).is_some();
        let any = |paths: &[&str]| paths.iter().any(|path| has(path));
        match () {
            () if has("/aiperf_version") => Some(Self::Aiperf),
            () if has("/metadata/guidellm_version") && has("/benchmarks") => Some(Self::Guidellm),
            () if has("/load_summary") && has("/successes") && has("/failures") => {
                Some(Self::InferencePerf)
            }
            () if !(has("/duration") && has("/completed")) => {
                // Early versions of aiperf wrote almost the same file, but with settings of their load generator.
                let genai = has("/request_latency/avg") && has("/input_config");
                (genai && !has("/input_config/loadgen")).then_some(Self::GenaiPerf)
            }
            () if any(&[
                "/mean_e2e_latency_ms",
                "/median_e2e_latency_ms",
                "/total_output_tokens_retokenized",
            ]) =>
            {
                Some(Self::Sglang)
            }
            () if has("/model_id") => Some(Self::Vllm),
            () => None,
        }
    }

    fn read(self, file: &Value) -> Option<Imported> {
        match self {
            Self::Vllm => vllm::read(file),
            Self::Sglang => sglang::read(file),
            Self::Aiperf => aiperf::read(file),
            Self::GenaiPerf => genai_perf::read(file),
            Self::Guidellm => guidellm::read(file),
            Self::InferencePerf => inference_perf::read(file),
        }
    }
}

/// The content of a tool's result.
#[derive(Debug)]
struct Imported {
    version: Option<String>,
    model: Option<String>,
    /// Start time, as the tool wrote it.
    started: Option<String>,
    /// Settings of the benchmark, in the tool's own terms.
    settings: Value,
    phases: Vec<PhaseRecord>,
    /// Differences between the tool's definitions and ours.
    notes: Vec<&'static str>,
}

/// The reason why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is not JSON.
    #[error("{name} {why}\n{KNOWN}")]
    Text {
        /// Name of the file.
        name: String,
        /// The mistake in its text.
        why: texts::NotJson,
    },
    /// The tool of a result is unknown.
    #[error("{name} is not a supported result; {KNOWN}")]
    Unknown {
        /// Name of the result.
        name: String,
    },
    /// A result was written by another tool than the expected one.
    #[error("{name} is a result of {found}, not of {wanted}")]
    Other {
        /// Name of the result.
        name: String,
        /// The tool that wrote it.
        found: &'static str,
        /// The tool that the user named.
        wanted: &'static str,
    },
    /// A result has no finished benchmark.
    #[error("{name} is a result of {tool}, but has no finished benchmark")]
    Unfinished {
        /// Name of the result.
        name: String,
        /// The tool that wrote it.
        tool: &'static str,
    },
}

/// Imports the results in a file as records, one for each, in order. `name` is the name of the file, `now` the current
/// time.
///
/// # Errors
/// Returns an error if a result is not of a supported tool, or not of `tool`.
pub(crate) fn import(
    name: &str,
    text: &str,
    tool: Option<Tool>,
    now: jiff::Timestamp,
) -> Result<Vec<Run>, Error> {
    let files = texts::values(text).map_err(|why| Error::Text {
        name: name.to_owned(),
        why,
    })?;
    let several = files.len() > 1;
    let one = |(n, file): (usize, &Value)| {
        let shown = if several {
            format!("result {} of {name}", n + 1)
        } else {
            name.to_owned()
        };
        let tool = found(&shown, file, tool)?;
        let imported = tool.read(file).ok_or_else(|| Error::Unfinished {
            name: shown.clone(),
            tool: tool.name(),
        })?;
        Ok(record(&shown, tool, imported, now))
    };
    files.iter().enumerate().map(one).collect()
}

/// The tool that wrote a result. It must be `wanted`, if that is given.
fn found(shown: &str, file: &Value, wanted: Option<Tool>) -> Result<Tool, Error> {
    let name = shown.to_owned();
    match (Tool::of(file), wanted) {
        (None, _) => Err(Error::Unknown { name }),
        (Some(found), Some(wanted)) if wanted != found => Err(Error::Other {
            name,
            found: found.name(),
            wanted: wanted.name(),
        }),
        (Some(found), _) => Ok(found),
    }
}

fn record(name: &str, tool: Tool, imported: Imported, now: jiff::Timestamp) -> Run {
    let settings = json!({IMPORTED: {
        "tool": tool.name(), "version": imported.version, "started": imported.started, "settings": imported.settings,
    }});
    let unknown = || UNKNOWN.to_owned();
    let machine = Machine {
        os: unknown(),
        cpu: unknown(),
        cores: 0,
        memory_bytes: 0,
        gpus: Vec::new(),
    };
    let scenario = ScenarioRecord::new("imported".to_owned(), name.to_owned(), settings);
    let mut run = Run::begin(String::new(), now, scenario, machine);
    run.finished = Some(now.to_string());
    run.summary = format!(
        "Imported from {}: its figures under our names. Nothing was verified.",
        tool.name()
    );
    run.quality = Quality {
        verdict: QualityVerdict::Imported,
        findings: imported
            .notes
            .iter()
            .map(|note| Finding {
                severity: Severity::Note,
                code: "definition".to_owned(),
                detail: (*note).to_owned(),
                example: None,
            })
            .collect(),
    };
    let versions = imported
        .version
        .map(|version| (tool.name().to_owned(), version));
    run.variants = vec![VariantRecord {
        name: "imported".to_owned(),
        engine: EngineRecord {
            kind: "external".to_owned(),
            versions: versions.into_iter().collect(),
            model: imported.model.unwrap_or_else(unknown),
        },
        requests_sha256: String::new(),
        startup: None,
        phases: imported.phases,
        teardown: None,
        tier: None,
        rounds: Vec::new(),
    }];
    run
}

/// A phase with only a name.
fn phase(name: String) -> PhaseRecord {
    PhaseRecord {
        kind: PhaseKind::Imported,
        name,
        window_ms: 0.0,
        counts: Counts::default(),
        errors: IndexMap::new(),
        failures: Vec::new(),
        metrics: Metrics::default(),
        client: Default::default(),
        server: None,
        curve: Vec::new(),
    }
}

fn counts(succeeded: u64, failed: u64) -> (Counts, IndexMap<String, u64>) {
    let counts = Counts {
        sent: succeeded + failed,
        succeeded,
        failed,
    };
    let errors = (failed > 0).then(|| (UNKNOWN.to_owned(), failed));
    (counts, errors.into_iter().collect())
}

/// Goodput from the number of good requests.
fn goodput(good: f64, counts: &Counts, seconds: f64) -> Option<Goodput> {
    (counts.sent > 0 && seconds > 0.0).then(|| Goodput {
        share: good / counts.sent as f64,
        requests_per_s: good / seconds,
    })
}

/// A distribution from the statistics that `get` returns. `scale` converts them to milliseconds. A missing statistic is
/// NaN, which a record writes as `null`. `None` without a count or a mean.
fn summary(count: u64, scale: f64, get: impl Fn(&str) -> Option<f64>) -> Option<Distribution> {
    let of = |statistic: Statistic| get(statistic.name()).map_or(f64::NAN, |value| value * scale);
    let known = count > 0 && get(Statistic::Mean.name()).is_some();
    known.then(|| Distribution::new(count, false, of))
}

/// The factor that converts a unit to milliseconds.
fn scale(unit: &Value) -> Option<f64> {
    match unit.as_str()? {
        "ms" => Some(1.0),
        "sec" | "s" => Some(1e3),
        "us" => Some(1e-3),
        "ns" => Some(1e-6),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<u64> {
    let n = value.as_f64().filter(|n| n.is_finite() && *n >= 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, not negative, and `as` saturates"
    )]
    Some(n.round() as u64)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
