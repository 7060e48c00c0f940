//! What a gate says before anything was measured: that it always holds, or never can. A time is not negative, a share is at
//! most 100%, and a median is at most a maximum.

use super::{Limit, Op};
use crate::metric::{Figure, Unit};

/// What is certain of a comparison, whatever is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certain {
    /// It holds wherever the figure is known.
    Always,
    /// It never holds.
    Never,
}

/// The values that a figure can have, in the unit of its gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// No value is smaller.
    pub low: f64,
    /// Whether every value is larger than `low`.
    pub above: bool,
    /// No value is larger.
    pub high: f64,
}

impl Bounds {
    /// What is certain of a value within these bounds that is compared with `limit`.
    #[must_use]
    pub(crate) fn compared(&self, op: Op, limit: f64) -> Option<Certain> {
        let under = limit < self.low || (self.above && limit <= self.low);
        let (always, never) = match op {
            Op::Lt => (self.high < limit, limit <= self.low),
            Op::Le => (self.high <= limit, under),
            Op::Eq => (false, under || limit > self.high),
            Op::Ge => (limit <= self.low, limit > self.high),
            Op::Gt => (under, limit >= self.high),
        };
        match (always, never) {
            (true, _) => Some(Certain::Always),
            (_, true) => Some(Certain::Never),
            (false, false) => None,
        }
    }
}

/// The values that a figure can have.
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

/// What is certain of `figure` compared with `factor` times `other`, both of the same variant.
#[must_use]
pub(crate) fn beside(figure: Figure, op: Op, factor: f64, other: Figure) -> Option<Certain> {
    let above = bounds(figure).above;
    // Of `low <= high`: what is certain of `low op (factor * high)`, and the other way round.
    let least = |op: Op, factor: f64| match op {
        Op::Le if factor >= 1.0 => Some(Certain::Always),
        Op::Lt if factor > 1.0 && above => Some(Certain::Always),
        Op::Gt if factor >= 1.0 => Some(Certain::Never),
        Op::Ge | Op::Eq if factor > 1.0 && above => Some(Certain::Never),
        _ => None,
    };
    let most = |op: Op, factor: f64| match op {
        Op::Ge if factor <= 1.0 => Some(Certain::Always),
        Op::Gt if factor < 1.0 && above => Some(Certain::Always),
        Op::Lt if factor <= 1.0 => Some(Certain::Never),
        Op::Le | Op::Eq if factor < 1.0 && above => Some(Certain::Never),
        _ => None,
    };
    match (figure, other) {
        _ if figure == other && op == Op::Eq && (factor - 1.0).abs() < f64::EPSILON => {
            Some(Certain::Always)
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
    /// What is certain of it, where its limit is a number.
    #[must_use]
    pub fn certain(&self) -> Option<Certain> {
        match self.limit {
            Limit::Number(limit) => bounds(self.figure).compared(self.op, limit),
            Limit::Times(..) => None,
        }
    }
}

#[cfg(test)]
#[path = "tests/certain.rs"]
mod tests;
