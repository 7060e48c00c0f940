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
mod tests {
    use super::super::Gate;
    use super::*;

    #[test]
    fn gates_that_always_or_never_hold() {
        let (always, never) = (Some(Certain::Always), Some(Certain::Never));
        for (text, certain) in [
            ("p99 ttft >= 0ms", always),
            ("p99 ttft > 0ms", always),
            ("p99 ttft < 0ms", never),
            ("min e2e <= 0s", never),
            ("p50 tpot >= 0ms", always),
            ("p50 tpot > 0ms", None),
            ("p99 schedule_lag == 0ms", None),
            ("error_rate <= 100%", always),
            ("error_rate <= 1", always),
            ("error_rate >= 0", always),
            ("error_rate < 0", never),
            ("error_rate > 100%", never),
            ("error_rate < 100%", None),
            ("error_rate == 100%", None),
            ("goodput >= 0%", always),
            ("goodput <= 100%", always),
            ("goodput > 0%", None),
            ("output_throughput >= 0/s", always),
            ("request_throughput < 0/s", never),
            ("startup >= 0s", always),
            ("startup < 2m", None),
            ("server.preemptions >= 0", always),
            ("server.preemptions == 0", None),
            ("server.queue >= 0ms", always),
            ("server.kv_cache_usage <= 100%", always),
            ("server.kv_cache_usage < 100%", None),
            ("server.prefix_hit_rate >= 0", always),
            ("p99 ttft < 800ms", None),
        ] {
            assert_eq!(text.parse::<Gate>().unwrap().certain(), certain, "{text}");
        }
    }

    #[test]
    fn a_variant_beside_itself() {
        let (always, never) = (Some(Certain::Always), Some(Certain::Never));
        for (text, certain) in [
            ("a.p50 ttft <= 1.1 * a.p50 ttft", always),
            ("a.p50 ttft < 1.1 * a.p50 ttft", always),
            ("a.p50 ttft <= a.p50 ttft", always),
            ("a.p50 ttft >= a.p50 ttft", always),
            ("a.p50 ttft == a.p50 ttft", always),
            ("a.p50 ttft < a.p50 ttft", never),
            ("a.p50 ttft <= 0.9 * a.p50 ttft", never),
            ("a.p50 ttft > 1.5 * a.p50 ttft", never),
            ("a.p50 ttft <= a.p99 ttft", always),
            ("a.mean ttft <= 2 * a.max ttft", always),
            ("a.p99 ttft >= 0.5 * a.p50 ttft", always),
            ("a.p99 ttft < a.p50 ttft", never),
            ("a.p99 ttft <= 3 * a.p50 ttft", None),
            ("a.mean ttft <= 2 * a.p99 ttft", None),
            ("a.error_rate <= 0.5 * a.error_rate", None),
            ("a.startup <= 2 * a.teardown", None),
        ] {
            let gate: Gate = text.parse().unwrap();
            let Limit::Times(factor, _, other) = &gate.limit else {
                panic!("{text}")
            };
            assert_eq!(
                gate.quantity.beside(gate.op, *factor, *other),
                certain,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_certain_agrees_with_the_comparison() {
        let values = [0.0, 0.25, 0.5, 1.0];
        for op in [Op::Lt, Op::Le, Op::Eq, Op::Ge, Op::Gt] {
            for limit in [-0.5, 0.0, 0.25, 0.7, 1.0, 1.5] {
                let bounds = Bounds {
                    low: 0.0,
                    above: false,
                    high: 1.0,
                };
                let holds: Vec<bool> = values.iter().map(|value| op.holds(*value, limit)).collect();
                match bounds.compared(op, limit) {
                    Some(Certain::Always) => {
                        assert!(holds.iter().all(|held| *held), "{op:?} {limit}")
                    }
                    Some(Certain::Never) => assert!(!holds.contains(&true), "{op:?} {limit}"),
                    None => {}
                }
            }
        }
    }
}
