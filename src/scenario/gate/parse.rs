//! Reading a gate from its text, with mistakes that point at the word.

use super::{Gate, Op, Quantity, Stat, Timing};
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::units::Time;
use std::ops::Range;
use std::str::FromStr;

/// Statistics by name.
pub const STATS: [(&str, Stat); 7] = [
    ("mean", Stat::Mean),
    ("min", Stat::Min),
    ("p50", Stat::P50),
    ("p90", Stat::P90),
    ("p95", Stat::P95),
    ("p99", Stat::P99),
    ("max", Stat::Max),
];

/// Distributions by name; a gate names a statistic of one of them.
pub const TIMINGS: [(&str, Timing); 11] = [
    ("ttft", Timing::Ttft),
    ("ttft_from_due", Timing::TtftFromDue),
    ("first_chunk", Timing::FirstChunk),
    ("tpot", Timing::Tpot),
    ("chunk_gap", Timing::ChunkGap),
    ("e2e", Timing::E2e),
    ("e2e_from_due", Timing::E2eFromDue),
    ("batch", Timing::Batch),
    ("client_delay", Timing::ClientDelay),
    ("schedule_lag", Timing::ScheduleLag),
    ("connect", Timing::Connect),
];

/// Quantities by name that stand alone.
pub const SINGLES: [(&str, Quantity); 6] = [
    ("error_rate", Quantity::ErrorRate),
    ("goodput", Quantity::Goodput),
    ("output_throughput", Quantity::OutputThroughput),
    ("request_throughput", Quantity::RequestThroughput),
    ("startup", Quantity::Startup),
    ("teardown", Quantity::Teardown),
];

const OPS: [(&str, Op); 5] = [
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("==", Op::Eq),
    ("<", Op::Lt),
    (">", Op::Gt),
];

pub(super) const EXAMPLE: &str =
    "write a metric, a comparison and a limit, such as `p99 ttft < 800ms` or `error_rate == 0`";

impl FromStr for Gate {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let is_op = |c: char| matches!(c, '<' | '>' | '=' | '!' | '≤' | '≥' | '≠');
        let Some(start) = text.find(is_op) else {
            return Err(Mistake::new(format!("{} compares nothing", quote(text))).help(EXAMPLE));
        };
        let end = start
            + text[start..]
                .find(|c| !is_op(c))
                .unwrap_or(text.len() - start);
        let quantity = quantity(text, start)?;
        let op = find(&OPS, &text[start..end])
            .ok_or_else(|| wrong_op(&text[start..end]).at(start..end))?;
        let limit = limit(quantity, text[end..].trim()).map_err(|mistake| {
            let part = trimmed(text, end..text.len());
            mistake.at(if part.is_empty() { start..end } else { part })
        })?;
        Ok(Self {
            text: text.to_owned(),
            quantity,
            op,
            limit,
        })
    }
}

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| *value)
}

fn names<T>(table: &[(&'static str, T)]) -> impl Iterator<Item = &'static str> {
    table
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .into_iter()
}

/// `part` of `text` without the white space around it.
fn trimmed(text: &str, part: Range<usize>) -> Range<usize> {
    let slice = &text[part.clone()];
    let start = part.start + (slice.len() - slice.trim_start().len());
    start..(start + slice.trim().len())
}

fn wrong_op(op: &str) -> Mistake {
    let meant = match op {
        "=" | "===" => Some("=="),
        "=<" | "≤" => Some("<="),
        "=>" | "≥" => Some(">="),
        _ => None,
    };
    let mistake = Mistake::new(format!("{} is not a comparison", quote(op)));
    match meant {
        Some(op) => mistake.help(format!("write `{op}`")),
        None => mistake.help(format!("comparisons are {}", list(names(&OPS)))),
    }
}

/// Reads what stands before the comparison, which starts at byte `end`.
fn quantity(text: &str, end: usize) -> Result<Quantity, Mistake> {
    let whole = trimmed(text, 0..end);
    let words: Vec<Range<usize>> = text[whole.clone()]
        .split_whitespace()
        .map(|word| {
            let start = word.as_ptr().addr() - text.as_ptr().addr();
            start..start + word.len()
        })
        .collect();
    let word = |i: usize| &text[words[i].clone()];
    match words.len() {
        0 => Err(Mistake::new("no metric stands before the comparison").help(EXAMPLE)),
        1 => alone(word(0)).map_err(|mistake| mistake.at(whole)),
        2 => {
            let timing = find(&TIMINGS, word(1));
            let Some(stat) = find(&STATS, word(0)) else {
                return Err(unknown("a statistic", word(0), &STATS).at(words[0].clone()));
            };
            if let Some(timing) = timing {
                return Ok(Quantity::Timing(stat, timing));
            }
            Err(match find(&SINGLES, word(1)) {
                Some(_) => Mistake::new(format!(
                    "{} is one number and has no statistics",
                    quote(word(1))
                ))
                .help(format!("leave `{}` out", word(0)))
                .at(words[0].clone()),
                None => unknown("a metric with statistics", word(1), &TIMINGS).at(words[1].clone()),
            })
        }
        _ => Err(
            Mistake::new(format!("{} is not a metric", quote(&text[whole.clone()])))
                .help(EXAMPLE)
                .at(whole),
        ),
    }
}

fn alone(name: &str) -> Result<Quantity, Mistake> {
    if let Some(quantity) = find(&SINGLES, name) {
        return Ok(quantity);
    }
    if find(&TIMINGS, name).is_some() {
        return Err(
            Mistake::new(format!("{} needs a statistic", quote(name))).help(format!(
                "write `p99 {name}`, say (statistics: {})",
                list(names(&STATS))
            )),
        );
    }
    let known = names(&SINGLES).chain(names(&TIMINGS));
    let mistake = Mistake::new(format!("{} is not a metric", quote(name)));
    Err(match nearest(name, known) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!(
            "metrics are {}, and a statistic ({}) of {}",
            list(names(&SINGLES)),
            list(names(&STATS)),
            list(names(&TIMINGS))
        )),
    })
}

fn unknown<T>(what: &str, name: &str, table: &[(&'static str, T)]) -> Mistake {
    let mistake = Mistake::new(format!("{} is not {what}", quote(name)));
    match nearest(name, names(table)) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("known are {}", list(names(table)))),
    }
}

/// Reads the limit in the unit that `quantity` has.
fn limit(quantity: Quantity, text: &str) -> Result<f64, Mistake> {
    if text.is_empty() {
        return Err(Mistake::new("no limit stands after the comparison").help(EXAMPLE));
    }
    let number = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse().ok().filter(|n: &f64| plain && n.is_finite())
    };
    match quantity {
        Quantity::Timing(..) | Quantity::Startup | Quantity::Teardown => {
            if text.ends_with('%') || text.ends_with("/s") {
                return Err(Mistake::new(format!("{} is not a duration", quote(text)))
                    .help("this metric is a time: write a limit such as `800ms`"));
            }
            text.parse().map(Time::as_millis_f64)
        }
        Quantity::ErrorRate | Quantity::Goodput => {
            let share = match text.strip_suffix('%') {
                Some(percent) => number(percent.trim_end()).map(|n| n / 100.0),
                None => number(text),
            };
            match share {
                Some(share) if share <= 1.0 => Ok(share),
                Some(_) if !text.ends_with('%') => {
                    Err(Mistake::new(format!("{} is not a share", quote(text)))
                        .help(format!("write `{text}%`, or a number from 0 to 1")))
                }
                Some(_) => Err(
                    Mistake::new(format!("{} is more than everything", quote(text)))
                        .help("a share is at most `100%`"),
                ),
                None => Err(Mistake::new(format!("{} is not a share", quote(text)))
                    .help("write a share such as `95%` or `0.95`")),
            }
        }
        Quantity::OutputThroughput | Quantity::RequestThroughput => match text.strip_suffix("/s") {
            Some(rate) => number(rate.trim_end()).ok_or_else(|| {
                Mistake::new(format!("{} is not a rate", quote(text)))
                    .help("write a rate such as `400/s`")
            }),
            None => Err(
                Mistake::new(format!("{} is not a rate", quote(text))).help(match number(text) {
                    Some(_) => format!("write `{text}/s`"),
                    None => "write a rate such as `400/s`".to_owned(),
                }),
            ),
        },
    }
}
