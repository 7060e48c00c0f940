//! Every metric in one row: its names, unit and direction, what it is measured on and what it needs. Gates, `until`,
//! comparisons, reports, exports and docs/metrics.md read these rows. [`measure`](crate::measure) reads the values.

mod figure;
#[cfg(test)]
mod page;
mod row;
mod rows;
mod statistic;

pub(crate) use figure::Figure;
#[cfg(test)]
use page::page;
pub(crate) use row::{Better, Limit, Need, Row, Scope, Unit};
pub(crate) use rows::{Number, PerTiming, Timing};
pub(crate) use statistic::{Percentile, Statistic};

#[cfg(test)]
mod tests;
