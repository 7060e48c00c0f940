//! Values that scenarios and engines share: durations, ranges, arguments, and what is wrong with one.

pub(crate) mod arg;
pub(crate) mod mistake;
pub(crate) mod units;

pub(crate) use arg::{ArgValue, Args};
