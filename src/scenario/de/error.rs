//! Mistakes in a node, and their wording.

use crate::scenario::mistake::{Mistake, quote};
use crate::scenario::tree::{Node, Value};
use serde::de::{self, Expected, Unexpected};
use std::fmt;

/// The kind of a mistake.
#[derive(Debug)]
pub(in crate::scenario) enum Kind {
    /// The key at `Error::key` is unknown.
    UnknownKey(&'static [&'static str]),
    /// The name is not one of these.
    UnknownName(String, &'static [&'static str]),
    /// The map lacks a required key.
    Missing(&'static str),
    /// The map has several keys and must have exactly one of these.
    Several(&'static [&'static str]),
    /// A hole that must become this kind.
    Choose(&'static str),
    /// Any other mistake in a value.
    Value(Mistake),
}

/// A mistake and the path to its node.
#[derive(Debug)]
pub(in crate::scenario) struct Error {
    pub(in crate::scenario) kind: Kind,
    /// Positions from the innermost node outwards.
    pub(in crate::scenario) path: Vec<usize>,
    /// Position of the key in the node, if the mistake is in a key.
    pub(in crate::scenario) key: Option<usize>,
    pub(super) placed: bool,
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            path: Vec::new(),
            key: None,
            placed: false,
        }
    }

    pub(super) fn mistake(mistake: Mistake) -> Self {
        Self::new(Kind::Value(mistake))
    }

    /// Places this error inside the child at `index`.
    pub(super) fn within(mut self, index: usize) -> Self {
        self.placed = true;
        self.path.push(index);
        self
    }

    /// Places this error in the key at `index`, unless it has a place.
    pub(super) fn in_key(mut self, index: usize) -> Self {
        if !self.placed {
            self.placed = true;
            self.key = Some(index);
        }
        self
    }

    /// Places this error in the current node, unless it has a place.
    pub(super) fn here(mut self) -> Self {
        self.placed = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::mistake(Mistake::decode(&format!("{message:#}")))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mistake(Mistake::new(format!("expected {}", in_words(expected))))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::mistake(Mistake::new(format!("expected {}", in_words(expected))))
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownName(name.to_owned(), expected))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey(expected))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::Missing(name))
    }
}

/// Serde's name of an expected type, in the user's terms.
pub(super) fn in_words(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" => "text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "usize" => {
            "a whole number".to_owned()
        }
        "f32" | "f64" => "a number".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        _ => text,
    }
}

/// Describes the value of a node.
fn found(node: &Node) -> String {
    if let Some(name) = &node.secret {
        return format!("the value of `{{env: {name}}}`");
    }
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Int(_) | Value::Float(_) => format!("the number {}", quote(node.span.text())),
        Value::Str(text) => format!("the text {}", quote(text)),
        Value::Seq(_) => "a list".to_owned(),
        Value::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
        Value::Map(_) | Value::Env(..) | Value::Hole(_) | Value::Gone => "a map".to_owned(),
    }
}

/// The error of a node whose value is not the expected one.
pub(super) fn wrong(node: &Node, expected: &str, help: Option<String>) -> Error {
    let mut mistake = Mistake::new(format!("expected {expected}, found {}", found(node)));
    mistake.help = help;
    Error::mistake(mistake)
}

/// Advice for a number that was written as text (`"200"`, `1_000`).
pub(super) fn as_digits(text: &str) -> Option<String> {
    let digits = text.trim().replace(['_', ','], "");
    let number: i128 = digits.parse().ok()?;
    Some(format!("write `{number}`, without quotes"))
}
