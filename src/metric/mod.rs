//! Every metric in one row: its names, unit and direction, what it is measured on and what it needs. Gates, `until`,
//! comparisons, reports, exports and docs/metrics.md read these rows. [`measure`](crate::measure) reads the values.

mod figure;
mod page;
mod row;
mod rows;
mod statistic;

pub use figure::Figure;
pub use page::page;
pub use row::{Better, Limit, Need, Row, Scope, Unit};
pub use rows::{Number, PerTiming, Timing};
pub use statistic::{Percentile, Statistic};

#[cfg(test)]
mod tests;
