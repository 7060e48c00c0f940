//! Why this machine can't run an engine.

use std::path::PathBuf;

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
