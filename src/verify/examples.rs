//! The first request that gave cause for a finding, kept for each cause. Pure.

use crate::measure::usage::Miscount;
use std::collections::BTreeMap;

/// What a request can give cause for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Its token counts contradict its answer.
    Miscounted(Miscount),
    /// All its text came at once.
    AtOnce,
    /// Nothing was generated.
    Empty,
    /// The server counted other tokens than were planned.
    TokenMismatch,
}

/// The causes that requests of a phase gave: for each the number of requests, and the first one in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examples(BTreeMap<Cause, (u64, String)>);

/// No examples.
#[cfg(test)]
pub(crate) static NONE: Examples = Examples(BTreeMap::new());

impl Examples {
    /// Adds request `index` of `phase`; `what` says what it showed.
    pub(crate) fn add(
        &mut self,
        cause: Cause,
        phase: &str,
        index: u64,
        what: impl FnOnce() -> String,
    ) {
        let first = || (0, format!("{phase} request {index}: {}", what()));
        self.0.entry(cause).or_insert_with(first).0 += 1;
    }

    /// Adds those of another round.
    pub(crate) fn join(&mut self, other: &Self) {
        for (cause, (count, first)) in &other.0 {
            let known = self.0.entry(*cause).or_insert_with(|| (0, first.clone()));
            known.0 += count;
        }
    }

    /// The first request with this cause, in words.
    #[must_use]
    pub(crate) fn first(&self, cause: Cause) -> Option<&str> {
        self.0.get(&cause).map(|(_, first)| first.as_str())
    }

    /// Each kind of miscount with its number of requests and the first of them.
    pub(crate) fn miscounts(&self) -> impl Iterator<Item = (Miscount, u64, &str)> {
        self.0
            .iter()
            .filter_map(|(cause, (count, first))| match cause {
                Cause::Miscounted(kind) => Some((*kind, *count, first.as_str())),
                Cause::AtOnce | Cause::Empty | Cause::TokenMismatch => None,
            })
    }
}

#[cfg(test)]
#[path = "tests/examples.rs"]
mod tests;
