//! One number that a gate, comparison or table names: a statistic of a metric with many values, or a metric that is one
//! number.

use super::{Better, Need, Number, Row, Scope, Statistic, Timing, Unit};

/// One number of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// A statistic of a metric with many values.
    Timing(Statistic, Timing),
    /// A metric that is one number.
    Number(Number),
}

impl Figure {
    /// Its metric's row.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        match self {
            Self::Timing(_, timing) => timing.row(),
            Self::Number(number) => number.row(),
        }
    }

    /// Its name in records, tables and exports: `ttft_ms.p50`.
    #[must_use]
    pub fn key(self) -> String {
        let key = self.row().key;
        match self {
            Self::Timing(statistic, _) => format!("{key}.{}", statistic.name()),
            Self::Number(_) => key.to_owned(),
        }
    }

    /// The figure of a name in records; `None` for one that this version does not know.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let number = Number::ALL.into_iter().find(|one| one.row().key == key);
        if let Some(number) = number {
            return Some(Self::Number(number));
        }
        let (of, statistic) = key.split_once('.')?;
        let timing = Timing::ALL.into_iter().find(|one| one.row().key == of)?;
        Some(Self::Timing(Statistic::named(statistic)?, timing))
    }

    /// Its name in tables, with its unit: `TTFT p50 (ms)`.
    #[must_use]
    pub fn label(self) -> String {
        let Row { label, unit, .. } = self.row();
        match self {
            Self::Timing(statistic, _) => {
                format!("{label} {} ({})", statistic.name(), unit.label())
            }
            Self::Number(_) => format!("{label} ({})", unit.label()),
        }
    }

    /// What tables show and comparisons put side by side of a phase, in this order.
    pub fn of_phases() -> impl Iterator<Item = Self> {
        let timings = Timing::ALL.into_iter().flat_map(|timing| {
            let shown = timing.row().shown.iter();
            shown.map(move |statistic| Self::Timing(*statistic, timing))
        });
        timings.chain(Self::numbers(Scope::Phase))
    }

    /// The same of a topology.
    pub fn of_topologies() -> impl Iterator<Item = Self> {
        Self::numbers(Scope::Topology)
    }

    fn numbers(scope: Scope) -> impl Iterator<Item = Self> {
        let numbers = Number::ALL.into_iter();
        let own = numbers.filter(move |number| number.row().scope == scope);
        own.map(Self::Number)
    }

    /// Whether rounds can judge it: it is compared, and is not a share, whose ratio means little near 0.
    #[must_use]
    pub fn is_judged(self) -> bool {
        let share = matches!(self.row().unit, Unit::Share(_));
        !share && (Self::of_phases().chain(Self::of_topologies())).any(|one| one == self)
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self.row().better == Better::Higher
    }

    /// Whether its absence is news: phases without batches or objectives have no such metrics, and few phases have enough
    /// values for a percentile beyond p99.
    #[must_use]
    pub fn is_expected(self) -> bool {
        let row = self.row();
        let rare = matches!(self, Self::Timing(statistic, _) if !statistic.is_printed_thin());
        !rare && !row.needs(Need::Batches) && !row.needs(Need::Objectives)
    }
}
