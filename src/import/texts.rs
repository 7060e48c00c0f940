//! The JSON values of a file: one, or several one after the other, as tools write that append their results. Python writes
//! numbers that JSON does not know.

use serde_json::{Deserializer, Value};
use std::borrow::Cow;

/// Why a text is not a list of JSON values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotJson {
    /// There is none.
    #[error("is not JSON: there is nothing in it")]
    Empty,
    /// The first is not JSON.
    #[error("is not JSON: {0}")]
    First(serde_json::Error),
    /// One after so many others is not JSON.
    #[error("has {before} results, and what follows is not JSON: result {}: {error}", .before + 1)]
    Later {
        /// How many values come before it.
        before: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// All values of a text, in order.
///
/// # Errors
/// Which of them is not JSON, and why.
pub(super) fn values(text: &str) -> Result<Vec<Value>, NotJson> {
    let text = text.trim_start_matches('\u{feff}');
    let strict = read(text);
    match without_python(text) {
        Cow::Owned(plain) if strict.is_err() => read(&plain),
        _ => strict,
    }
}

fn read(text: &str) -> Result<Vec<Value>, NotJson> {
    let mut values = Vec::new();
    for value in Deserializer::from_str(text).into_iter() {
        match value {
            Ok(value) => values.push(value),
            Err(error) if values.is_empty() => return Err(NotJson::First(error)),
            Err(error) => {
                let before = values.len();
                return Err(NotJson::Later { before, error });
            }
        }
    }
    if values.is_empty() {
        return Err(NotJson::Empty);
    }
    Ok(values)
}

/// Python's `NaN` as null and its `Infinity` as text, wherever they stand outside of strings.
fn without_python(text: &str) -> Cow<'_, str> {
    const WORDS: [(&str, &str); 3] = [
        ("-Infinity", "null"),
        ("Infinity", "\"inf\""),
        ("NaN", "null"),
    ];
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    let (mut quoted, mut escaped) = (false, false);
    while let Some(byte) = text.as_bytes().get(at) {
        let word = WORDS
            .iter()
            .find(|(word, _)| !quoted && text.as_bytes()[at..].starts_with(word.as_bytes()));
        if let Some((word, plain)) = word {
            out.push_str(&text[copied..at]);
            out.push_str(plain);
            at += word.len();
            copied = at;
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
#[path = "tests/texts.rs"]
mod tests;
