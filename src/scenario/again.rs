//! Whether a scenario reads back as what it is: a record keeps it as JSON, which is read again as YAML. Whatever is accepted must
//! be the same scenario then.

use super::tree::{Entry, Node, Value};
use super::yaml::{self, MAX_BYTES};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use std::sync::Arc;

/// Makes a map of one key `env` what it is where it is read: a reference to the environment. Overlays and `--set` may have put it
/// together.
pub(super) fn settle(node: &mut Node) {
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(settle),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|entry| settle(&mut entry.node));
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

/// Reads a scenario back from its JSON.
///
/// # Errors
/// When it is not the same, or beyond a limit of the reader.
pub(super) fn check(tree: &Node, resolved: &serde_json::Value) -> Result<(), Diagnostics> {
    let text = resolved.to_string();
    if text.len() > MAX_BYTES {
        return Err(wrong(
            tree,
            "limit",
            "the scenario is larger than 1 MiB once aliases, overlays and `--set` are in it",
        ));
    }
    let why = match read(text) {
        Ok(Some(again)) if same(tree, &again) => return Ok(()),
        Ok(_) => "it reads back as another one".to_owned(),
        Err(why) => why,
    };
    Err(culprit(tree).unwrap_or_else(|| {
        let message = format!("the scenario can't be read back from its record: {why}");
        wrong(tree, "limit", &message)
    }))
}

/// Reads a JSON text as a scenario is read.
fn read(text: String) -> Result<Option<Node>, String> {
    let (rank, length) = (0, text.len());
    let name = "record".to_owned();
    let source = Arc::new(Source { rank, name, text });
    // Its places are in a text that nobody wrote: only what is wrong is said.
    yaml::parse(&source, 0..length).map_err(|mistakes| {
        let sorted = mistakes.sorted();
        sorted
            .first()
            .map_or(String::new(), |mistake| mistake.message.clone())
    })
}

/// The first text or key that can't be read back by itself: YAML takes fewer characters and shorter keys than JSON.
fn culprit(node: &Node) -> Option<Diagnostics> {
    match &node.value {
        Value::Seq(items) => items.iter().find_map(culprit),
        Value::Map(entries) => entries.iter().find_map(|entry| {
            let key = serde_json::json!({ &entry.key: null }).to_string();
            match read(key) {
                Ok(Some(again)) if again.get(&entry.key).is_some() => culprit(&entry.node),
                found => Some(unreadable("key", entry.key_span.clone(), found)),
            }
        }),
        Value::Str(text) => match read(serde_json::Value::from(text.as_str()).to_string()) {
            Ok(Some(again)) if same(node, &again) => None,
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
    let why = found
        .err()
        .unwrap_or("it reads back as another one".to_owned());
    let message = format!("this {what} can't be read back from the record: {why}");
    let diagnostic = Diagnostic::new("unreadable", message).label(place, "");
    diagnostic
        .help("keys have at most 1,000 characters, and the control character U+007F is not allowed")
        .into()
}

fn wrong(tree: &Node, code: &'static str, message: &str) -> Diagnostics {
    let diagnostic = Diagnostic::new(code, message).label(tree.place(), "");
    diagnostic
        .help("keep long texts and lists in a file of their own: `prompts: {file: ...}`")
        .into()
}

/// Whether two trees hold the same values, wherever they are written.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Seq(a), Value::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let alike = |(a, b): (&Entry, &Entry)| a.key == b.key && same(&a.node, &b.node);
            a.len() == b.len() && a.iter().zip(b).all(alike)
        }
        (Value::Env(a, _), Value::Env(b, _)) => a == b,
        _ => false,
    }
}
