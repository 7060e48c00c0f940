//! Whether the tokens that a server counted agree with what came. Pure.

use super::complete::{Asked, stop_alone};
use crate::measure::answer::Answer;
use crate::measure::message::{generated, item_generated};
use crate::measure::usage::{self, Count, Miscount};
use serde_json::Value;
use std::collections::BTreeMap;

/// More tokens than any context holds.
const ABSURD: u64 = 100_000_000;

/// The contradictions of a phase: of each kind how many, and the first one in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Miscounts(BTreeMap<Miscount, (u64, String)>);

/// No contradiction.
#[cfg(test)]
pub(crate) static NONE: Miscounts = Miscounts(BTreeMap::new());

impl Miscounts {
    /// Adds the contradiction of request `index` of `phase`.
    pub fn add(&mut self, kind: Miscount, phase: &str, index: u64, what: &str) {
        let first = || (0, format!("{phase} request {index}: {what}"));
        self.0.entry(kind).or_insert_with(first).0 += 1;
    }

    /// Adds those of another round.
    pub fn join(&mut self, other: &Self) {
        for (kind, (count, first)) in &other.0 {
            let known = self.0.entry(*kind).or_insert_with(|| (0, first.clone()));
            known.0 += count;
        }
    }

    /// Each kind with its count and its first example.
    pub fn kinds(&self) -> impl Iterator<Item = (Miscount, u64, &str)> {
        let kinds = self.0.iter();
        kinds.map(|(kind, (count, first))| (*kind, *count, first.as_str()))
    }
}

/// How the counts of an answer contradict what came, and the contradiction in words.
#[must_use]
pub fn miscounted(asked: &Asked<'_>, answer: &Answer) -> Option<(Miscount, String)> {
    let (prompt, output) = (usage::prompt(&answer.body), usage::output(&answer.body));
    for (what, count) in [("prompt", &prompt), ("output", &output)] {
        let found = match count {
            Count::Nonsense(found) => found.to_string(),
            Count::Tokens(n) if *n > ABSURD => n.to_string(),
            Count::Tokens(_) | Count::Absent => continue,
        };
        return Some((Miscount::Absurd, format!("{found} {what} tokens counted")));
    }
    let counted = output.tokens()?;
    // An echoed prompt is text without output tokens.
    let echo = u64::from(asked.echoes);
    let events = u64::from(answer.timeline.spoken).saturating_sub(echo * asked.choices);
    let allowed = asked
        .max_tokens
        .map(|each| each.saturating_mul(asked.choices));
    let came = came(&answer.body);
    let (miscount, but) = match (counted, allowed) {
        (0, _) if came && !asked.echoes => (Miscount::TextWithoutTokens, "text came".to_owned()),
        (n, _) if n < events => {
            let but = format!("{events} events with text came");
            (Miscount::FewerThanEvents, but)
        }
        (n, Some(allowed)) if n > allowed => {
            let but = format!("{allowed} were allowed");
            (Miscount::MoreThanAllowed, but)
        }
        (n, _) if !came && n > usage::reasoning(&answer.body) && unexplained(&answer.body, n) => {
            (Miscount::TokensWithoutText, "no text came".to_owned())
        }
        _ => return None,
    };
    Some((
        miscount,
        format!("{counted} output tokens counted, but {but}"),
    ))
}

/// Whether anything that a model generated came.
#[must_use]
pub fn came(body: &Value) -> bool {
    parts(body, "choices").any(generated) || parts(body, "output").any(item_generated)
}

/// Whether an answer without text has a part that `tokens` should have been seen in.
fn unexplained(body: &Value, tokens: u64) -> bool {
    let mut parts = parts(body, "choices").chain(parts(body, "output"));
    parts.next().is_some() && !stop_alone(body, tokens)
}

fn parts<'b>(body: &'b Value, key: &str) -> impl Iterator<Item = &'b Value> + use<'b> {
    let parts = body.get(key).and_then(Value::as_array);
    parts.into_iter().flatten()
}
