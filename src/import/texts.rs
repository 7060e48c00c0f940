//! Reads the JSON values of a file. Tools that append their results write several. Python writes numbers that are not
//! valid JSON.

use serde_json::{Deserializer, Value};
use std::borrow::Cow;

/// The reason why a text is not a sequence of JSON values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotJson {
    /// The text is empty.
    #[error("is not JSON: it is empty")]
    Empty,
    /// The first value is not JSON.
    #[error("is not JSON: {0}")]
    First(serde_json::Error),
    /// A later value is not JSON.
    #[error("has {before} results, but the rest is not JSON: result {}: {error}", .before + 1)]
    Later {
        /// Number of values before it.
        before: usize,
        /// The cause.
        error: serde_json::Error,
    },
}

/// Reads all values of a text, in order.
///
/// # Errors
/// Returns the first value that is not JSON, with the reason.
pub(super) fn values(text: &str) -> Result<Vec<Value>, NotJson> {
    let text = text.trim_start_matches('\u{feff}');
    let strict = read(text);
    match without_python_numbers(text) {
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

/// Replaces Python's `NaN` by null and `Infinity` by text, outside of strings.
fn without_python_numbers(text: &str) -> Cow<'_, str> {
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
