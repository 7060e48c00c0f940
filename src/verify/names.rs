//! How a condition is said: as the end of a rule's name, and as what was expected.

use super::rule::Condition;
use super::shown::shorten;
use crate::scenario::model::JsonType;
use serde_json::Value;

/// The condition as the end of a sentence that begins with the path: `is a number`, `in 1..64`.
pub(super) fn says(is: &Condition) -> String {
    match is {
        Condition::Between(_) => format!("in {}", expected(is)),
        Condition::Matches(_) => format!("matches {}", expected(is)),
        Condition::Contains(text) => format!("contains {}", shorten(&format!("{text:?}"))),
        _ => format!("is {}", expected(is)),
    }
}

/// The condition as a thing: `a number`, `1..64`, `one of "stop", "length"`.
pub(super) fn expected(is: &Condition) -> String {
    match is {
        Condition::Present => "present".to_owned(),
        Condition::Absent => "absent".to_owned(),
        Condition::Equals(value) => shorten(&value.to_string()),
        Condition::OneOf(values) => {
            let values: Vec<_> = values.iter().map(Value::to_string).collect();
            shorten(&format!("one of {}", values.join(", ")))
        }
        Condition::Between(range) => format!("{}..{}", range.low, range.high),
        Condition::Type(kind) => kind_name(*kind).to_owned(),
        Condition::Matches(regex) => shorten(&format!("/{}/", regex.as_str())),
        Condition::Contains(text) => shorten(&format!("text with {text:?}")),
    }
}

fn kind_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Number => "a number",
        JsonType::Integer => "an integer",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}
