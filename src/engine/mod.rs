//! The topology of each engine as data: processes with their arguments, environment, readiness and ports, and the
//! endpoint that receives the load. Each engine has one file, with its settings, its facts and its topology, and one
//! row below.

mod args;
mod dynamo;
mod error;
mod external;
mod facts;
mod families;
mod lossy;
mod process;
mod settings;
mod sim;
mod site;
mod url;
mod vllm;

pub(crate) use dynamo::Dynamo;
pub(crate) use error::Error;
pub(crate) use external::External;
pub(crate) use facts::{Facts, Program, is_own_argument, packages};
pub(crate) use families::{Kind, quantities};
pub(crate) use process::{Endpoint, MetricsPage, Probe, Process, Stack};
pub(crate) use settings::Part;
pub(crate) use settings::Rules;
pub(crate) use sim::Sim;
pub(crate) use site::{Python, Site};
pub(crate) use vllm::Vllm;

use crate::value::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::Settings;

/// Largest number of processes in one group, and of GPUs.
pub(crate) const PROCESSES: u32 = 64;

/// Declares the engines. A row is `Name in file`: the file has the settings `Name` and the facts `FACTS`.
macro_rules! engines {
    ($($(#[$doc:meta])* $name:ident in $file:ident,)*) => {
        /// The serving stack under test.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Engine {
            $($(#[$doc])* $name($name),)*
        }

        /// The facts about every engine.
        pub(crate) const ENGINES: &[&Facts] = &[$(&$file::FACTS,)*];

        impl Engine {
            /// Facts that do not depend on the settings.
            #[must_use]
            pub const fn facts(&self) -> &'static Facts {
                match self {
                    $(Self::$name(_) => &$file::FACTS,)*
                }
            }

            fn settings(&self) -> &dyn Settings {
                match self {
                    $(Self::$name(settings) => settings,)*
                }
            }
        }
    };
}

engines! {
    /// Native vLLM: `python -m vllm.entrypoints.openai.api_server`.
    Vllm in vllm,
    /// NVIDIA Dynamo: discovery (etcd or files), `dynamo.frontend` and workers.
    Dynamo in dynamo,
    /// An endpoint that is already running.
    External in external,
    /// The embedded engine: `bench sim`. It needs no installation.
    Sim in sim,
}

impl Engine {
    /// The key of this engine in a scenario.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.facts().key
    }

    /// Whether the engine needs a Python environment.
    #[must_use]
    pub const fn needs_python(&self) -> bool {
        !self.facts().packages.is_empty()
    }

    /// Number of ports that the engine needs.
    #[must_use]
    pub fn ports(&self) -> usize {
        self.settings().ports()
    }

    /// Builds the topology of the engine.
    ///
    /// # Errors
    /// Returns the reason why this machine cannot run it.
    pub fn build(&self, site: &Site<'_>) -> Result<Stack, Error> {
        self.settings().build(site)
    }

    /// Reports mistakes in the settings.
    pub fn check(&self, rules: &mut dyn Rules) {
        self.settings().check(rules);
    }

    /// Context lengths of the engine's processes in tokens, as set by arguments. `None` is the context of the model.
    /// `common` contains the arguments of every vLLM process.
    #[must_use]
    pub fn contexts(&self, common: &Args) -> Vec<Option<u32>> {
        self.settings().contexts(common)
    }

    /// Programs on PATH that the engine starts.
    #[must_use]
    pub fn programs(&self) -> &'static [Program] {
        self.settings().programs()
    }

    /// Base URL of an external endpoint. `None` for engines that `bench` starts.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.settings().url()
    }

    /// Whether answers can contain Dynamo's `nvext`.
    #[must_use]
    pub fn sends_nvext(&self) -> bool {
        self.settings().sends_nvext()
    }
}

#[cfg(test)]
mod tests;
