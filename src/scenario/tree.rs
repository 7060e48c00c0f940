//! A scenario as a tree of values with their locations: the stage between the YAML text and the types.

use crate::diagnostic::Span;
use serde_json::Number;

/// A value and its location.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
    /// Name of the environment variable that the value was read from. Such a value is never shown.
    pub(super) secret: Option<String>,
}

/// The value of a node.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
    /// `{env: NAME}`, with its entry as written.
    Env(String, Box<Entry>),
    /// A value whose mistake was reported. It decodes as any type, so that the rest can be read. The entries are those
    /// that the decoder needed.
    Hole(Vec<Entry>),
    /// A hole in a map for which there is no default value. It decodes as if its key were missing.
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

    /// Whether a mistake in this value was reported.
    pub(super) fn is_hole(&self) -> bool {
        matches!(self.value, Value::Hole(_) | Value::Gone)
    }

    /// The entries of a map or of a hole.
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

    /// The entries of this map. A value of another type is replaced by an empty map.
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

    /// The child at a position of a list or map.
    pub(super) fn child_mut(&mut self, index: usize) -> Option<&mut Self> {
        match &mut self.value {
            Value::Seq(items) => items.get_mut(index),
            Value::Map(entries) | Value::Hole(entries) => {
                entries.get_mut(index).map(|entry| &mut entry.node)
            }
            _ => None,
        }
    }

    /// The location to point at. A block list or map is shown by its first item or key.
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

    /// The tree as JSON, with `{env: NAME}` as written.
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
