//! What a run will do, worked out before anything starts. Pure: a scenario, the facts of the machine and a seed go in;
//! processes, requests and rules come out. `bench plan` prints exactly this.

mod asked;
mod compare;
mod draw;
mod labels;
pub mod pace;
mod phases;
pub(crate) mod prompts;
mod proof;
mod requests;
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
    /// When the measurement itself is doubtful.
    pub measurement: Measurement,
    /// Share of requests that must be answered alike, where answers are compared.
    pub same_text_share: f64,
    /// What becomes of the load when an engine process dies under it.
    pub on_engine_death: OnEngineDeath,
    /// For how long every request of a phase may fail before the load is given up.
    pub give_up_after: Option<Duration>,
    /// How often every variant runs, and what is judged over that; none where each runs once.
    pub comparing: Option<Comparing>,
    /// What all variants must answer alike.
    pub across: Vec<Alike>,
    /// Files rendered into the report directory.
    pub formats: Vec<ReportFormat>,
    /// What became of rows of the prompts' file that give no request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Names of inherited variables that children do not get.
    pub scrubbed: Vec<String>,
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
    /// What the reader should know about them.
    pub warnings: Vec<String>,
    /// What is started, in order; stopped in reverse.
    pub processes: Vec<Process>,
    /// Where load is sent.
    pub endpoint: Endpoint,
    /// Where its processes show their metrics.
    pub metrics: Vec<MetricsPage>,
    /// When it counts as ready.
    pub ready: Readiness,
    /// The requests.
    pub requests: Requests,
    /// The phases, warm-up first where there is one.
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

/// When a variant counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Readiness {
    /// Limit on the whole start-up, or on waiting for an external endpoint.
    pub timeout: Time,
    /// Consecutive good completions that prove it.
    pub completions: u32,
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
    /// The prompts; request i of a phase takes the i-th.
    pub prompts: Arc<Prompts>,
    /// The query string, encoded, with its `?`; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The ids that headers and body fields hold.
    #[serde(skip)]
    pub labels: Labels,
    /// The body without its prompt.
    pub template: serde_json::Map<String, serde_json::Value>,
    /// Tokens of every answer, whatever the prompts ask for.
    pub output_tokens: Option<u32>,
    /// Whose prompts have beginnings of their own.
    pub cache_bust: Option<CacheBust>,
    /// What those of this run begin with.
    #[serde(skip)]
    pub run: u64,
    /// Limit on one request.
    pub timeout: Duration,
    /// What a complete answer may lack or be called.
    #[serde(skip_serializing_if = "Accept::is_strict")]
    pub accept: Accept,
    /// SHA-256 over what is sent, but what a variant alone asks for (`model`, `nvext`).
    pub sha256: String,
}

/// What was found out about the machine before planning.
#[derive(Debug, Clone)]
pub struct Facts {
    /// This program.
    pub exe: PathBuf,
    /// Each variant's interpreter, where it has one.
    pub pythons: IndexMap<String, Python>,
    /// The etcd program.
    pub etcd: Option<PathBuf>,
    /// `ETCD_ENDPOINTS`, where it is set.
    pub etcd_endpoints: Option<OsString>,
    /// Free ports, at least [`ports_needed`].
    pub ports: Vec<u16>,
    /// What the names of the variants' own directories begin with; short, because sockets in them have at most 107 bytes.
    pub scratch: PathBuf,
    /// The model: a hub id or a directory that is there.
    pub model: String,
    /// That directory, where its path is not UTF-8, so that `model` only shows it.
    pub odd_model: Option<PathBuf>,
    /// The prompts, read.
    pub prompts: Arc<Prompts>,
    /// A number of the run's own.
    pub run: u64,
    /// The run's id.
    pub run_id: String,
    /// `PATH`.
    pub path: OsString,
    /// Names of the variables that children would inherit.
    pub inherited: Vec<OsString>,
}

/// Why a variant can't run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variant {variant}: {source}")]
pub struct Error {
    /// The variant.
    pub variant: String,
    /// What is missing.
    pub source: engine::Error,
}

/// Variables of these families are kept from children: a set one silently changes what Dynamo does.
const SCRUBBED: [&str; 3] = ["DYN_", "NATS_", "ETCD_"];

/// Whether an inherited variable is kept from children.
#[must_use]
pub fn scrubbed(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let mut families = SCRUBBED.iter();
    families.any(|family| name.starts_with(family.as_bytes()))
}

/// Ports that all variants together take.
#[must_use]
pub fn ports_needed(scenario: &Scenario) -> usize {
    effective(scenario)
        .iter()
        .map(|variant| variant.engine.ports())
        .sum()
}

/// Works out a run.
///
/// # Errors
/// The first variant that this machine can't run, and why.
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
    let mut endpoint = stack.endpoint;
    // A request's own header replaces the endpoint's.
    let replaced = |name: &str| {
        let mut own = request.headers.keys();
        own.any(|own| own.eq_ignore_ascii_case(name))
    };
    endpoint.headers.retain(|(name, _)| !replaced(name));
    endpoint.headers.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
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

/// What phases take from the prompts: users of conversations think before they go on, and so do the slots of a closed
/// loop; a trace says when its requests are due.
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

/// A scenario that says nothing of errors wants none: half the requests failing is no pass.
/// Of gates that name variants a variant keeps those on itself, and none against itself.
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

/// Where a path of the scenario's leads: `~` is the home directory, relative ones start at the scenario's own directory.
#[must_use]
pub fn locate(path: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(path),
    }
}

/// Whether a model's id means a directory rather than a hub's model.
#[must_use]
pub fn is_directory(id: &str) -> bool {
    ["/", "./", "../", "~/"]
        .iter()
        .any(|prefix| id.starts_with(prefix))
}
