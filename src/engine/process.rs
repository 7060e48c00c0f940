//! Processes as data: what is started, how it proves itself, where load is sent.

use super::lossy;
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;
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
    pub(super) fn new(process: &str, base: &str) -> Self {
        Self {
            process: process.to_owned(),
            url: format!("{base}/metrics"),
        }
    }
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
