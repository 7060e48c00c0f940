//! Checks that a scenario survives a round trip. A record stores it as JSON, which is later read as YAML. Every
//! accepted scenario must then be the same.

use super::tree::{Entry, Node, Value};
use super::yaml::{self, MAX_BYTES};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use std::sync::Arc;

/// Turns every map with the single key `env` into a reference to the environment. Overlays and `--set` can create such
/// maps.
pub(super) fn mark_env_references(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(mark_env_references),
        Value::Map(entries) => {
            entries
                .iter_mut()
                .for_each(|entry| mark_env_references(&mut entry.node));
            if let [_] = entries.as_slice()
                && let Some(only) = entries.pop()
            {
                node.value = Value::one(only);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Env(..)
        | Value::Hole(_)
        | Value::Gone => {}
    }
}

/// Checks that a scenario can be read back from its JSON.
///
/// # Errors
/// Returns diagnostics if the scenario differs, or exceeds a limit of the reader.
pub(super) fn check(tree: &Node, resolved: &serde_json::Value) -> Result<(), Diagnostics> {
    let text = resolved.to_string();
    if text.len() > MAX_BYTES {
        return Err(wrong(
            tree,
            "limit",
            "the scenario is larger than 1 MiB after aliases, overlays and `--set` are applied",
        ));
    }
    let why = match read(text) {
        Ok(Some(copy)) if same_values(tree, &copy) => return Ok(()),
        Ok(_) => "the result differs".to_owned(),
        Err(why) => why,
    };
    Err(first_unreadable(tree).unwrap_or_else(|| {
        let message = format!("the scenario cannot be read back from its record: {why}");
        wrong(tree, "limit", &message)
    }))
}

/// Parses a JSON text in the way in which scenarios are parsed.
fn read(text: String) -> Result<Option<Node>, String> {
    let (rank, length) = (0, text.len());
    let name = "record".to_owned();
    let source = Arc::new(Source { rank, name, text });
    // The user never wrote this text, so its locations mean nothing: only the message is kept.
    yaml::parse(&source, 0..length).map_err(|mistakes| {
        let sorted = mistakes.sorted();
        sorted
            .first()
            .map_or(String::new(), |mistake| mistake.message.clone())
    })
}

/// The first text or key that cannot be read back alone. YAML allows fewer characters and shorter keys than JSON.
fn first_unreadable(node: &Node) -> Option<Diagnostics> {
    match &node.value {
        Value::Seq(items) => items.iter().find_map(first_unreadable),
        Value::Map(entries) => entries.iter().find_map(|entry| {
            let key = serde_json::json!({ &entry.key: null }).to_string();
            match read(key) {
                Ok(Some(copy)) if copy.get(&entry.key).is_some() => first_unreadable(&entry.node),
                found => Some(unreadable("key", entry.key_span.clone(), found)),
            }
        }),
        Value::Str(text) => match read(serde_json::Value::from(text.as_str()).to_string()) {
            Ok(Some(copy)) if same_values(node, &copy) => None,
            found => Some(unreadable("text", node.place(), found)),
        },
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Env(..)
        | Value::Hole(_)
        | Value::Gone => None,
    }
}

fn unreadable(what: &str, place: Span, found: Result<Option<Node>, String>) -> Diagnostics {
    let why = found.err().unwrap_or("the result differs".to_owned());
    let message = format!("this {what} cannot be read back from the record: {why}");
    let diagnostic = Diagnostic::new("unreadable", message).label(place, "");
    diagnostic
        .help("keys have at most 1,000 characters, and the control character U+007F is not allowed")
        .into()
}

fn wrong(tree: &Node, code: &'static str, message: &str) -> Diagnostics {
    let diagnostic = Diagnostic::new(code, message).label(tree.place(), "");
    diagnostic
        .help("move long texts and lists to another file: `prompts: {file: ...}`")
        .into()
}

/// Whether two trees have the same values, regardless of their locations.
fn same_values(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Seq(a), Value::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_values(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let equal = |(a, b): (&Entry, &Entry)| a.key == b.key && same_values(&a.node, &b.node);
            a.len() == b.len() && a.iter().zip(b).all(equal)
        }
        (Value::Env(a, _), Value::Env(b, _)) => a == b,
        _ => false,
    }
}
