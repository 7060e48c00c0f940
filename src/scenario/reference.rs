//! The reference of scenario files as Markdown. It is generated from the same types as the schema, so it is always
//! current.

use super::schema;
use serde_json::{Map, Value};
use std::fmt::Write as _;

const HEAD: &str = "# Scenario reference

Every key of a scenario file. `bench schema --format markdown` generates this page from the types
that read the file. [Scenario files](scenario.md) explains the keys with examples.

Keys in bold are required. `{env: NAME}` may replace any single value. The value is then read from
the environment. It is never shown or recorded.
";
/// Longest line of a paragraph, in characters.
const WIDTH: usize = 100;
const ENVIRONMENT: &str = "FromEnvironment";

/// The text of `docs/reference.md`.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let none = Map::new();
    let types = schema["$defs"].as_object().unwrap_or(&none);
    let mut out = HEAD.to_owned();
    section(&mut out, "Scenario", &schema);
    let mut named = Vec::new();
    names(&schema["properties"], &mut named);
    let mut next = 0;
    while let Some(name) = named.get(next).cloned() {
        next += 1;
        if let Some(found) = types.get(&name) {
            section(&mut out, &name, found);
            names(found, &mut named);
        }
    }
    out
}

/// Names of the types that a schema refers to, in the order of their first mention.
fn names(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = reference_of(schema)
                && name != ENVIRONMENT
                && !found.iter().any(|known| known == name)
            {
                found.push(name.to_owned());
            }
            map.values().for_each(|value| names(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

fn reference_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn section(out: &mut String, name: &str, schema: &Value) {
    let _ = write!(
        out,
        "\n## {name}\n\n{}\n",
        paragraph(&cell(description(schema)))
    );
    if let Some(keys) = schema["properties"].as_object() {
        out.push_str("\n| key | value | default | |\n| --- | --- | --- | --- |\n");
        for (key, value) in keys {
            row(out, key, value, required(schema, key));
        }
    } else if let Some(choices) = schema["oneOf"].as_array() {
        out.push_str("\n| | value | |\n| --- | --- | --- |\n");
        choices.iter().for_each(|choice| alternative(out, choice));
    } else if let Some(examples) = schema["examples"].as_array() {
        let examples: Vec<String> = examples.iter().map(code).collect();
        let text = format!("Examples: {}.", examples.join(", "));
        let _ = write!(out, "\n{}\n", paragraph(&text));
    }
}

/// Wraps a text into lines of at most `WIDTH` characters. A longer word gets its own line.
fn paragraph(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

fn required(schema: &Value, key: &str) -> bool {
    let list = schema["required"].as_array();
    list.is_some_and(|list| list.iter().any(|name| name == key))
}

fn row(out: &mut String, key: &str, value: &Value, required: bool) {
    let name = if required {
        format!("**`{key}`**")
    } else {
        format!("`{key}`")
    };
    let default = match &value["default"] {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        Value::Object(_) => "its own".to_owned(),
        default => code(default),
    };
    let _ = writeln!(
        out,
        "| {name} | {} | {default} | {} |",
        kind(value),
        cell(description(value))
    );
}

/// Writes the row of an alternative: a name, or a map with one key.
fn alternative(out: &mut String, choice: &Value) {
    if choice.get("const").is_some() {
        let _ = writeln!(
            out,
            "| {} | | {} |",
            code(&choice["const"]),
            cell(description(choice))
        );
    }
    for (key, value) in choice["properties"].as_object().into_iter().flatten() {
        let _ = writeln!(
            out,
            "| `{key}:` | {} | {} |",
            kind(value),
            cell(description(choice))
        );
    }
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// A short description of a value's type.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference_of(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let single = |s: &&Value| reference_of(s) != Some(ENVIRONMENT) && s["type"] != "null";
        let all: Vec<String> = choices.iter().filter(single).map(kind).collect();
        return all.join(" or ");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return "any value".to_owned(),
    };
    let words = kinds
        .into_iter()
        .filter(|kind| *kind != "null")
        .map(|kind| match kind {
            "array" => format!("list of {}", kind_of(&schema["items"])),
            "object" => format!("map of {}", kind_of(&schema["additionalProperties"])),
            "integer" | "number" => format!("{kind}{}", limits(schema)),
            "string" => "text".to_owned(),
            other => other.to_owned(),
        });
    words.collect::<Vec<_>>().join(" or ")
}

fn kind_of(schema: &Value) -> String {
    if schema.is_object() {
        kind(schema)
    } else {
        "any values".to_owned()
    }
}

fn limits(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => String::new(),
        (min, Value::Null) => format!(", at least {min}"),
        (Value::Null, max) => format!(", at most {max}"),
        (min, max) if min == max => format!(", {min}"),
        (min, max) => format!(", {min} to {max}"),
    }
}

fn code(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    format!("`{}`", cell(&text))
}

/// The text on one line, with `|` escaped so that it does not end the cell.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
