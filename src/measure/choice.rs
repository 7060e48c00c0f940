//! Assembles one choice of a stream from its deltas. Pure.

use super::exchange::Nanos;
use super::message::{content, reasoning};
use super::repeat::Field;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The times of one choice's text.
#[derive(Debug, Default)]
pub(super) struct Voice(Option<(Nanos, Nanos)>);

impl Voice {
    /// Records one event with text.
    pub(super) fn spoke(&mut self, at: Nanos, gaps: &mut Vec<u64>) {
        let first = self.0.map_or(at, |(first, last)| {
            gaps.push(at.saturating_sub(last));
            first
        });
        self.0 = Some((first, at));
    }

    /// Time from its first to its last text, in nanoseconds.
    pub(super) fn span(&self) -> Nanos {
        self.0.map_or(0, |(first, last)| last.saturating_sub(first))
    }
}

/// What one event contained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gave {
    /// Generated text, or the name of a tool.
    pub(super) text: bool,
    /// Choices that got content, reasoning or refusal text. Each such text is at least one token.
    pub(super) spoken: u32,
}

/// Pieces of tool calls in one delta.
#[derive(Debug, Default)]
struct Calls {
    tools: Vec<Value>,
    /// `function_call`, which the API used before tool calls.
    function: Option<Value>,
}

/// One choice as assembled so far.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// `text`, for completions.
    text: Option<String>,
    /// Fields of the deltas except tool calls, for chat.
    pub(super) message: Option<Map<String, Value>>,
    tools: BTreeMap<u64, Map<String, Value>>,
    rest: Map<String, Value>,
    /// All text in order of arrival.
    all: String,
    /// The times of its text.
    pub(super) voice: Voice,
}

impl Choice {
    /// Appends text to a field that already exists.
    pub(super) fn push(&mut self, field: Field, text: &str) {
        self.all.push_str(text);
        let known = match field {
            Field::Text => self.text.as_mut(),
            Field::Content => match self.message.as_mut().and_then(|m| m.get_mut("content")) {
                Some(Value::String(known)) => Some(known),
                _ => None,
            },
        };
        if let Some(known) = known {
            known.push_str(text);
        }
    }

    /// Takes this choice's part of a chunk. Returns what it contained.
    pub(super) fn take(&mut self, choice: Value) -> Gave {
        let mut gave = Gave::default();
        let Value::Object(choice) = choice else {
            return gave;
        };
        let before = self.all.len();
        let mut calls = Calls::default();
        for (key, value) in choice {
            match (key.as_str(), value) {
                ("index", _) | ("text", Value::Null) => {}
                ("text", Value::String(text)) => {
                    self.all.push_str(&text);
                    self.text.get_or_insert_default().push_str(&text);
                }
                ("delta", delta @ Value::Object(_)) => calls = self.delta(delta),
                // Some servers send "" until the choice ends.
                ("finish_reason", value) => repeat(&mut self.rest, key, value),
                (_, value) => extend(&mut self.rest, key, value),
            }
        }
        gave.spoken = u32::from(self.all.len() > before);
        gave.text = gave.spoken > 0;
        for (nth, call) in calls.tools.into_iter().enumerate() {
            gave.text |= self.tool_call(nth as u64, call);
        }
        if let Some(call) = calls.function {
            let message = self.message.get_or_insert_default();
            let whole = message.entry("function_call").or_insert_with(|| json!({}));
            gave.text |= function(whole, call, &mut self.all);
        }
        gave
    }

    /// Takes a delta. Returns the pieces of tool calls in it.
    fn delta(&mut self, delta: Value) -> Calls {
        self.all.push_str(&reasoning(&delta).unwrap_or_default());
        let said = content(&delta).unwrap_or_default().into_owned();
        self.all.push_str(&said);
        let mut calls = Calls::default();
        let Value::Object(delta) = delta else {
            return calls;
        };
        let message = self.message.get_or_insert_default();
        for (key, value) in delta {
            match (key.as_str(), value) {
                ("tool_calls", Value::Array(list)) => calls.tools = list,
                ("function_call", call @ Value::Object(_)) => calls.function = Some(call),
                ("content", Value::String(_) | Value::Array(_)) => {
                    append(message, key, said.clone());
                }
                ("refusal", Value::String(text)) => {
                    self.all.push_str(&text);
                    append(message, key, text);
                }
                ("reasoning" | "reasoning_content", Value::String(text)) => {
                    append(message, key, text);
                }
                (_, value) => replace(message, key, value),
            }
        }
        calls
    }

    /// Takes a piece of a tool call. Returns whether it named the tool or continued the arguments.
    fn tool_call(&mut self, nth: u64, call: Value) -> bool {
        let index = call.get("index").and_then(Value::as_u64).unwrap_or(nth);
        let Value::Object(call) = call else {
            return false;
        };
        let whole = self.tools.entry(index).or_default();
        let mut text = false;
        for (key, value) in call {
            match (key.as_str(), value) {
                ("index", _) => {}
                ("function", value @ Value::Object(_)) => {
                    let known = whole.entry(key).or_insert_with(|| json!({}));
                    text |= function(known, value, &mut self.all);
                }
                (_, value) => repeat(whole, key, value),
            }
        }
        text
    }

    /// The choice as a unary call returns it, and all its text.
    pub(super) fn finish(self, index: u64, chat: bool) -> (Value, String) {
        let mut choice = Map::new();
        choice.insert("index".into(), index.into());
        if chat {
            let mut message = self.message.unwrap_or_default();
            let content = message.get("content").and_then(Value::as_str);
            if content.is_none_or(str::is_empty) && !self.tools.is_empty() {
                message.insert("content".into(), Value::Null);
            }
            message.entry("content").or_insert(Value::Null);
            if !self.tools.is_empty() {
                let calls = self.tools.into_values().map(Value::Object);
                message.insert("tool_calls".into(), calls.collect());
            }
            choice.insert("message".into(), message.into());
        } else {
            choice.insert("text".into(), self.text.unwrap_or_default().into());
        }
        choice.extend(self.rest);
        choice.entry("finish_reason").or_insert(Value::Null);
        (choice.into(), self.all)
    }
}

/// Takes a piece of a function call. Returns whether it named the function or continued its
/// arguments, which count as text.
fn function(whole: &mut Value, piece: Value, all: &mut String) -> bool {
    let (Value::Object(whole), Value::Object(piece)) = (whole, piece) else {
        return false;
    };
    let mut text = false;
    for (key, value) in piece {
        match (key.as_str(), value) {
            ("arguments", Value::String(arguments)) => {
                text |= !arguments.is_empty();
                all.push_str(&arguments);
                append(whole, key, arguments);
            }
            // The name is the first token of a call. Servers repeat it.
            ("name", Value::String(name)) => {
                text |= !name.is_empty() && whole.get("name").is_none_or(|known| *known != *name);
                repeat(whole, key, name.into());
            }
            (_, value) => repeat(whole, key, value),
        }
    }
    text
}

/// Appends text to a text field.
fn append(map: &mut Map<String, Value>, key: String, text: String) {
    match map.get_mut(&key) {
        Some(Value::String(known)) => known.push_str(&text),
        _ => drop(map.insert(key, text.into())),
    }
}

/// The last value that is not null is kept.
pub(super) fn replace(map: &mut Map<String, Value>, key: String, value: Value) {
    if value.is_null() {
        map.entry(key).or_insert(Value::Null);
    } else {
        map.insert(key, value);
    }
}

/// The last non-empty value is kept: servers repeat a tool call's `id` and `name` as empty strings.
fn repeat(map: &mut Map<String, Value>, key: String, value: Value) {
    if value == "" {
        map.entry(key).or_insert(value);
    } else {
        replace(map, key, value);
    }
}

/// Lists grow (token ids), as do maps of lists (log-probabilities). Of anything else the last value
/// that is not null is kept.
fn extend(map: &mut Map<String, Value>, key: String, value: Value) {
    match (map.get_mut(&key), value) {
        (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
        (Some(Value::Object(known)), Value::Object(more)) => {
            for (key, value) in more {
                match (known.get_mut(&key), value) {
                    (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
                    (_, value) => replace(known, key, value),
                }
            }
        }
        (_, value) => replace(map, key, value),
    }
}
