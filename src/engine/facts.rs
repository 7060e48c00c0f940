//! What is known of each engine, whatever its settings: one row per engine, in [`ENGINES`].

use super::ENGINES;
use super::families::Family;
use crate::value::units::Time;

/// What is known of an engine.
#[derive(Debug)]
pub struct Facts {
    /// Its key in scenarios and its name in records.
    pub key: &'static str,
    /// Whether `bench` starts and stops it.
    pub started: bool,
    /// Limit on its start-up, unless the scenario says otherwise.
    pub ready: Time,
    /// The Python package that it is, under each of its names; none where it needs no Python.
    pub packages: &'static [&'static str],
    /// Packages beside it whose versions matter.
    pub beside: &'static [&'static str],
    /// Arguments that `bench` decides on: where a process listens, and what it serves.
    pub own_args: &'static [&'static str],
    /// Whether its answers always have the fields that vLLM adds to OpenAI's.
    pub sends_vllm_fields: bool,
    /// Whether it counts words where others count tokens.
    pub counts_words: bool,
    /// The families of its own metrics page that are read.
    pub families: &'static [Family],
}

/// A program on PATH that an engine starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// The environment variable which, when set, names one that is already running.
    pub unless: &'static str,
}

/// Whether `bench` decides on the argument `name` of any engine's process; `name` has no dashes in front.
#[must_use]
pub(crate) fn decides(name: &str) -> bool {
    let name = name.replace('_', "-");
    ENGINES
        .iter()
        .any(|facts| facts.own_args.contains(&name.as_str()))
}

/// The Python packages whose versions matter to any engine.
#[must_use]
pub(crate) fn packages() -> Vec<&'static str> {
    let mut all: Vec<&str> = ENGINES
        .iter()
        .flat_map(|facts| facts.packages.iter().chain(facts.beside))
        .copied()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
