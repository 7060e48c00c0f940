//! Most chunks of a stream differ from the previous one only in their text. Such a chunk is
//! recognised without parsing it: its bytes are those of the last parsed chunk around another text,
//! and taking the rest again would change nothing. Pure.

use memchr::memmem;
use serde_json::{Map, Value};

/// Where a choice has its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// `text`, of completions.
    Text,
    /// `delta.content`, of chat.
    Content,
}

/// A chunk of one choice, split into the parts before and after its text.
#[derive(Debug)]
pub(super) struct Pattern {
    before: Vec<u8>,
    after: Vec<u8>,
    /// Where the text is.
    pub(super) field: Field,
    /// Index of the choice.
    pub(super) index: u64,
}

impl Pattern {
    /// The pattern of a chunk that was parsed as `chunk` from `data`, if everything but its text
    /// may be repeated without effect: it contains no list that grows, ends no choice and reports
    /// no error.
    pub(super) fn of(data: &[u8], chunk: &Value) -> Option<Self> {
        let Some([Value::Object(choice)]) = chunk.get("choices")?.as_array().map(Vec::as_slice)
        else {
            return None;
        };
        let index = choice.get("index")?.as_u64()?;
        let field = text_field(choice)?;
        let key: &[u8] = match field {
            Field::Text => b"\"text\"",
            Field::Content => b"\"content\"",
        };
        // A quote inside a string is escaped, so this matches only a complete string.
        let mut found = memmem::find_iter(data, key);
        let from = found.next().filter(|_| found.next().is_none())? + key.len();
        let value = data[from..].trim_ascii_start().strip_prefix(b":")?;
        let text = value.trim_ascii_start().strip_prefix(b"\"")?;
        let start = data.len() - text.len();
        let end = start + string_end(text)?;
        Some(Self {
            before: data[..start].to_vec(),
            after: data[end..].to_vec(),
            field,
            index,
        })
    }

    /// The text of a chunk that otherwise equals the pattern; `None` if it differs, or its text
    /// contains escapes.
    pub(super) fn text<'d>(&self, data: &'d [u8]) -> Option<&'d str> {
        let text = data
            .strip_prefix(self.before.as_slice())?
            .strip_suffix(self.after.as_slice())?;
        let plain = !text.iter().any(|b| matches!(b, b'"' | b'\\' | 0..0x20));
        std::str::from_utf8(text).ok().filter(|_| plain)
    }
}

/// Where the text of a choice is, if the choice contains nothing else that accumulates.
fn text_field(choice: &Map<String, Value>) -> Option<Field> {
    let mut field = None;
    for (key, value) in choice {
        match (key.as_str(), value) {
            ("text", Value::String(_)) if field.is_none() => field = Some(Field::Text),
            ("delta", Value::Object(delta)) if field.is_none() => {
                let mut parts = delta.iter();
                let single = |(key, value): (&String, &Value)| match key.as_str() {
                    "content" => value.is_string(),
                    "role" => value.is_string() || value.is_null(),
                    _ => value.is_null(),
                };
                if !delta.contains_key("content") || !parts.all(single) {
                    return None;
                }
                field = Some(Field::Content);
            }
            ("index", _) | (_, Value::Null) => {}
            _ => return None,
        }
    }
    field
}

/// Length of the string at the beginning of `bytes`, without its closing quote.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
#[path = "tests/repeat.rs"]
mod tests;
