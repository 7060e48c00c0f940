//! What the settings of every engine can say.

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
    /// How many ports it takes.
    fn ports(&self) -> usize;

    /// Builds the topology.
    fn build(&self, site: &Site<'_>) -> Result<Stack, Error>;

    /// Notes what is wrong with the settings.
    fn check(&self, rules: &mut dyn Rules);

    /// See [`Engine::contexts`](super::Engine::contexts).
    fn contexts(&self, common: &Args) -> Vec<Option<u32>>;

    /// Programs on PATH that it starts.
    fn programs(&self) -> &'static [Program] {
        &[]
    }

    /// The base URL of an engine that is already running.
    fn url(&self) -> Option<&str> {
        None
    }

    /// Whether answers may carry Dynamo's `nvext`.
    fn sends_nvext(&self) -> bool {
        false
    }
}

/// Where an engine notes what is wrong with its settings. A path is dotted and begins below the engine's own key:
/// `workers.0.vllm.count`.
pub trait Rules {
    /// The value at `path` breaks a rule.
    fn wrong(&mut self, path: &str, message: &str, help: &str);

    /// The count at `path` must be from 1 to `most`.
    fn count(&mut self, path: &str, count: u32, most: u32);

    /// The map at `path` has the arguments and the environment of a process.
    fn process(&mut self, path: &str, args: &Args, env: &IndexMap<String, String>);

    /// The map at `path` has headers of requests.
    fn headers(&mut self, path: &str, headers: &IndexMap<String, String>);

    /// Whether nothing at `path`, or on the way to it, was found wrong before.
    fn is_intact(&self, path: &str) -> bool;
}

/// Arguments and environment of one kind of process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Arguments, overriding the defaults by key.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub args: Args,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
}
