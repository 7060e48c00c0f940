//! Most chunks of a stream differ from the one before in their text alone. Such a chunk is known without being parsed: it is
//! the bytes of the last parsed one with other text in between, and saying the rest again changes nothing. Pure.

use memchr::memmem;
use serde_json::{Map, Value};

/// Where the text of a choice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// `text`, of completions.
    Text,
    /// `delta.content`, of chat.
    Content,
}

/// A chunk of one choice, in two parts: what stands before its text and after.
#[derive(Debug)]
pub(super) struct Pattern {
    before: Vec<u8>,
    after: Vec<u8>,
    /// Where the text stands.
    pub(super) field: Field,
    /// Which choice it is of.
    pub(super) index: u64,
}

impl Pattern {
    /// The pattern of a chunk that was read as `chunk` from `data`, where all but its text can be said twice without a
    /// difference: nothing in it is a list that grows, ends a choice, or reports an error.
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
        // A quote inside of a string is escaped, so that this is found as a whole string only.
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

    /// The text of a chunk that is otherwise the same; `None` where it is not, or has to be unescaped.
    pub(super) fn text<'d>(&self, data: &'d [u8]) -> Option<&'d str> {
        let text = data
            .strip_prefix(self.before.as_slice())?
            .strip_suffix(self.after.as_slice())?;
        let plain = !text.iter().any(|b| matches!(b, b'"' | b'\\' | 0..0x20));
        std::str::from_utf8(text).ok().filter(|_| plain)
    }
}

/// Where the text of a choice stands that holds nothing else that adds up.
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

/// Length of the string whose text begins `bytes`, without its closing quote.
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
