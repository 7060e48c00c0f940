//! Decodes a tree into types and collects every mistake. Each mistake is recorded and replaced by a hole, then the
//! rest is decoded again, until the tree decodes.

use super::de::{Error, Kind, NodeDeserializer};
use super::mistake::{Mistake, list, nearest, quote};
use super::tree::{Entry, Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use serde::de::DeserializeOwned;

/// Largest number of times that a tree is decoded. Each mistake takes one, and so does each key that a hole needs.
const MAX_READS: usize = 1_000;

/// Decodes `tree`. Records its mistakes and leaves holes in their place. `None` when nothing could be decoded.
pub(super) fn decode<T: DeserializeOwned>(
    tree: &mut Node,
    mistakes: &mut Diagnostics,
) -> Option<T> {
    for _ in 0..MAX_READS {
        let error = match T::deserialize(NodeDeserializer(tree)) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        if mistakes.is_full() {
            return None;
        }
        if !report_and_patch(tree, &error, mistakes) {
            return None;
        }
    }
    None
}

/// Records the mistake and patches the tree so that decoding can go on. `false` when nothing would be left.
fn report_and_patch(tree: &mut Node, error: &Error, mistakes: &mut Diagnostics) -> bool {
    let root = error.path.is_empty();
    let mut node = &mut *tree;
    let mut place = node.place();
    let path: Vec<usize> = error.path.iter().rev().copied().collect();
    for index in &path {
        let key = node
            .entries()
            .get(*index)
            .map(|entry| entry.key_span.clone());
        let Some(child) = node.child_mut(*index) else {
            return false;
        };
        let scalar =
            !child.span.text().is_empty() && !matches!(child.value, Value::Map(_) | Value::Seq(_));
        place = match key {
            Some(key) if !scalar => key,
            _ => child.place(),
        };
        node = child;
    }
    if let Value::Hole(entries) = &mut node.value {
        let name = match &error.kind {
            Kind::Missing(name) | Kind::Choose(name) => *name,
            _ => return remove(tree, &path),
        };
        entries.push(hole(name, place));
        return true;
    }
    match (&error.kind, error.key) {
        (Kind::UnknownKey(expected), Some(index)) => {
            mistakes.push(unknown_key(node, index, expected));
            drop_key(node, index, expected);
            true
        }
        (Kind::Missing(name), _) if node.get(name).is_some() => false,
        (Kind::Missing(name), _) => {
            mistakes.push(
                Diagnostic::new("missing-key", format!("the key `{name}` is missing"))
                    .label(place.clone(), format!("`{name}` must be given in this map")),
            );
            node.make_map().push(hole(name, place));
            true
        }
        _ => {
            mistakes.push(wrong_value(node, error, place));
            node.value = Value::Hole(Vec::new());
            !root
        }
    }
}

/// An entry in the place of a value that could not be read.
fn hole(name: &str, span: Span) -> Entry {
    Entry {
        key: name.to_owned(),
        key_span: span.clone(),
        node: Node::new(Value::Hole(Vec::new()), span),
    }
}

/// Removes the hole at `path` from its list or map. No default value can take the place of such a hole.
fn remove(tree: &mut Node, path: &[usize]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut node = tree;
    for index in parents {
        let Some(child) = node.child_mut(*index) else {
            return false;
        };
        node = child;
    }
    match &mut node.value {
        Value::Seq(items) if *last < items.len() => {
            items.remove(*last);
            true
        }
        Value::Map(entries) | Value::Hole(entries) if *last < entries.len() => {
            entries[*last].node.value = Value::Gone;
            true
        }
        _ => false,
    }
}

/// Removes an unknown key. If it is close to a known key, the known key counts as given.
fn drop_key(node: &mut Node, index: usize, expected: &[&str]) {
    let entries = node.make_map();
    let removed = entries.remove(index);
    if let Some(meant) = nearest(&removed.key, expected.iter().copied())
        && !entries.iter().any(|entry| entry.key == meant)
    {
        entries.insert(index, hole(meant, removed.key_span));
    }
}

fn unknown_key(node: &Node, index: usize, expected: &[&str]) -> Diagnostic {
    let entry = &node.entries()[index];
    let given = |name: &&str| node.get(name).is_some();
    let diagnostic = Diagnostic::new("unknown-key", format!("unknown key {}", quote(&entry.key)))
        .label(entry.key_span.clone(), "not a key of this map");
    let left = expected.iter().copied().filter(|name| !given(name));
    let meant = nearest(&entry.key, left).or_else(|| nearest(&entry.key, expected.iter().copied()));
    let diagnostic = match meant {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
        None => diagnostic,
    };
    match expected {
        [] => diagnostic.help("this map has no keys"),
        _ => diagnostic.help(format!(
            "the keys here are {}",
            list(expected.iter().copied())
        )),
    }
}

/// The diagnostic of a node whose value does not have the expected type.
fn wrong_value(node: &Node, error: &Error, place: Span) -> Diagnostic {
    match (&error.kind, &node.secret) {
        (_, Some(name)) => hidden_value(name, place),
        (Kind::UnknownName(name, expected), None) => {
            let place = error
                .key
                .and_then(|i| node.entries().get(i))
                .map_or(place, |entry| entry.key_span.clone());
            let what =
                Diagnostic::new("unknown-name", format!("{} is not known here", quote(name)))
                    .label(
                        place,
                        format!("expected one of {}", list(expected.iter().copied())),
                    );
            match nearest(name, expected.iter().copied()) {
                Some(meant) => what.help(format!("did you mean `{meant}`?")),
                None => what,
            }
        }
        (Kind::Several(expected), None) => {
            let message = format!(
                "only one of {} is allowed here",
                list(expected.iter().copied())
            );
            let mut diagnostic = Diagnostic::new("several-kinds", message);
            for (i, entry) in node.entries().iter().enumerate() {
                let text = if i == 0 { "this one" } else { "and this one" };
                diagnostic = diagnostic.label(entry.key_span.clone(), text);
            }
            diagnostic.help("keep one of them")
        }
        (Kind::Value(mistake), None) => scalar(node, mistake, place),
        (other, None) => Diagnostic::new("bad-value", format!("{other:?}")).label(place, ""),
    }
}

/// The diagnostic of a value that came from the environment. The value is never shown.
pub(super) fn hidden_value(variable: &str, place: Span) -> Diagnostic {
    let message = format!("the value of the variable `{variable}` is not valid here");
    let text = "read from the environment; its value is not shown";
    Diagnostic::new("bad-value", message).label(place, text)
}

/// The diagnostic of a scalar. It points at the wrong part where the file contains the text literally.
pub(super) fn scalar(node: &Node, mistake: &Mistake, place: Span) -> Diagnostic {
    let code = if mistake.message.starts_with("expected ") {
        "wrong-type"
    } else {
        "bad-value"
    };
    let part = mistake.part.as_ref().and_then(|part| inside(node, part));
    let diagnostic =
        Diagnostic::new(code, mistake.message.clone()).label(part.unwrap_or(place), "");
    match &mistake.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}

/// The location of a part of a node's text, if the file contains the text literally.
fn inside(node: &Node, part: &std::ops::Range<usize>) -> Option<Span> {
    let Value::Str(text) = &node.value else {
        return None;
    };
    let written = node.span.text();
    let quotes = usize::from(written.starts_with(['"', '\'']));
    if written.get(quotes..written.len().checked_sub(quotes)?)? != text {
        return None;
    }
    let start = node.span.start + quotes;
    Some(Span::new(
        &node.span.source,
        start + part.start..start + part.end,
    ))
}
