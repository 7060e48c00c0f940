//! The interface of every engine's settings.

use super::Error;
use super::facts::Program;
use super::process::Stack;
use super::site::Site;
use crate::value::Args;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of one kind of engine.
pub(super) trait Settings {
    /// Number of ports that the engine needs.
    fn ports(&self) -> usize;

    /// Builds the topology.
    fn build(&self, site: &Site<'_>) -> Result<Stack, Error>;

    /// Reports mistakes in the settings.
    fn check(&self, rules: &mut dyn Rules);

    /// See [`Engine::contexts`](super::Engine::contexts).
    fn contexts(&self, common: &Args) -> Vec<Option<u32>>;

    /// Programs on PATH that the engine starts.
    fn programs(&self) -> &'static [Program] {
        &[]
    }

    /// Base URL of an external endpoint.
    fn url(&self) -> Option<&str> {
        None
    }

    /// Whether answers can contain Dynamo's `nvext`.
    fn sends_nvext(&self) -> bool {
        false
    }
}

/// Takes the mistakes in an engine's settings. Paths are dotted and start below the engine's key:
/// `workers.0.vllm.count`.
pub trait Rules {
    /// Reports that the value at `path` breaks a rule.
    fn wrong(&mut self, path: &str, message: &str, help: &str);

    /// Checks that the count at `path` is from 1 to `most`.
    fn count(&mut self, path: &str, count: u32, most: u32);

    /// Checks the arguments and environment of a process in the map at `path`.
    fn process(&mut self, path: &str, args: &Args, env: &IndexMap<String, String>);

    /// Checks the request headers in the map at `path`.
    fn headers(&mut self, path: &str, headers: &IndexMap<String, String>);

    /// Whether no mistake was reported in the value at `path` or in a value above it.
    fn is_intact(&self, path: &str) -> bool;
}

/// Arguments and environment of one kind of process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Arguments, which override the defaults by key.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub args: Args,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
}
