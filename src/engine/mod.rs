//! What each engine needs, as data: processes with their arguments, environment, readiness and ports, and the endpoint
//! that load is sent to. No trait per engine: a process is a command, an environment, a readiness rule and an endpoint.

use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// One process of a topology.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    /// Unique name in the topology: `etcd`, `frontend`, `worker-0`, `vllm`, `sim`. Its log is `logs/NAME.log`.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables set besides the inherited ones.
    pub env: Vec<(String, String)>,
    /// Processes of one stage start together; the next stage starts when all of them answer their probe.
    pub stage: u32,
    /// How this process proves itself; all must hold, in order.
    pub probes: Vec<Probe>,
    /// Ports it listens on.
    pub ports: Vec<u16>,
    /// Directories it needs, made before it starts and removed after it is gone.
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
