//! A scenario as a tree of values that know their places: between the YAML text and the types.

use crate::diagnostic::Span;
use serde_json::Number;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
    /// The variable that the value was read from; such a value is never shown.
    pub(super) secret: Option<String>,
}

/// What stands at a place.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
    /// `{env: NAME}`, with the entry that it was written as.
    Env(String, Box<Entry>),
    /// Something that was wrong and has been reported: it decodes as whatever is wanted, so that the rest can be read.
    /// The entries are those that the decoder needed.
    Hole(Vec<Entry>),
    /// A hole in a map that nothing can stand for: it decodes as if its key were not there.
    Gone,
}

/// One key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Value {
    /// A map with one entry, which may be a reference to the environment.
    pub(super) fn one(entry: Entry) -> Self {
        match &entry.node.value {
            Self::Str(name) if entry.key == "env" => Self::Env(name.clone(), Box::new(entry)),
            _ => Self::Map(vec![entry]),
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            secret: None,
        }
    }

    /// Whether this was wrong and has been reported.
    pub(super) fn is_hole(&self) -> bool {
        matches!(self.value, Value::Hole(_) | Value::Gone)
    }

    /// The entries of a map, or of a hole.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) | Value::Hole(entries) => entries,
            _ => &[],
        }
    }

    /// The value at `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Makes this a map if it is none, and gives its entries.
    pub(super) fn make_map(&mut self) -> &mut Vec<Entry> {
        if let Value::Env(_, entry) = &self.value {
            self.value = Value::Map(vec![(**entry).clone()]);
        } else if !matches!(self.value, Value::Map(_) | Value::Hole(_)) {
            self.value = Value::Map(Vec::new());
        }
        match &mut self.value {
            Value::Map(entries) | Value::Hole(entries) => entries,
            _ => unreachable!("made a map above"),
        }
    }

    /// The child at a position, in a list or a map.
    pub(super) fn child_mut(&mut self, index: usize) -> Option<&mut Self> {
        match &mut self.value {
            Value::Seq(items) => items.get_mut(index),
            Value::Map(entries) | Value::Hole(entries) => {
                entries.get_mut(index).map(|entry| &mut entry.node)
            }
            _ => None,
        }
    }

    /// The place to point at: a list or map that starts somewhere below is shown by its first key or item.
    pub(super) fn place(&self) -> Span {
        if !self.span.text().is_empty() {
            return self.span.clone();
        }
        match &self.value {
            Value::Map(entries) => entries.first().map(|entry| entry.key_span.clone()),
            Value::Seq(items) => items.first().map(Self::place),
            _ => None,
        }
        .unwrap_or_else(|| self.span.clone())
    }

    /// As JSON, with `{env: NAME}` as written.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Hole(_) | Value::Gone => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Number::from_i128(*value).map_or(Json::Null, Json::Number),
            Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Value::Str(value) => Json::String(value.clone()),
            Value::Seq(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.to_json()))
                    .collect(),
            ),
            Value::Env(name, _) => serde_json::json!({ "env": name }),
        }
    }
}
