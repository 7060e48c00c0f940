//! From a tree to types, with every mistake on the way: what is wrong is noted, taken out of the tree, and the rest is read
//! again, until it decodes.

use super::de::{Error, Kind, NodeDeserializer};
use super::mistake::{Mistake, list, nearest, quote};
use super::tree::{Entry, Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use serde::de::DeserializeOwned;

/// Most times that a tree is read: each mistake takes one, and so does each key that a hole needs.
const MAX_READS: usize = 1_000;

/// Reads `tree`, notes what is wrong with it and leaves holes there. `None` when nothing could be read.
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
        if !take_out(tree, &error, mistakes) {
            return None;
        }
    }
    None
}

/// Notes the mistake and makes it harmless. `false` when nothing would be left.
fn take_out(tree: &mut Node, error: &Error, mistakes: &mut Diagnostics) -> bool {
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

/// An entry that stands for something that could not be read.
fn hole(name: &str, span: Span) -> Entry {
    Entry {
        key: name.to_owned(),
        key_span: span.clone(),
        node: Node::new(Value::Hole(Vec::new()), span),
    }
}

/// Takes the hole at `path`, which is of a kind that nothing can stand for, out of its list or map.
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

/// Takes an unknown key out; where it was meant to be a known one, that one counts as given.
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

/// The diagnostic of a node that cannot be read as what it must be.
fn wrong_value(node: &Node, error: &Error, place: Span) -> Diagnostic {
    match (&error.kind, &node.secret) {
        (_, Some(name)) => withheld(name, place),
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
                "only one of {} can stand here",
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

/// The diagnostic of a value that came from the environment: it is never shown.
pub(super) fn withheld(variable: &str, place: Span) -> Diagnostic {
    let message = format!("what the variable `{variable}` holds cannot stand here");
    let text = "read from the environment; its value is not shown";
    Diagnostic::new("bad-value", message).label(place, text)
}

/// The diagnostic of a scalar, at the part that is wrong where the text stands in the file as it is.
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

/// The place of a part of a node's text, if the text is written in the file as it is.
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
