//! Changes to a scenario from outside the file: overlay files, `--set` arguments and the environment.

use super::Secret;
use super::mistake::quote;
use super::tree::{Entry, Node, Value};
use super::yaml::{self, MAX_DEPTH};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use std::ops::Range;
use std::sync::Arc;

/// Keys whose map has exactly one key, the kind. A change of kind replaces the map instead of adding to it.
const CHOICES: [&str; 3] = ["engine", "runtime", "prompts"];

/// Merges `over` into `base`: maps merge key by key, every other value is replaced. `null` is a value like any other.
pub(super) fn merge(base: &mut Node, over: Node, key: &str) {
    let replace = match (&base.value, &over.value) {
        (Value::Map(old), Value::Map(new)) => {
            let kept = |entry: &Entry| old.iter().any(|e| e.key == entry.key);
            CHOICES.contains(&key) && !new.iter().any(kept)
        }
        _ => true,
    };
    let Value::Map(entries) = over.value else {
        *base = over;
        return;
    };
    if replace {
        *base = Node::new(Value::Map(entries), over.span);
        return;
    }
    let old = base.make_map();
    for entry in entries {
        match old.iter_mut().find(|e| e.key == entry.key) {
            Some(existing) => {
                existing.key_span = entry.key_span;
                merge(&mut existing.node, entry.node, &entry.key);
            }
            None => old.push(entry),
        }
    }
}

/// One step of a `--set` path, and its position in the argument.
struct Step {
    name: Name,
    at: Range<usize>,
}

enum Name {
    Key(String),
    Index(usize),
}

/// Applies one `--set path=value`; `source` holds the argument.
pub(super) fn set(tree: &mut Node, source: &Arc<Source>) -> Result<(), Diagnostics> {
    let (steps, value) = path(source)?;
    let value = match yaml::parse(source, value.clone())? {
        Some(node) => node,
        None => Node::new(Value::Null, Span::new(source, value)),
    };
    // Checked before the value is used, because functions that walk a tree are recursive.
    if steps.len() + depth(&value) > MAX_DEPTH {
        let whole = Span::new(source, 0..source.text.len());
        let message = format!("this path and its value are nested deeper than {MAX_DEPTH} levels");
        return Err(Diagnostic::new("limit", message)
            .label(whole, "")
            .help("each list, each map and each step of the path is a level")
            .into());
    }
    let mut node = tree;
    let mut last = "";
    for step in &steps {
        let at = Span::new(source, step.at.clone());
        (node, last) = match &step.name {
            Name::Key(key) => (descend(node, key, last, at)?, key.as_str()),
            Name::Index(index) => (item(node, *index, at)?, ""),
        };
    }
    merge(node, value, last);
    Ok(())
}

/// Levels of lists and maps in a value. A single value has none.
fn depth(node: &Node) -> usize {
    let below = match &node.value {
        Value::Seq(items) => items.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|entry| depth(&entry.node)).max(),
        Value::Env(..) => Some(0),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Hole(_)
        | Value::Gone => return 0,
    };
    1 + below.unwrap_or(0)
}

/// The value at `key`, which is created if it does not exist. `parent` is the key of the map.
fn descend<'a>(
    node: &'a mut Node,
    key: &str,
    parent: &str,
    at: Span,
) -> Result<&'a mut Node, Diagnostics> {
    if !matches!(node.value, Value::Map(_) | Value::Null | Value::Env(..)) {
        let what = if matches!(node.value, Value::Seq(_)) {
            ("a list", "name one of its items: `[0]`")
        } else {
            ("a single value", "set the whole value instead")
        };
        return Err(Diagnostic::new(
            "set-path",
            format!("there is no key {} in {}", quote(key), what.0),
        )
        .label(at, "")
        .label(node.place(), "the value is written here")
        .help(what.1)
        .into());
    }
    let entries = node.make_map();
    let index = entries
        .iter()
        .position(|entry| entry.key == key)
        .unwrap_or_else(|| {
            if CHOICES.contains(&parent) {
                entries.clear();
            }
            entries.push(Entry {
                key: key.to_owned(),
                key_span: at.clone(),
                node: Node::new(Value::Null, at),
            });
            entries.len() - 1
        });
    Ok(&mut entries[index].node)
}

fn item(node: &mut Node, index: usize, at: Span) -> Result<&mut Node, Diagnostics> {
    let place = node.place();
    let count = match &node.value {
        Value::Seq(items) => items.len(),
        _ => {
            return Err(Diagnostic::new("set-path", "this is not a list")
                .label(at, "")
                .label(place, "the value is written here")
                .into());
        }
    };
    node.child_mut(index).ok_or_else(|| {
        Diagnostic::new("set-path", format!("the list has no item {index}"))
            .label(at, "")
            .label(place, format!("its length is {count}; the first item is 0"))
            .help("set the whole list to make it longer")
            .into()
    })
}

/// Splits `load.phases[0]."a key"=value` into its steps and the byte range of the value.
fn path(source: &Arc<Source>) -> Result<(Vec<Step>, Range<usize>), Diagnostics> {
    let text = &source.text;
    let wrong = |at: Range<usize>, message: &str| -> Diagnostics {
        Diagnostic::new("set-path", message)
            .label(Span::new(source, at), "")
            .help("write `--set path=value`, such as `--set load.phases[0].batch.size=3`")
            .into()
    };
    let mut steps = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let (name, length) = if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else {
                return Err(wrong(at..text.len(), "a `[` is not closed"));
            };
            let Ok(index) = inner[..end].trim().parse() else {
                return Err(wrong(at..at + end + 2, "an index must be a whole number"));
            };
            (Name::Index(index), end + 2)
        } else if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            let Some(end) = rest[1..].find(quote) else {
                return Err(wrong(at..text.len(), "a quote is not closed"));
            };
            (Name::Key(rest[1..=end].to_owned()), end + 2)
        } else {
            let end = rest.find(['.', '[', '=']).unwrap_or(rest.len());
            if end == 0 {
                return Err(wrong(at..at + 1, "a key is missing here"));
            }
            (Name::Key(rest[..end].trim().to_owned()), end)
        };
        steps.push(Step {
            name,
            at: at..at + length,
        });
        at += length;
        match text[at..].chars().next() {
            Some('=') => return Ok((steps, at + 1..text.len())),
            Some('.') => at += 1,
            Some('[') => {}
            Some(other) => {
                return Err(wrong(
                    at..at + other.len_utf8(),
                    "expected `.`, `[` or `=` here",
                ));
            }
            None => return Err(wrong(0..text.len(), "the `=` and the value are missing")),
        }
    }
}

/// Replaces every `{env: NAME}` by its value. A variable that is not set is reported and leaves a hole.
pub(super) fn resolve(
    node: &mut Node,
    env: &dyn Fn(&str) -> Option<String>,
    secrets: &mut Vec<Secret>,
    mistakes: &mut Diagnostics,
) {
    match &mut node.value {
        Value::Seq(items) => {
            for item in items {
                resolve(item, env, secrets, mistakes);
            }
        }
        Value::Map(entries) | Value::Hole(entries) => {
            for entry in entries {
                resolve(&mut entry.node, env, secrets, mistakes);
            }
        }
        Value::Env(name, entry) => {
            node.span = entry.node.span.clone();
            match lookup(name, &node.span, env) {
                Ok(value) => {
                    let secret = Secret {
                        name: name.clone(),
                        value: value.clone(),
                    };
                    if !secrets.contains(&secret) {
                        secrets.push(secret);
                    }
                    node.secret = Some(name.clone());
                    node.value = Value::Str(value);
                }
                Err(mistake) => {
                    mistakes.push(mistake);
                    node.value = Value::Hole(Vec::new());
                }
            }
        }
        _ => {}
    }
}

fn lookup(
    name: &str,
    span: &Span,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Diagnostic> {
    let mut chars = name.chars();
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !chars.next().is_some_and(letter) || !chars.all(|c| letter(c) || c.is_ascii_digit()) {
        return Err(Diagnostic::new(
            "env",
            format!("{} is not the name of a variable", quote(name)),
        )
        .label(span.clone(), "")
        .help("a name has letters, digits and `_`, such as `HF_TOKEN`"));
    }
    let missing = |what: &str| {
        Diagnostic::new(
            "env",
            format!("the environment variable `{name}` is {what}"),
        )
        .label(span.clone(), "read here")
        .help(format!("set it before the command: `{name}=... bench ...`"))
    };
    match env(name) {
        None => Err(missing("not set")),
        Some(value) if value.is_empty() => Err(missing("empty")),
        Some(value) if value.contains(char::REPLACEMENT_CHARACTER) => Err(missing("not UTF-8")),
        Some(value) => Ok(value),
    }
}
