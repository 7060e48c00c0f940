//! The plan of a run, made before anything starts. It is a pure function: it turns a scenario, the facts of the machine
//! and a seed into processes, requests and rules. `bench plan` prints exactly this.

mod compare;
mod expected;
mod labels;
pub mod pace;
mod phases;
pub(crate) mod prompts;
mod proof;
mod requests;
mod rng;
pub(crate) mod search;

pub(crate) use compare::{Comparing, Judged};
pub(crate) use labels::RESERVED;
pub(crate) use labels::{Label, Labels};
pub use phases::{Limit, Shape};
pub(crate) use phases::{PhasePlan, Until, phases};
pub(crate) use prompts::Prompts;
pub(crate) use requests::Purpose;

use crate::engine::{self, Endpoint, MetricsPage, Process, Python, Site, Stack};
use crate::metric::{Figure, Number};
use crate::scenario::gate::{Gate, Limit as GateLimit};
use crate::scenario::model::{
    Accept, ApiEndpoint, Assertion, CacheBust, Measurement, OnEngineDeath, ReportFormat, Scenario,
    Slo,
};
use crate::scenario::rules::{Alike, LogRule, ProcessRule};
use crate::scenario::units::Time;
use crate::scenario::{Effective, effective};
use indexmap::IndexMap;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a run will do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// The variants, in the order in which they run. One named `default` where the scenario has none.
    pub variants: Vec<VariantPlan>,
    /// The variant that the others are compared with.
    pub baseline: Option<String>,
    /// Whether all variants must give the same text.
    pub same_text: bool,
    /// Limits beyond which the measurement itself is doubtful.
    pub measurement: Measurement,
    /// Share of requests whose answers must be equal, where answers are compared.
    pub same_text_share: f64,
    /// What happens to the load when an engine process dies.
    pub on_engine_death: OnEngineDeath,
    /// How long every request of a phase may fail before the load is given up.
    pub give_up_after: Option<Duration>,
    /// The rounds and the metrics to judge. `None` where each variant runs once.
    pub comparing: Option<Comparing>,
    /// Properties in which the answers of all variants must agree.
    pub across: Vec<Alike>,
    /// Formats of the files that are written into the report directory.
    pub formats: Vec<ReportFormat>,
    /// Notes on rows of the prompt file that give no request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Names of inherited environment variables that are removed for child processes.
    pub scrubbed: Vec<String>,
}

/// The plan of one variant: its topology, its requests and its rules.
#[derive(Debug, Clone, Serialize)]
pub struct VariantPlan {
    /// Name of the variant.
    pub name: String,
    /// Kind of the engine: `vllm`, `dynamo`, `external` or `sim`.
    pub engine: &'static str,
    /// Packages in the runtime and their versions.
    pub versions: Vec<(String, String)>,
    /// Warnings about the versions.
    pub warnings: Vec<String>,
    /// The processes in the order in which they start. They stop in reverse order.
    pub processes: Vec<Process>,
    /// The endpoint that receives the load.
    pub endpoint: Endpoint,
    /// Metrics endpoints of the processes.
    pub metrics: Vec<MetricsPage>,
    /// Conditions under which the variant counts as ready.
    pub ready: Readiness,
    /// How requests are made.
    pub requests: Requests,
    /// The phases. A warm-up comes first.
    pub phases: Vec<PhasePlan>,
    /// Rules on every answer.
    pub rules: Vec<Assertion>,
    /// Rules on logs.
    pub log_rules: Vec<LogRule>,
    /// Rules on processes.
    pub process_rules: Vec<ProcessRule>,
    /// Service-level objectives of one request.
    pub slo: Option<Slo>,
    /// Gates on metrics.
    pub gates: Vec<Gate>,
}

/// Conditions under which a variant counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Readiness {
    /// Limit on the whole start-up, or on the wait for an external endpoint.
    pub timeout: Time,
    /// Number of consecutive good completions that prove readiness.
    pub completions: u32,
}

/// How requests are made from prompts.
#[derive(Debug, Clone, Serialize)]
pub struct Requests {
    /// The API to call.
    pub api: ApiEndpoint,
    /// Whether answers stream.
    pub stream: bool,
    /// Number of prompts in one request.
    pub prompts_per_request: u32,
    /// The prompts. Request i of a phase uses the i-th prompt.
    pub prompts: Arc<Prompts>,
    /// The encoded query string with its `?`. Empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The ids that headers and body fields contain.
    #[serde(skip)]
    pub labels: Labels,
    /// The body without its prompt.
    pub template: serde_json::Map<String, serde_json::Value>,
    /// Exact number of tokens of every answer. It overrides the lengths that prompts ask for.
    pub output_tokens: Option<u32>,
    /// The scope in which prompts share a prefix.
    pub cache_bust: Option<CacheBust>,
    /// Number that makes the prompts of this run unique.
    #[serde(skip)]
    pub run: u64,
    /// Time limit of one request.
    pub timeout: Duration,
    /// Accepted deviations of a complete answer.
    #[serde(skip_serializing_if = "Accept::is_strict")]
    pub accept: Accept,
    /// SHA-256 of everything that is sent, except the fields that differ between variants (`model`, `nvext`).
    pub sha256: String,
}

/// Facts about the machine, collected before planning.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Path of this program.
    pub exe: PathBuf,
    /// Python interpreters by variant.
    pub pythons: IndexMap<String, Python>,
    /// Path of the etcd program.
    pub etcd: Option<PathBuf>,
    /// The variable `ETCD_ENDPOINTS`, if it is set.
    pub etcd_endpoints: Option<OsString>,
    /// Free ports, at least [`ports_needed`].
    pub ports: Vec<u16>,
    /// Prefix of the names of the variants' directories. It is short, because paths of sockets have at most 107 bytes.
    pub scratch: PathBuf,
    /// The model: a hub id or an existing directory.
    pub model: String,
    /// The directory of the model, if its path is not UTF-8. `model` is then only for display.
    pub odd_model: Option<PathBuf>,
    /// The prompts, after reading.
    pub prompts: Arc<Prompts>,
    /// A unique number of the run.
    pub run: u64,
    /// Id of the run.
    pub run_id: String,
    /// The variable `PATH`.
    pub path: OsString,
    /// Names of the environment variables that child processes would inherit.
    pub inherited: Vec<OsString>,
}

/// The reason why a variant cannot run on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variant {variant}: {source}")]
pub struct Error {
    /// Name of the variant.
    pub variant: String,
    /// The missing part.
    pub source: engine::Error,
}

/// Prefixes of environment variables that are removed for child processes, because they silently change Dynamo's
/// behaviour.
const SCRUBBED: [&str; 3] = ["DYN_", "NATS_", "ETCD_"];

/// Whether an inherited environment variable is removed for child processes.
#[must_use]
pub fn scrubbed(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let mut families = SCRUBBED.iter();
    families.any(|family| name.starts_with(family.as_bytes()))
}

/// Number of ports that all variants need together.
#[must_use]
pub fn ports_needed(scenario: &Scenario) -> usize {
    effective(scenario)
        .iter()
        .map(|variant| variant.engine.ports())
        .sum()
}

/// Makes the plan of a run.
///
/// # Errors
/// Returns the first variant that cannot run on this machine, with the reason.
pub fn build(scenario: &Scenario, facts: &Facts) -> Result<Plan, Error> {
    let mut ports = facts.ports.as_slice();
    let mut variants = Vec::new();
    for (index, variant) in effective(scenario).into_iter().enumerate() {
        let (own, rest) = ports.split_at(variant.engine.ports().min(ports.len()));
        ports = rest;
        let mut scratch = facts.scratch.clone().into_os_string();
        scratch.push(format!("-{index}"));
        let site = Site {
            exe: &facts.exe,
            python: facts.pythons.get(variant.name),
            etcd: facts.etcd.as_deref(),
            etcd_endpoints: facts.etcd_endpoints.as_deref(),
            model: &facts.model,
            odd_model: facts.odd_model.as_deref(),
            served_name: scenario.model.served_name.as_deref(),
            vllm: &scenario.vllm,
            path: &facts.path,
            ports: own,
            scratch: Path::new(&scratch),
        };
        let stack = variant.engine.build(&site).map_err(|source| Error {
            variant: variant.name.to_owned(),
            source,
        })?;
        variants.push(variant_plan(scenario, facts, variant, stack));
    }
    Ok(Plan {
        scenario: scenario.name.clone(),
        variants,
        baseline: compare::baseline(scenario),
        comparing: compare::comparing(scenario),
        measurement: scenario.measurement,
        same_text_share: scenario
            .compare
            .as_ref()
            .and_then(|compare| compare.same_text_share)
            .map_or(1.0, |share| share.0),
        same_text: scenario
            .compare
            .as_ref()
            .is_some_and(|compare| compare.same_text),
        on_engine_death: scenario.load.on_engine_death,
        give_up_after: scenario.load.give_up_after.limit(),
        across: scenario.verify.across.clone(),
        formats: scenario.report.formats.clone(),
        notes: facts.prompts.notes.clone(),
        scrubbed: facts
            .inherited
            .iter()
            .filter(|name| scrubbed(name))
            .map(|name| name.display().to_string())
            .collect(),
    })
}

fn variant_plan(
    scenario: &Scenario,
    facts: &Facts,
    variant: Effective<'_>,
    stack: Stack,
) -> VariantPlan {
    let request = &scenario.request;
    let phases = paced(phases(&scenario.load), &facts.prompts);
    let mut requests = unlabelled(scenario, facts, &variant, &phases);
    let mut endpoint = stack.endpoint;
    lay_over(&mut endpoint.headers, &request.headers);
    requests.labels = Labels {
        run: facts.run_id.clone(),
        variant: variant.name.to_owned(),
        headers: Vec::new(),
        in_body: labels::in_body(&mut requests.template),
    };
    requests.labels.take_headers(&mut endpoint.headers);
    VariantPlan {
        name: variant.name.to_owned(),
        engine: stack.kind,
        versions: stack.versions,
        warnings: stack.warnings,
        processes: stack.processes,
        endpoint,
        metrics: stack.metrics,
        ready: Readiness {
            timeout: scenario.ready.limit(variant.engine),
            completions: scenario.ready.completions,
        },
        requests,
        phases,
        rules: variant.verify.every_response,
        log_rules: variant.verify.logs,
        process_rules: variant.verify.processes,
        slo: variant.verify.slo,
        gates: gates(variant.name, variant.verify.gates),
    }
}

/// The requests of a variant before they get labels of their own.
fn unlabelled(
    scenario: &Scenario,
    facts: &Facts,
    variant: &Effective<'_>,
    phases: &[PhasePlan],
) -> Requests {
    let request = &scenario.request;
    let mut requests = Requests {
        api: request.endpoint,
        stream: request.streams(),
        prompts_per_request: request.prompts_per_request,
        prompts: Arc::clone(&facts.prompts),
        template: requests::template(
            request,
            &requests::nvext_fields(&variant.verify.every_response),
        ),
        output_tokens: request.output_tokens,
        cache_bust: request.cache_bust,
        run: facts.run,
        timeout: request.timeout.0,
        accept: request.accept.clone(),
        query: labels::query(&request.query),
        labels: Labels::default(),
        sha256: String::new(),
    };
    requests.sha256 = requests::sha256(&requests, &phases);
    requests
}

/// Adds the request's own headers; they replace headers of the endpoint with the same name.
fn lay_over(headers: &mut Vec<(String, String)>, own: &IndexMap<String, String>) {
    headers.retain(|(name, _)| !own.keys().any(|own| own.eq_ignore_ascii_case(name)));
    let own = own.iter();
    headers.extend(own.map(|(name, value)| (name.clone(), value.clone())));
}

/// Adds the times that depend on the prompts: the think time of conversations to closed loops, and the recorded times
/// of a trace to open loops.
fn paced(mut phases: Vec<PhasePlan>, prompts: &Prompts) -> Vec<PhasePlan> {
    for phase in &mut phases {
        match (&mut phase.shape, &prompts.source) {
            (Shape::Closed { think_time, .. }, prompts::Source::Conversations(spec)) => {
                *think_time = spec.think_time.max(*think_time);
            }
            (Shape::Open { pace, limit, .. }, _) => {
                if let pace::Rates::Recorded(times) = &mut pace.rate {
                    *times = prompts.times().unwrap_or_default().into();
                    let all = times.len() as u64;
                    limit.requests = Some(limit.requests.map_or(all, |most| most.min(all)));
                }
            }
            _ => {}
        }
    }
    phases
}

/// The gates of one variant: those that apply to it, except comparisons with itself. A scenario without a gate on
/// errors gets `error_rate == 0`, so that failed requests fail the run.
fn gates(variant: &str, mut gates: Vec<Gate>) -> Vec<Gate> {
    gates.retain(|gate| match (&gate.variant, &gate.limit) {
        (Some(on), _) => on == variant,
        (None, GateLimit::Times(_, against, _)) => against != variant,
        (None, GateLimit::Number(_)) => true,
    });
    let errors = Figure::Number(Number::ErrorRate);
    if !gates.iter().any(|gate| gate.figure == errors) {
        gates.extend("error_rate == 0".parse::<Gate>());
    }
    gates
}

/// Resolves a path of the scenario. `~` is the home directory, and relative paths start at the scenario's directory.
#[must_use]
pub fn locate(path: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(path),
    }
}

/// Whether a model's id is a directory, not a model of the hub.
#[must_use]
pub fn is_directory(id: &str) -> bool {
    ["/", "./", "../", "~/"]
        .iter()
        .any(|prefix| id.starts_with(prefix))
}
