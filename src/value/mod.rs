//! Values that scenarios and engines share: durations, ranges, arguments, and mistakes in them.

pub(crate) mod argument;
pub(crate) mod mistake;
pub(crate) mod units;

pub(crate) use argument::{ArgValue, Args};
