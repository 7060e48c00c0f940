//! Metric families that are read from the engines' metrics endpoints, and their names in records. A quantity can have
//! several families: its names in different engines and versions. The first one that an endpoint has is used.

use super::ENGINES;
use std::sync::LazyLock;

/// Kind of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A histogram of seconds.
    Time,
    /// A counter, which only grows.
    Counter,
    /// A gauge of an amount. The values of several engines are added.
    Level,
    /// A gauge of a share. The mean of several engines is used.
    Share,
}

impl Kind {
    /// Whether the value never falls while its process lives.
    #[must_use]
    pub(crate) fn grows(self) -> bool {
        matches!(self, Self::Time | Self::Counter)
    }
}

/// One quantity on the metrics endpoint of one engine.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    families: &'static [&'static str],
    label: Option<(&'static str, &'static str)>,
}

impl Family {
    /// The quantity `name` with its families, newest first.
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

    /// Restricts the family to series with this label.
    pub(super) const fn labelled(mut self, name: &'static str, value: &'static str) -> Self {
        self.label = Some((name, value));
        self
    }
}

/// One quantity on the metrics endpoints of all engines.
#[derive(Debug)]
pub(crate) struct Quantity {
    /// Name in records.
    pub name: &'static str,
    /// Kind of the families.
    pub kind: Kind,
    /// Names of the families, in the order of preference.
    pub families: Vec<&'static str>,
    /// Name and value of a label that a series must have.
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
