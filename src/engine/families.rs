//! Which families of engines' metrics pages are read, and under which names they are kept. A quantity with several families
//! takes the first that a page has: they are one quantity under the names of several engines and versions.

use super::ENGINES;
use std::sync::LazyLock;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A histogram of seconds.
    Time,
    /// A number that only grows.
    Counter,
    /// A level; those of several engines are added.
    Level,
    /// A share of something; the mean of several engines' is taken.
    Share,
}

impl Kind {
    /// Whether it never falls while its process lives.
    #[must_use]
    pub(crate) fn grows(self) -> bool {
        matches!(self, Self::Time | Self::Counter)
    }
}

/// One quantity on the page of one engine.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    families: &'static [&'static str],
    label: Option<(&'static str, &'static str)>,
}

impl Family {
    /// The quantity `name`, which pages call as `families` say, newest first.
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        families: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            kind,
            families,
            label: None,
        }
    }

    /// Only of series that have this label.
    pub(super) const fn labelled(mut self, name: &'static str, value: &'static str) -> Self {
        self.label = Some((name, value));
        self
    }
}

/// One quantity, on the pages of all engines.
#[derive(Debug)]
pub(crate) struct Quantity {
    /// What it is called in records.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What pages call it, in the order of preference.
    pub families: Vec<&'static str>,
    /// A label that a series must have for its own.
    pub label: Option<(&'static str, &'static str)>,
}

/// Every quantity that is read.
pub(crate) fn quantities() -> &'static [Quantity] {
    static ALL: LazyLock<Vec<Quantity>> = LazyLock::new(|| {
        let mut all: Vec<Quantity> = Vec::new();
        for family in ENGINES.iter().flat_map(|facts| facts.families) {
            match all.iter_mut().find(|known| known.name == family.name) {
                Some(known) => known.families.extend(family.families),
                None => all.push(Quantity {
                    name: family.name,
                    kind: family.kind,
                    families: family.families.to_vec(),
                    label: family.label,
                }),
            }
        }
        all
    });
    &ALL
}
