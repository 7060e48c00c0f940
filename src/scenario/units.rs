//! Values with units: durations (`30s`, `500ms`) and ranges (`1..64`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A duration written with its unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Time(pub Duration);

impl Time {
    /// So many seconds.
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }
    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }
    /// So many microseconds.
    #[must_use]
    pub const fn from_micros(n: u64) -> Self {
        Self(Duration::from_micros(n))
    }
}

/// A range of numbers, both ends included, written `low..high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// Smallest value in it.
    pub low: f64,
    /// Largest value in it.
    pub high: f64,
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}ms", self.0.as_secs_f64() * 1e3)
    }
}
