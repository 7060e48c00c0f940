//! The JSON values of a file: one, or several one after the other, as tools write that append their results. Python writes
//! numbers that JSON does not know.

use serde_json::{Deserializer, Value};
use std::borrow::Cow;

/// All values of a text, in order.
///
/// # Errors
/// Which of them is not JSON, and why.
pub(super) fn values(text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let strict = read(text);
    match without_python(text) {
        Cow::Owned(plain) if strict.is_err() => read(&plain),
        _ => strict,
    }
}

fn read(text: &str) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for value in Deserializer::from_str(text).into_iter() {
        match value {
            Ok(value) => values.push(value),
            Err(error) if values.is_empty() => return Err(format!("is not JSON: {error}")),
            Err(error) => {
                let number = values.len() + 1;
                return Err(format!(
                    "has {} results, and what follows is not JSON: result {number}: {error}",
                    values.len()
                ));
            }
        }
    }
    if values.is_empty() {
        return Err("is not JSON: there is nothing in it".to_owned());
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
