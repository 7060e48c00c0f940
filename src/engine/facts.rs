//! Facts about each engine that do not depend on its settings: one row per engine, in [`ENGINES`].

use super::ENGINES;
use super::families::Family;
use crate::value::units::Time;

/// Facts about an engine.
#[derive(Debug)]
pub struct Facts {
    /// Key of the engine in scenarios, and its name in records.
    pub key: &'static str,
    /// Whether `bench` starts and stops the engine.
    pub started: bool,
    /// Default limit on the start-up.
    pub ready: Time,
    /// Names of the engine's Python package. Empty if the engine needs no Python.
    pub packages: &'static [&'static str],
    /// Other packages whose versions are recorded.
    pub related_packages: &'static [&'static str],
    /// Arguments that `bench` sets itself: the address of a process, and the model that it serves.
    pub own_args: &'static [&'static str],
    /// Whether answers always have the fields that vLLM adds to OpenAI's.
    pub sends_vllm_fields: bool,
    /// Whether the engine counts words instead of tokens.
    pub counts_words: bool,
    /// Metric families that are read from the engine's metrics endpoint.
    pub families: &'static [Family],
}

/// A program on PATH that an engine starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Name of the program.
    pub name: &'static str,
    /// Environment variable with the address of a running instance. If it is set, the program is not started.
    pub unless: &'static str,
}

/// Whether `bench` itself sets the argument `name` of some engine. `name` has no leading dashes.
#[must_use]
pub(crate) fn is_own_argument(name: &str) -> bool {
    let name = name.replace('_', "-");
    ENGINES
        .iter()
        .any(|facts| facts.own_args.contains(&name.as_str()))
}

/// The Python packages of all engines whose versions are recorded.
#[must_use]
pub(crate) fn packages() -> Vec<&'static str> {
    let mut all: Vec<&str> = ENGINES
        .iter()
        .flat_map(|facts| facts.packages.iter().chain(facts.related_packages))
        .copied()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
