//! What a gate says before anything was measured: that it always holds, or never can. A time is not negative, a share is at
//! most 100%, and a median is at most a maximum.

use super::{Limit, Op, Quantity, ServerFigure, Stat, Timing};

/// What is certain of a comparison, whatever is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certain {
    /// It holds wherever the quantity is known.
    Always,
    /// It never holds.
    Never,
}

/// The values that a quantity can have, in the unit of its gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// No value is smaller.
    pub low: f64,
    /// Whether every value is larger than `low`.
    pub above: bool,
    /// No value is larger.
    pub high: f64,
}

impl Bounds {
    /// Every value from 0.
    const POSITIVE: Self = Self {
        low: 0.0,
        above: false,
        high: f64::INFINITY,
    };

    /// What is certain of a value within these bounds that is compared with `limit`.
    #[must_use]
    pub fn compared(&self, op: Op, limit: f64) -> Option<Certain> {
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

impl Quantity {
    /// The values that it can have.
    #[must_use]
    pub fn bounds(self) -> Bounds {
        match self {
            // Something goes to the server and comes back: that takes time.
            Self::Timing(
                _,
                Timing::Ttft
                | Timing::TtftFromDue
                | Timing::FirstChunk
                | Timing::E2e
                | Timing::E2eFromDue
                | Timing::Batch,
            ) => Bounds {
                above: true,
                ..Bounds::POSITIVE
            },
            // All tokens may come at once, and a client may be on time.
            Self::Timing(
                _,
                Timing::Tpot
                | Timing::ChunkGap
                | Timing::ClientDelay
                | Timing::ScheduleLag
                | Timing::Connect,
            )
            | Self::OutputThroughput
            | Self::RequestThroughput
            | Self::Startup
            | Self::Teardown
            | Self::Server(
                ServerFigure::Time(_) | ServerFigure::Counter(_) | ServerFigure::Level(_),
            ) => Bounds::POSITIVE,
            Self::ErrorRate
            | Self::Goodput
            | Self::Server(ServerFigure::Share(_) | ServerFigure::PrefixHitRate) => Bounds {
                high: 1.0,
                ..Bounds::POSITIVE
            },
        }
    }

    /// What is certain of it compared with `factor` times `other`, both of the same variant.
    #[must_use]
    pub fn beside(self, op: Op, factor: f64, other: Self) -> Option<Certain> {
        let above = self.bounds().above;
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
        match (self, other) {
            _ if self == other && op == Op::Eq && (factor - 1.0).abs() < f64::EPSILON => {
                Some(Certain::Always)
            }
            _ if self == other => least(op, factor).or(most(op, factor)),
            (Self::Timing(a, one), Self::Timing(b, two)) if one == two && a.at_most(b) => {
                least(op, factor)
            }
            (Self::Timing(a, one), Self::Timing(b, two)) if one == two && b.at_most(a) => {
                most(op, factor)
            }
            _ => None,
        }
    }
}

impl Stat {
    /// Whether it is never larger than `other` of the same values.
    fn at_most(self, other: Self) -> bool {
        let rank = |stat| match stat {
            Self::Min => Some(0),
            Self::P50 => Some(1),
            Self::P90 => Some(2),
            Self::P95 => Some(3),
            Self::P99 => Some(4),
            Self::Max => Some(5),
            Self::Mean => None,
        };
        match (rank(self), rank(other)) {
            (Some(a), Some(b)) => a <= b,
            (None, _) => matches!(other, Self::Mean | Self::Max),
            (_, None) => self == Self::Min,
        }
    }
}

impl super::Gate {
    /// What is certain of it, where its limit is a number.
    #[must_use]
    pub fn certain(&self) -> Option<Certain> {
        match self.limit {
            Limit::Number(limit) => self.quantity.bounds().compared(self.op, limit),
            Limit::Times(..) => None,
        }
    }
}

#[cfg(test)]
#[path = "tests/certain.rs"]
mod tests;
