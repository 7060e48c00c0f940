//! The tokens that a server counted for an answer. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the token counts of an answer contradict the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miscount {
    /// Fewer output tokens than events with text, each of which contains at least one.
    FewerThanEvents,
    /// More output tokens than the request allowed.
    MoreThanAllowed,
    /// Output tokens but no text.
    TokensWithoutText,
    /// Text but no output tokens.
    TextWithoutTokens,
    /// Negative, fractional, not a number, or implausibly large.
    Absurd,
}

/// One count of an answer's `usage`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Count {
    /// Absent, or `null`.
    Absent,
    /// A non-negative integer.
    Tokens(u64),
    /// Not a count: negative, fractional, or not a number.
    Nonsense(Value),
}

impl Count {
    /// The count, if it is valid.
    #[must_use]
    pub(crate) fn tokens(&self) -> Option<u64> {
        match self {
            Self::Tokens(n) => Some(*n),
            Self::Absent | Self::Nonsense(_) => None,
        }
    }

    /// Some servers write 4 as `4.0`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not negative and below 2^53"
    )]
    fn of(value: Option<&Value>) -> Self {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Self::Absent;
        };
        let whole = |n: &f64| *n >= 0.0 && n.fract() == 0.0 && *n < 9e15;
        value
            .as_u64()
            .or_else(|| value.as_f64().filter(whole).map(|n| n as u64))
            .map_or_else(|| Self::Nonsense(value.clone()), Self::Tokens)
    }
}

/// The tokens of the prompt.
#[must_use]
pub(crate) fn prompt(body: &Value) -> Count {
    count(body, ["prompt_tokens", "input_tokens"])
}

/// The tokens of the output, of all choices together.
#[must_use]
pub(crate) fn output(body: &Value) -> Count {
    count(body, ["completion_tokens", "output_tokens"])
}

/// Of the output, the tokens of reasoning, which a server need not show.
#[must_use]
pub(crate) fn reasoning(body: &Value) -> u64 {
    let details = ["completion_tokens_details", "output_tokens_details"];
    let counts = details.into_iter().filter_map(|key| {
        let details = body.get("usage")?.get(key)?;
        Count::of(details.get("reasoning_tokens")).tokens()
    });
    counts.max().unwrap_or(0)
}

/// The first of two names that is present: the responses API uses other names.
fn count(body: &Value, names: [&str; 2]) -> Count {
    let of = |name| Count::of(body.get("usage").and_then(|usage| usage.get(name)));
    match of(names[0]) {
        Count::Absent => of(names[1]),
        count => count,
    }
}

#[cfg(test)]
#[path = "tests/usage.rs"]
mod tests;
