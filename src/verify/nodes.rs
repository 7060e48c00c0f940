//! Whether the nodes that a path finds satisfy a condition. Every node must; no node satisfies nothing but `absent`.

use super::rule::Condition;
use super::shown::shorten;
use crate::scenario::model::JsonType;
use serde_json::{Number, Value};
use serde_json_path::{JsonPath, NormalizedPath, PathElement};
use std::fmt::Write as _;

/// The first node that breaks the condition, with its place; `None` for its place when the path finds nothing.
pub(super) fn offender(
    path: &JsonPath,
    body: &Value,
    is: &Condition,
) -> Option<(Option<String>, String)> {
    let found = path.query_located(body);
    if found.is_empty() {
        return (!matches!(is, Condition::Absent)).then(|| (None, "nothing".to_owned()));
    }
    let bad = found.iter().find(|node| !satisfies(node.node(), is))?;
    Some((
        Some(dotted(bad.location())),
        shorten(&bad.node().to_string()),
    ))
}

/// What a header was, when it breaks the condition. Its value is text, or a number where it reads as one.
pub(super) fn header(value: Option<&str>, is: &Condition) -> Option<String> {
    let Some(value) = value else {
        return (!matches!(is, Condition::Absent)).then(|| "nothing".to_owned());
    };
    let text = Value::from(value);
    let number = value.parse::<f64>().ok().map(Value::from);
    let fits = satisfies(&text, is) || number.is_some_and(|number| satisfies(&number, is));
    (!fits).then(|| shorten(&text.to_string()))
}

fn satisfies(node: &Value, is: &Condition) -> bool {
    match is {
        Condition::Present => !node.is_null(),
        Condition::Absent => node.is_null(),
        Condition::Equals(want) => same(node, want),
        Condition::OneOf(wanted) => wanted.iter().any(|want| same(node, want)),
        Condition::Between(range) => node
            .as_f64()
            .is_some_and(|n| range.low <= n && n <= range.high),
        Condition::Type(kind) => has_type(node, *kind),
        Condition::Matches(regex) => node.as_str().is_some_and(|text| regex.is_match(text)),
        Condition::Contains(part) => node.as_str().is_some_and(|text| text.contains(part)),
    }
}

fn has_type(node: &Value, kind: JsonType) -> bool {
    match kind {
        JsonType::Null => node.is_null(),
        JsonType::Boolean => node.is_boolean(),
        JsonType::Number => node.is_number(),
        JsonType::Integer => node.as_number().is_some_and(whole),
        JsonType::String => node.is_string(),
        JsonType::Array => node.is_array(),
        JsonType::Object => node.is_object(),
    }
}

/// As in JSON Schema, `2.0` is whole.
fn whole(n: &Number) -> bool {
    n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// Equality in which `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y || (x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64()
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, a)| y.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A place as a user would write it: `choices[0].text`. Names come from a server, so they are made harmless.
fn dotted(path: &NormalizedPath<'_>) -> String {
    let mut out = String::new();
    for step in path.iter() {
        let _ = match step {
            PathElement::Index(i) => write!(out, "[{i}]"),
            PathElement::Name(name) if plain(name) && out.is_empty() => write!(out, "{name}"),
            PathElement::Name(name) if plain(name) => write!(out, ".{name}"),
            PathElement::Name(name) => write!(out, "[{name:?}]"),
        };
    }
    shorten(&out)
}

fn plain(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(letters) && name.starts_with(|c: char| !c.is_ascii_digit())
}
