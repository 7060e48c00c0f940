//! Parses a gate from its text. Mistakes point at the wrong word.

use super::{Gate, Limit, Op};
use crate::metric::{Figure, Number, Scope, Statistic, Timing, Unit};
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::units::Time;
use std::mem::discriminant;
use std::ops::Range;
use std::str::FromStr;

const OPS: [(&str, Op); 5] = [
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("==", Op::Eq),
    ("<", Op::Lt),
    (">", Op::Gt),
];

pub(super) const EXAMPLE: &str =
    "write a metric, a comparison and a limit, such as `p99 ttft < 800ms` or `error_rate == 0`";

const ACROSS: &str = "compare a metric with the same metric of a variant, such as `dynamo.p50 ttft <= 1.1 * native.p50 ttft`";

impl FromStr for Gate {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let is_op = |c: char| matches!(c, '<' | '>' | '=' | '!' | '≤' | '≥' | '≠');
        let Some(start) = text.find(is_op) else {
            return Err(Mistake::new(format!("{} has no comparison", quote(text))).help(EXAMPLE));
        };
        let end = start
            + text[start..]
                .find(|c| !is_op(c))
                .unwrap_or(text.len() - start);
        let (variant, figure) = figure(text, 0..start)?;
        let op = OPS.into_iter().find(|(name, _)| *name == &text[start..end]);
        let (_, op) = op.ok_or_else(|| wrong_op(&text[start..end]).at(start..end))?;
        let part = trimmed(text, end..text.len());
        let limit = if across(&text[part.clone()]) {
            times(text, part, figure)?
        } else {
            let number = limit(figure.row().unit, &text[part.clone()]);
            let place = if part.is_empty() { start..end } else { part };
            Limit::Number(number.map_err(|mistake| mistake.at(place))?)
        };
        Ok(Self {
            text: text.to_owned(),
            variant,
            figure,
            op,
            limit,
        })
    }
}

/// Whether a limit is another metric, not a value. A value starts with a digit and has no `*`.
fn across(limit: &str) -> bool {
    let starts_as_value = limit.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c));
    limit.contains('*') || (!starts_as_value && limit.contains('.'))
}

/// Parses `1.1 * native.p50 ttft`, or the metric alone.
fn times(text: &str, part: Range<usize>, left: Figure) -> Result<Limit, Mistake> {
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
        return Err(Mistake::new("the metric after the `*` is missing")
            .help(ACROSS)
            .at(part));
    }
    let (variant, right) = figure(text, metric.clone())?;
    let Some(variant) = variant else {
        let metric_text = quote(&text[metric.clone()]);
        return Err(Mistake::new(format!("{metric_text} names no variant"))
            .help(ACROSS)
            .at(metric));
    };
    if discriminant(&left.row().unit) != discriminant(&right.row().unit) {
        let mistake = Mistake::new("the two sides are not in the same unit").help(ACROSS);
        return Err(mistake.at(metric));
    }
    if left != right
        && matches!((left, right), (Figure::Timing(_, a), Figure::Timing(_, b)) if a != b)
    {
        let mistake = Mistake::new("the two sides are different metrics").help(ACROSS);
        return Err(mistake.at(metric));
    }
    Ok(Limit::Times(factor, variant, right))
}

/// The record key of a metric that a comparison judges: `ttft_ms.p50` for `ttft` or `p50 ttft`.
///
/// # Errors
/// Returns the mistake if the metric is unknown, or if rounds cannot judge it.
pub(crate) fn judged_metric(text: &str) -> Result<String, Mistake> {
    let found = match Timing::named(text.trim()) {
        Some(timing) => Figure::Timing(Statistic::P50, timing),
        None => match figure(text, 0..text.len())? {
            (None, figure) => figure,
            (Some(_), _) => {
                return Err(Mistake::new("every variant is judged").help("leave the variant out"));
            }
        },
    };
    if found.is_judged() {
        Ok(found.key())
    } else {
        let message = format!("rounds cannot judge {}", quote(text));
        Err(Mistake::new(message).help(judged_metrics_help()))
    }
}

/// Help text that lists the metrics that rounds can judge.
fn judged_metrics_help() -> String {
    let mut all: Vec<String> = Vec::new();
    for row in Timing::ALL.map(Timing::row) {
        let shown: Vec<&str> = row.shown.iter().map(|one| one.name()).collect();
        if !shown.is_empty() {
            all.push(format!("{} of {}", shown.join(", "), row.name));
        }
    }
    let numbers = Number::ALL.into_iter().map(Figure::Number);
    let numbers = numbers.filter(|number| number.is_judged());
    all.extend(numbers.map(|number| number.row().name.to_owned()));
    format!("rounds judge {}", all.join("; "))
}

/// Names of the metrics that have statistics.
fn timings() -> impl Iterator<Item = &'static str> + Clone {
    Timing::ALL.into_iter().map(|timing| timing.row().name)
}

/// Names of the metrics without statistics: those of the server, or all others.
fn numbers(of_server: bool) -> impl Iterator<Item = &'static str> + Clone {
    let numbers = Number::ALL.into_iter().map(Number::row);
    let wanted = numbers.filter(move |row| (row.scope == Scope::Server) == of_server);
    wanted.map(|row| row.name)
}

/// `part` of `text` without surrounding white space.
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
        None => mistake.help(format!(
            "comparisons are {}",
            list(OPS.into_iter().map(|(name, _)| name))
        )),
    }
}

/// Parses one metric, `[VARIANT.][STATISTIC] METRIC`, from `part` of `text`.
fn figure(text: &str, part: Range<usize>) -> Result<(Option<String>, Figure), Mistake> {
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
    let figure = match words.len() {
        0 => Err(Mistake::new("the metric before the comparison is missing").help(EXAMPLE)),
        1 => alone(word(0)).map_err(|mistake| mistake.at(words[0].clone())),
        2 => {
            let Some(statistic) = Statistic::named(word(0)) else {
                let mistake = unknown("a statistic", word(0), Statistic::names());
                return Err(mistake.at(words[0].clone()));
            };
            if let Some(timing) = Timing::named(word(1)) {
                return Ok((variant, Figure::Timing(statistic, timing)));
            }
            Err(if numbers(false).any(|name| name == word(1)) {
                Mistake::new(format!(
                    "{} is a single number and has no statistics",
                    quote(word(1))
                ))
                .help(format!("leave `{}` out", word(0)))
                .at(words[0].clone())
            } else {
                unknown("a metric with statistics", word(1), timings()).at(words[1].clone())
            })
        }
        _ => Err(
            Mistake::new(format!("{} is not a metric", quote(&text[whole.clone()])))
                .help(EXAMPLE)
                .at(whole),
        ),
    };
    figure.map(|figure| (variant, figure))
}

/// The position of the dot after a variant's name. The name may contain dots: the first dot before a known word ends
/// it, otherwise the last dot. A metric of the server has no variant.
fn variant_end(word: &str) -> Option<usize> {
    let known = |name: &str| Statistic::named(name).is_some() || alone(name).is_ok();
    if known(word) {
        return None;
    }
    let mut dots = word.match_indices('.').map(|(at, _)| at);
    dots.find(|at| known(&word[at + 1..]))
        .or_else(|| word.rfind('.').filter(|_| !word.starts_with("server.")))
}

/// Parses a number without sign, exponent or unit.
fn plain(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|n: &f64| plain && n.is_finite())
}

fn alone(name: &str) -> Result<Figure, Mistake> {
    if let Some(number) = Number::named(name) {
        return Ok(Figure::Number(number));
    }
    let statistics = || list(Statistic::names());
    if Timing::named(name).is_some() {
        return Err(
            Mistake::new(format!("{} needs a statistic", quote(name))).help(format!(
                "write, for example, `p99 {name}` (statistics: {})",
                statistics()
            )),
        );
    }
    let known = numbers(false).chain(timings()).chain(numbers(true));
    let mistake = Mistake::new(format!("{} is not a metric", quote(name)));
    Err(match nearest(name, known) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!(
            "metrics are {}, and a statistic ({}) of {}",
            list(numbers(false)),
            statistics(),
            list(timings())
        )),
    })
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str> + Clone) -> Mistake {
    let mistake = Mistake::new(format!("{} is not {what}", quote(name)));
    match nearest(name, known.clone()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake.help(format!("known names are {}", list(known))),
    }
}

/// Parses a limit in the unit of its metric.
fn limit(unit: Unit, text: &str) -> Result<f64, Mistake> {
    if text.is_empty() {
        return Err(Mistake::new("the limit after the comparison is missing").help(EXAMPLE));
    }
    match unit {
        Unit::Ms => {
            if text.ends_with('%') || text.ends_with("/s") {
                return Err(Mistake::new(format!("{} is not a duration", quote(text)))
                    .help("this metric is a time: write a limit such as `800ms`"));
            }
            text.parse().map(Time::as_millis_f64)
        }
        Unit::Count => plain(text).ok_or_else(|| {
            Mistake::new(format!("{} is not a number", quote(text)))
                .help("write a number such as `0`")
        }),
        Unit::Share(_) => {
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
                Some(_) => Err(Mistake::new(format!("{} is more than 100%", quote(text)))
                    .help("a share is at most `100%`")),
                None => Err(Mistake::new(format!("{} is not a share", quote(text)))
                    .help("write a share such as `95%` or `0.95`")),
            }
        }
        Unit::TokensPerS | Unit::RequestsPerS => match text.strip_suffix("/s") {
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
