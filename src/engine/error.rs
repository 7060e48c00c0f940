//! Reasons why this machine cannot run an engine.

use std::path::PathBuf;

/// The reason why this machine cannot run an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The scenario names no runtime.
    #[error(
        "{engine} needs Python, but the scenario has no `runtime`; add `runtime: {{venv: DIRECTORY}}`"
    )]
    NoRuntime {
        /// Name of the engine.
        engine: &'static str,
    },
    /// A package is missing from the runtime.
    #[error(
        "{} has no {package}, which {engine} needs; install it with `uv pip install --python {} {package}` or name another runtime",
        python.display(), python.display()
    )]
    NoPackage {
        /// Name of the engine.
        engine: &'static str,
        /// Name of the package.
        package: &'static str,
        /// Path of the interpreter.
        python: PathBuf,
    },
    /// The version of Dynamo is too old.
    #[error(
        "ai-dynamo {found} is older than 1.0, and this tool does not support its flags; install 1.0 to 1.6, for example `uv pip install 'ai-dynamo[vllm]==1.6.1'`"
    )]
    TooOld {
        /// The installed version.
        found: String,
    },
    /// The installed version of Dynamo does not support the router mode.
    #[error(
        "ai-dynamo {found} has no router mode `{mode}`, which {since} added; choose `round-robin`, `random` or `kv`, or install a newer version"
    )]
    NoRouterMode {
        /// The installed version.
        found: String,
        /// The requested mode.
        mode: String,
        /// The version that added the mode.
        since: &'static str,
    },
    /// etcd is missing.
    #[error(
        "discovery through etcd needs the program `etcd`, which is not on PATH; install it (`apt-get install etcd-server`), set ETCD_ENDPOINTS to a running etcd, or write `discovery: file`"
    )]
    NoEtcd,
}
