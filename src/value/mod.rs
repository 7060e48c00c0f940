//! Values that scenarios and engines share: durations, ranges, arguments, and what is wrong with one.

pub(crate) mod arg;
pub mod mistake;
pub mod units;

pub use arg::{ArgValue, Args};
