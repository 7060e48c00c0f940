//! Statistics of a metric with many values.

/// One number that sums up many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Smallest value.
    Min,
    /// A percentile, by nearest rank.
    Percentile(Percentile),
    /// Largest value.
    Max,
}

/// A percentile; its discriminant is the rank in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percentile {
    /// Median.
    P50 = 500,
    /// 90th percentile.
    P90 = 900,
    /// 95th percentile.
    P95 = 950,
    /// 99th percentile.
    P99 = 990,
    /// 99.9th percentile.
    P99_9 = 999,
}

/// Values that must lie beyond a percentile for it to be more than chance.
const BEYOND: u64 = 10;

impl Percentile {
    /// Every percentile, the lowest first.
    pub const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P99_9];

    /// Name in gates and records: `p99`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P99_9 => "p99.9",
        }
    }

    /// Rank in thousandths: 990 for p99.
    #[must_use]
    pub const fn per_mille(self) -> u64 {
        self as u64
    }

    /// Values it takes so that ten lie beyond it.
    #[must_use]
    pub const fn needs(self) -> u64 {
        BEYOND * 1_000 / (1_000 - self.per_mille())
    }
}

impl Statistic {
    /// Every statistic, in the order of records.
    pub const ALL: [Self; Percentile::ALL.len() + 3] = {
        let mut all = [Self::Max; Percentile::ALL.len() + 3];
        all[0] = Self::Mean;
        all[1] = Self::Min;
        let mut i = 0;
        while i < Percentile::ALL.len() {
            all[i + 2] = Self::Percentile(Percentile::ALL[i]);
            i += 1;
        }
        all
    };
    /// Median.
    pub const P50: Self = Self::Percentile(Percentile::P50);
    /// 90th percentile.
    pub const P90: Self = Self::Percentile(Percentile::P90);
    /// 95th percentile.
    pub const P95: Self = Self::Percentile(Percentile::P95);
    /// 99th percentile.
    pub const P99: Self = Self::Percentile(Percentile::P99);
    /// 99.9th percentile.
    pub const P99_9: Self = Self::Percentile(Percentile::P99_9);

    /// Name in gates and records: `mean`, `p99`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Percentile(percentile) => percentile.name(),
            Self::Max => "max",
        }
    }

    /// The statistic of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Names of all statistics.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Position in [`ALL`](Self::ALL).
    #[must_use]
    pub fn index(self) -> usize {
        let at = Self::ALL.into_iter().position(|one| one == self);
        at.unwrap_or(Self::ALL.len() - 1)
    }

    /// Values it takes to be more than chance: ten beyond a percentile.
    #[must_use]
    pub const fn needs(self) -> u64 {
        match self {
            Self::Percentile(percentile) => percentile.needs(),
            Self::Mean | Self::Min | Self::Max => 1,
        }
    }

    /// Whether tables print it, with a mark, even with fewer values than it needs. Beyond p99 it would be little else than
    /// the largest value.
    #[must_use]
    pub const fn is_printed_thin(self) -> bool {
        self.needs() <= Percentile::P99.needs()
    }

    /// Whether it never exceeds `other` of the same values.
    #[must_use]
    pub fn at_most(self, other: Self) -> bool {
        let rank = |statistic| match statistic {
            Self::Min => Some(0),
            Self::Percentile(percentile) => Some(percentile.per_mille()),
            Self::Max => Some(1_000),
            Self::Mean => None,
        };
        match (rank(self), rank(other)) {
            (Some(a), Some(b)) => a <= b,
            (None, _) => matches!(other, Self::Mean | Self::Max),
            (_, None) => self == Self::Min,
        }
    }
}
