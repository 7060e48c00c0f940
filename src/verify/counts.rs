//! Whether the tokens that a server counted agree with what came. Pure.

use super::complete::{Asked, stop_alone};
use crate::measure::answer::Answer;
use crate::measure::message::{generated, item_generated};
use crate::measure::usage::{self, Count, Miscount};
use serde_json::Value;

/// More tokens than any context holds.
const ABSURD: u64 = 100_000_000;

/// How the counts of an answer contradict what came, and the contradiction in words.
#[must_use]
pub(crate) fn miscounted(asked: &Asked<'_>, answer: &Answer) -> Option<(Miscount, String)> {
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
pub(crate) fn came(body: &Value) -> bool {
    parts(body, "choices").any(generated) || parts(body, "output").any(item_generated)
}

/// Whether an answer without text has a choice or item in which `tokens` should have been seen.
fn unexplained(body: &Value, tokens: u64) -> bool {
    let mut parts = parts(body, "choices").chain(parts(body, "output"));
    parts.next().is_some() && !stop_alone(body, tokens)
}

fn parts<'b>(body: &'b Value, key: &str) -> impl Iterator<Item = &'b Value> + use<'b> {
    let parts = body.get(key).and_then(Value::as_array);
    parts.into_iter().flatten()
}
