//! The statistics of a metric with many values.

use crate::metric::{PerTiming, Statistic};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Index, IndexMut};

/// The distributions of a phase; `None` is "not applicable".
pub(crate) type Distributions = PerTiming<Option<Distribution>>;

/// Statistics of one metric over a phase, in the metric's unit. A percentile without enough values to stand on is still
/// given; [`is_thin`](Self::is_thin) tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Number of values.
    pub count: u64,
    #[serde(flatten)]
    statistics: Statistics,
    /// Whether percentiles are exact (nearest rank on every value) or from a histogram of three significant digits.
    #[serde(default)]
    pub exact: bool,
}

/// By [`Statistic::index`]. What a record or an importer does not tell is not a number in memory, `null` on disk.
#[derive(Debug, Clone, PartialEq)]
struct Statistics([f64; Statistic::ALL.len()]);

impl Distribution {
    /// From a function of the statistic.
    pub fn new(count: u64, exact: bool, of: impl FnMut(Statistic) -> f64) -> Self {
        Self {
            count,
            statistics: Statistics(Statistic::ALL.map(of)),
            exact,
        }
    }

    /// Whether there are fewer values than this statistic needs: fewer than ten beyond a percentile.
    #[must_use]
    pub fn is_thin(&self, statistic: Statistic) -> bool {
        self.count < statistic.needs()
    }

    /// The statistics that are thin.
    pub fn thin(&self) -> impl Iterator<Item = Statistic> {
        let all = Statistic::ALL.into_iter();
        all.filter(|statistic| self.is_thin(*statistic))
    }

    /// Whether every statistic is a number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.statistics.0.iter().all(|value| value.is_finite())
    }
}

impl Index<Statistic> for Distribution {
    type Output = f64;

    fn index(&self, statistic: Statistic) -> &f64 {
        &self.statistics.0[statistic.index()]
    }
}

impl IndexMut<Statistic> for Distribution {
    fn index_mut(&mut self, statistic: Statistic) -> &mut f64 {
        &mut self.statistics.0[statistic.index()]
    }
}

impl Serialize for Statistics {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let finite = |value: &f64| Some(*value).filter(|value| value.is_finite());
        to.collect_map(Statistic::names().zip(self.0.iter().map(finite)))
    }
}

/// Statistics that the record does not have are not numbers; older versions wrote fewer.
impl<'de> Deserialize<'de> for Statistics {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Statistics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("statistics by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Statistics, A::Error> {
                let mut all = Statistics([f64::NAN; Statistic::ALL.len()]);
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if let Some(statistic) = Statistic::named(&name) {
                        let value: Option<f64> =
                            serde_json::from_value(value).map_err(A::Error::custom)?;
                        all.0[statistic.index()] = value.unwrap_or(f64::NAN);
                    }
                }
                Ok(all)
            }
        }

        from.deserialize_map(ByName)
    }
}
