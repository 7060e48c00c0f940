//! Reading a gate from its text, with mistakes that point at the word.

use super::{Gate, Limit, Op, Quantity, ServerFigure, Stat, Timing};
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

/// Figures of the server's own by name.
pub const SERVER: [(&str, ServerFigure); 11] = [
    ("server.prefix_hit_rate", ServerFigure::PrefixHitRate),
    (
        "server.kv_cache_usage",
        ServerFigure::Share("kv_cache_usage"),
    ),
    ("server.preemptions", ServerFigure::Counter("preemptions")),
    ("server.running", ServerFigure::Level("running")),
    ("server.waiting", ServerFigure::Level("waiting")),
    ("server.queue", ServerFigure::Time("queue")),
    ("server.prefill", ServerFigure::Time("prefill")),
    ("server.decode", ServerFigure::Time("decode")),
    ("server.engine_ttft", ServerFigure::Time("engine_ttft")),
    ("server.frontend_ttft", ServerFigure::Time("frontend_ttft")),
    ("server.nvext_ttft", ServerFigure::Time("nvext_ttft")),
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

const ACROSS: &str = "hold a metric against the same of a variant, such as `dynamo.p50 ttft <= 1.1 * native.p50 ttft`";

impl Quantity {
    /// What it is counted in.
    const fn unit(self) -> &'static str {
        match self {
            Self::Timing(..)
            | Self::Startup
            | Self::Teardown
            | Self::Server(ServerFigure::Time(_)) => "ms",
            Self::ErrorRate
            | Self::Goodput
            | Self::Server(ServerFigure::Share(_) | ServerFigure::PrefixHitRate) => "share",
            Self::Server(ServerFigure::Counter(_) | ServerFigure::Level(_)) => "number",
            Self::OutputThroughput => "tokens/s",
            Self::RequestThroughput => "requests/s",
        }
    }
}

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
        let (variant, quantity) = quantity(text, 0..start)?;
        let op = find(&OPS, &text[start..end])
            .ok_or_else(|| wrong_op(&text[start..end]).at(start..end))?;
        let part = trimmed(text, end..text.len());
        let limit = if across(&text[part.clone()]) {
            times(text, part, quantity)?
        } else {
            let number = limit(quantity, &text[part.clone()]);
            let place = if part.is_empty() { start..end } else { part };
            Limit::Number(number.map_err(|mistake| mistake.at(place))?)
        };
        Ok(Self {
            text: text.to_owned(),
            variant,
            quantity,
            op,
            limit,
        })
    }
}

/// Whether a limit is another metric rather than a value, which starts with a digit and multiplies nothing.
fn across(limit: &str) -> bool {
    let starts_as_value = limit.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c));
    limit.contains('*') || (!starts_as_value && limit.contains('.'))
}

/// Reads `1.1 * native.p50 ttft`, or the metric alone.
fn times(text: &str, part: Range<usize>, left: Quantity) -> Result<Limit, Mistake> {
    let (factor, metric) = match text[part.clone()].find('*') {
        None => (1.0, part.clone()),
        Some(star) => {
            let number = trimmed(text, part.start..part.start + star);
            let factor = plain(&text[number.clone()]).filter(|factor| *factor > 0.0);
            let factor = factor.ok_or_else(|| {
                Mistake::new(format!("{} is not a factor", quote(&text[number.clone()])))
                    .help("write a number, such as `1.1 * native.p50 ttft`")
                    .at(if number.is_empty() {
                        part.clone()
                    } else {
                        number.clone()
                    })
            })?;
            (factor, trimmed(text, part.start + star + 1..part.end))
        }
    };
    if metric.is_empty() {
        return Err(Mistake::new("no metric stands after the `*`")
            .help(ACROSS)
            .at(part));
    }
    let (variant, right) = quantity(text, metric.clone())?;
    let Some(variant) = variant else {
        let metric_text = quote(&text[metric.clone()]);
        return Err(Mistake::new(format!("{metric_text} names no variant"))
            .help(ACROSS)
            .at(metric));
    };
    if left.unit() != right.unit() {
        let mistake = Mistake::new("the two sides are not in the same unit").help(ACROSS);
        return Err(mistake.at(metric));
    }
    if left != right
        && matches!((left, right), (Quantity::Timing(_, a), Quantity::Timing(_, b)) if a != b)
    {
        let mistake = Mistake::new("the two sides are different metrics").help(ACROSS);
        return Err(mistake.at(metric));
    }
    Ok(Limit::Times(factor, variant, right))
}

/// The metric that a comparison judges, by its name in records: `ttft` or `p50 ttft` is `ttft_ms.p50`.
///
/// # Errors
/// Where it is none, or one that rounds can't judge.
pub fn compared(text: &str) -> Result<String, Mistake> {
    let help = "judged are p50, p95 or p99 of ttft, tpot, chunk_gap, e2e or batch, and output_throughput, request_throughput, startup, teardown";
    let found = match find(&TIMINGS, text.trim()) {
        Some(timing) => Quantity::Timing(Stat::P50, timing),
        None => match quantity(text, 0..text.len())? {
            (None, quantity) => quantity,
            (Some(_), _) => {
                return Err(Mistake::new("every variant is judged").help("leave the variant out"));
            }
        },
    };
    let key = match found {
        Quantity::Timing(stat @ (Stat::P50 | Stat::P95 | Stat::P99), timing) => {
            let distribution = match timing {
                Timing::Ttft => "ttft_ms",
                Timing::Tpot => "tpot_ms",
                Timing::ChunkGap => "chunk_gap_ms",
                Timing::E2e => "e2e_ms",
                Timing::Batch => "batch_ms",
                _ => "",
            };
            let stat = STATS
                .iter()
                .find(|(_, known)| *known == stat)
                .map_or("", |(name, _)| name);
            format!("{distribution}.{stat}")
        }
        Quantity::OutputThroughput => "output_tokens_per_s".to_owned(),
        Quantity::RequestThroughput => "requests_per_s".to_owned(),
        Quantity::Startup => "ready_ms".to_owned(),
        Quantity::Teardown => "teardown_ms".to_owned(),
        _ => String::new(),
    };
    if key.is_empty() || key.starts_with('.') {
        return Err(Mistake::new(format!("{} can't be judged by rounds", quote(text))).help(help));
    }
    Ok(key)
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

/// Reads one metric, `[VARIANT.][STATISTIC] METRIC`, which stands in `part`.
fn quantity(text: &str, part: Range<usize>) -> Result<(Option<String>, Quantity), Mistake> {
    let whole = trimmed(text, part);
    let mut words: Vec<Range<usize>> = text[whole.clone()]
        .split_whitespace()
        .map(|word| {
            let start = word.as_ptr().addr() - text.as_ptr().addr();
            start..start + word.len()
        })
        .collect();
    let mut variant = None;
    if let Some(first) = words.first_mut()
        && let Some(dot) = variant_end(&text[first.clone()])
    {
        variant = Some(text[first.start..first.start + dot].to_owned());
        first.start += dot + 1;
    }
    let word = |i: usize| &text[words[i].clone()];
    let quantity = match words.len() {
        0 => Err(Mistake::new("no metric stands before the comparison").help(EXAMPLE)),
        1 => alone(word(0)).map_err(|mistake| mistake.at(words[0].clone())),
        2 => {
            let timing = find(&TIMINGS, word(1));
            let Some(stat) = find(&STATS, word(0)) else {
                return Err(unknown("a statistic", word(0), &STATS).at(words[0].clone()));
            };
            if let Some(timing) = timing {
                return Ok((variant, Quantity::Timing(stat, timing)));
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
    };
    quantity.map(|quantity| (variant, quantity))
}

/// The dot behind a variant's name, which may have dots itself: the first behind which something known stands, else the
/// last; a server's own figure has none.
fn variant_end(word: &str) -> Option<usize> {
    let known = |name: &str| find(&STATS, name).is_some() || alone(name).is_ok();
    if known(word) {
        return None;
    }
    let mut dots = word.match_indices('.').map(|(at, _)| at);
    dots.find(|at| known(&word[at + 1..]))
        .or_else(|| word.rfind('.').filter(|_| !word.starts_with("server.")))
}

/// A number without sign, exponent or unit.
fn plain(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|n: &f64| plain && n.is_finite())
}

fn alone(name: &str) -> Result<Quantity, Mistake> {
    if let Some(quantity) = find(&SINGLES, name) {
        return Ok(quantity);
    }
    if let Some(figure) = find(&SERVER, name) {
        return Ok(Quantity::Server(figure));
    }
    if find(&TIMINGS, name).is_some() {
        return Err(
            Mistake::new(format!("{} needs a statistic", quote(name))).help(format!(
                "write `p99 {name}`, say (statistics: {})",
                list(names(&STATS))
            )),
        );
    }
    let known = names(&SINGLES).chain(names(&TIMINGS)).chain(names(&SERVER));
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
    match quantity {
        Quantity::Timing(..)
        | Quantity::Startup
        | Quantity::Teardown
        | Quantity::Server(ServerFigure::Time(_)) => {
            if text.ends_with('%') || text.ends_with("/s") {
                return Err(Mistake::new(format!("{} is not a duration", quote(text)))
                    .help("this metric is a time: write a limit such as `800ms`"));
            }
            text.parse().map(Time::as_millis_f64)
        }
        Quantity::Server(ServerFigure::Counter(_) | ServerFigure::Level(_)) => plain(text)
            .ok_or_else(|| {
                Mistake::new(format!("{} is not a number", quote(text)))
                    .help("write a number such as `0`")
            }),
        Quantity::ErrorRate
        | Quantity::Goodput
        | Quantity::Server(ServerFigure::Share(_) | ServerFigure::PrefixHitRate) => {
            let share = match text.strip_suffix('%') {
                Some(percent) => plain(percent.trim_end()).map(|n| n / 100.0),
                None => plain(text),
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
            Some(rate) => plain(rate.trim_end()).ok_or_else(|| {
                Mistake::new(format!("{} is not a rate", quote(text)))
                    .help("write a rate such as `400/s`")
            }),
            None => Err(Mistake::new(format!("{} is not a rate", quote(text))).help(
                match plain(text) {
                    Some(_) => format!("write `{text}/s`"),
                    None => "write a rate such as `400/s`".to_owned(),
                },
            )),
        },
    }
}
