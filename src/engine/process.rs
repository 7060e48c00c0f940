//! Processes as data: their commands, their readiness probes, and the endpoint that receives the load.

use super::lossy;
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// One process of a topology.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// Unique name in the topology: `etcd`, `frontend`, `worker-0`, `vllm`, `sim`. The log is `logs/NAME.log`.
    pub name: String,
    /// Program and arguments.
    #[serde(serialize_with = "lossy::words")]
    pub argv: Vec<OsString>,
    /// Environment variables that are set in addition to the inherited ones.
    #[serde(serialize_with = "lossy::variables")]
    pub env: Vec<(String, OsString)>,
    /// Number of the stage. Processes of one stage start together. The next stage starts when all probes succeed.
    /// Stages stop in reverse order.
    pub stage: u32,
    /// Whether the next process of the stage starts only after this one answers. vLLM processes that start at the same
    /// time can choose the same internal ports.
    pub alone: bool,
    /// Probes that must succeed, in this order.
    pub probes: Vec<Probe>,
    /// Ports that the process listens on.
    pub ports: Vec<u16>,
    /// Directories of the process. They are created before it starts and removed after it ends.
    #[serde(serialize_with = "lossy::paths")]
    pub directories: Vec<PathBuf>,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// A check that a process is ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `GET` returns a status below `status`.
    HttpBelow {
        /// URL of the request.
        url: String,
        /// Smallest status that is a failure.
        status: u16,
    },
    /// etcd grants a lease, and stores and returns a key with it (v3 JSON gateway).
    EtcdLease {
        /// Base URL.
        url: String,
    },
    /// `GET /v1/models` lists this model.
    ModelListed {
        /// Base URL.
        url: String,
        /// Name under which the model is served.
        model: String,
    },
}

/// The endpoint that receives the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Base URL without `/v1`.
    pub url: String,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Name under which the model is served.
    pub model: String,
}

/// A metrics endpoint in the Prometheus text format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricsPage {
    /// Name of the process.
    pub process: String,
    /// URL of the endpoint.
    pub url: String,
}

impl MetricsPage {
    pub(super) fn new(process: &str, base: &str) -> Self {
        Self {
            process: process.to_owned(),
            url: format!("{base}/metrics"),
        }
    }
}

/// The topology of an engine as data.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Kind of the engine: `vllm`, `dynamo`, `external` or `sim`.
    pub kind: &'static str,
    /// Processes, in start order.
    pub processes: Vec<Process>,
    /// The endpoint that receives the load.
    pub endpoint: Endpoint,
    /// Metrics endpoints of the processes.
    pub metrics: Vec<MetricsPage>,
    /// Packages and their versions.
    pub versions: Vec<(String, String)>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}
