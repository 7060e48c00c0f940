//! Outcomes of gates that are fixed before anything is measured: the gate always holds, or it never can. A time is
//! never negative, a share is at most 100%, and a median is at most the maximum.

use super::{Limit, Op};
use crate::metric::{Figure, Unit};

/// The outcome of a comparison that does not depend on the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixedOutcome {
    /// The comparison holds whenever the figure is known.
    Always,
    /// The comparison never holds.
    Never,
}

/// The range of a figure's possible values, in the unit of its gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// Smallest value.
    pub low: f64,
    /// Whether every value is larger than `low`, so that `low` itself is impossible.
    pub above: bool,
    /// Largest value.
    pub high: f64,
}

impl Bounds {
    /// The fixed outcome of comparing a value within these bounds with `limit`. `None` if it depends on the value.
    #[must_use]
    pub(crate) fn outcome(&self, op: Op, limit: f64) -> Option<FixedOutcome> {
        let under = limit < self.low || (self.above && limit <= self.low);
        let (always, never) = match op {
            Op::Lt => (self.high < limit, limit <= self.low),
            Op::Le => (self.high <= limit, under),
            Op::Eq => (false, under || limit > self.high),
            Op::Ge => (limit <= self.low, limit > self.high),
            Op::Gt => (under, limit >= self.high),
        };
        match (always, never) {
            (true, _) => Some(FixedOutcome::Always),
            (_, true) => Some(FixedOutcome::Never),
            (false, false) => None,
        }
    }
}

/// The possible values of a figure.
#[must_use]
pub(crate) fn bounds(figure: Figure) -> Bounds {
    let row = figure.row();
    Bounds {
        low: 0.0,
        above: row.above_zero,
        high: match row.unit {
            Unit::Share(_) => 1.0,
            Unit::Ms | Unit::TokensPerS | Unit::RequestsPerS | Unit::Count => f64::INFINITY,
        },
    }
}

/// The fixed outcome of comparing `figure` with `factor` times `other`, both of the same variant.
#[must_use]
pub(crate) fn outcome_within_variant(
    figure: Figure,
    op: Op,
    factor: f64,
    other: Figure,
) -> Option<FixedOutcome> {
    let above = bounds(figure).above;
    // For `low <= high`: the outcome of `low op (factor * high)`, then of `high op (factor * low)`.
    let least = |op: Op, factor: f64| match op {
        Op::Le if factor >= 1.0 => Some(FixedOutcome::Always),
        Op::Lt if factor > 1.0 && above => Some(FixedOutcome::Always),
        Op::Gt if factor >= 1.0 => Some(FixedOutcome::Never),
        Op::Ge | Op::Eq if factor > 1.0 && above => Some(FixedOutcome::Never),
        _ => None,
    };
    let most = |op: Op, factor: f64| match op {
        Op::Ge if factor <= 1.0 => Some(FixedOutcome::Always),
        Op::Gt if factor < 1.0 && above => Some(FixedOutcome::Always),
        Op::Lt if factor <= 1.0 => Some(FixedOutcome::Never),
        Op::Le | Op::Eq if factor < 1.0 && above => Some(FixedOutcome::Never),
        _ => None,
    };
    match (figure, other) {
        _ if figure == other && op == Op::Eq && (factor - 1.0).abs() < f64::EPSILON => {
            Some(FixedOutcome::Always)
        }
        _ if figure == other => least(op, factor).or(most(op, factor)),
        (Figure::Timing(a, one), Figure::Timing(b, two)) if one == two && a.at_most(b) => {
            least(op, factor)
        }
        (Figure::Timing(a, one), Figure::Timing(b, two)) if one == two && b.at_most(a) => {
            most(op, factor)
        }
        _ => None,
    }
}

impl super::Gate {
    /// The fixed outcome of the gate, if its limit is a number and the outcome does not depend on the measurement.
    #[must_use]
    pub fn fixed_outcome(&self) -> Option<FixedOutcome> {
        match self.limit {
            Limit::Number(limit) => bounds(self.figure).outcome(self.op, limit),
            Limit::Times(..) => None,
        }
    }
}

#[cfg(test)]
#[path = "tests/outcome.rs"]
mod tests;
