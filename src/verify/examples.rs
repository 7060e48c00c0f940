//! The first request that gave cause for a finding, kept for each cause. Pure.

use crate::measure::usage::Miscount;
use std::collections::BTreeMap;

/// What a request can give cause for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Its token counts contradict its answer.
    Miscounted(Miscount),
    /// All its text came at once.
    AtOnce,
    /// Nothing was generated.
    Empty,
    /// The server counted other tokens than were planned.
    OffPlan,
}

/// The causes that requests of a phase gave: for each the number of requests, and the first one in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples(BTreeMap<Cause, (u64, String)>);

/// No examples.
#[cfg(test)]
pub(crate) static NONE: Examples = Examples(BTreeMap::new());

impl Examples {
    /// Adds request `index` of `phase`; `what` says what it showed.
    pub fn add(&mut self, cause: Cause, phase: &str, index: u64, what: impl FnOnce() -> String) {
        let first = || (0, format!("{phase} request {index}: {}", what()));
        self.0.entry(cause).or_insert_with(first).0 += 1;
    }

    /// Adds those of another round.
    pub fn join(&mut self, other: &Self) {
        for (cause, (count, first)) in &other.0 {
            let known = self.0.entry(*cause).or_insert_with(|| (0, first.clone()));
            known.0 += count;
        }
    }

    /// The first request with this cause, in words.
    #[must_use]
    pub fn first(&self, cause: Cause) -> Option<&str> {
        self.0.get(&cause).map(|(_, first)| first.as_str())
    }

    /// Each kind of miscount with its number of requests and the first of them.
    pub fn miscounts(&self) -> impl Iterator<Item = (Miscount, u64, &str)> {
        self.0
            .iter()
            .filter_map(|(cause, (count, first))| match cause {
                Cause::Miscounted(kind) => Some((*kind, *count, first.as_str())),
                Cause::AtOnce | Cause::Empty | Cause::OffPlan => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_of_all_rounds_is_kept_and_all_are_counted() {
        let said = |what: &'static str| move || what.to_owned();
        let mut all = Examples::default();
        all.add(Cause::Empty, "closed", 3, said("nothing"));
        let mut other = Examples::default();
        let kind = Miscount::Absurd;
        other.add(Cause::Miscounted(kind), "closed", 5, said("-1 tokens"));
        other.add(Cause::Miscounted(kind), "closed", 6, said("-2 tokens"));
        other.add(Cause::Empty, "closed", 1, said("again"));
        all.join(&other);
        assert_eq!(all.first(Cause::Empty), Some("closed request 3: nothing"));
        assert_eq!(all.first(Cause::AtOnce), None);
        let miscounts: Vec<_> = all.miscounts().collect();
        assert_eq!(miscounts, [(kind, 2, "closed request 5: -1 tokens")]);
    }
}
