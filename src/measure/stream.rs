//! A stream of chunks, put together as the answer of a unary call. Pure.

use super::answer::{Answer, Timeline, arrived, reasoning, reported_error};
use super::exchange::{Exchange, Nanos};
use super::repeat::{Field, Pattern};
use super::responses::{self, Response};
use super::sse::{Event, Parser};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest event that is understood, in bytes; a body is bounded at the same length.
const LONGEST: usize = 16 << 20;

/// What has been read of a stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Top-level fields but `choices`; the last value that is not null wins.
    top: Map<String, Value>,
    choices: BTreeMap<u64, Choice>,
    /// Of the responses API.
    response: Option<Response>,
    /// Of the last chunk that was parsed.
    pattern: Option<Pattern>,
    timeline: Timeline,
    broken: Option<String>,
}

/// Where the last event with text was read.
#[derive(Debug, Default)]
struct Place {
    read: usize,
    last_text: Option<usize>,
    crowded: bool,
}

impl Stream {
    /// Reads the body of an exchange.
    pub(super) fn read(exchange: &Exchange) -> Self {
        let mut stream = Self::default();
        let mut parser = Parser::new(LONGEST);
        let mut place = Place::default();
        let outcome = parser.push(&exchange.body, &mut |event| {
            let at = arrived(&exchange.arrivals, place.read, event.end);
            let (read, at) = at.unwrap_or((place.read, exchange.ended));
            place.read = read;
            stream.event(&event, at, &mut place);
        });
        if let Err(error) = outcome {
            stream.fail(|| error.to_string());
        }
        stream.timeline.done |= parser.unfinished() == Some(b"[DONE]");
        if let Some(response) = &stream.response {
            if !response.ended() {
                stream.fail(|| "the stream ended without response.completed".into());
            }
        } else if !stream.timeline.done {
            stream.fail(|| "the stream ended without [DONE]".into());
        }
        stream
    }

    /// Finishes the assembly.
    pub(super) fn into_answer(self, answer: &mut Answer) {
        if let Some(response) = self.response {
            (answer.body, answer.texts) = response.finish();
            answer.timeline = self.timeline;
            answer.broken = self.broken;
            return;
        }
        let chat = self.choices.values().any(|c| c.message.is_some());
        let mut body = self.top;
        let object = body.get_mut("object");
        if let Some(object) = object.filter(|o| *o == "chat.completion.chunk") {
            *object = "chat.completion".into();
        }
        let (choices, texts): (Vec<_>, Vec<_>) = self
            .choices
            .into_iter()
            .map(|(index, choice)| choice.finish(index, chat))
            .unzip();
        if self.timeline.first_chunk.is_some() {
            body.insert("choices".into(), choices.into());
        }
        answer.body = if body.is_empty() {
            Value::Null
        } else {
            body.into()
        };
        answer.texts = texts;
        answer.timeline = self.timeline;
        answer.broken = self.broken;
    }

    fn fail(&mut self, reason: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(reason);
    }

    fn event(&mut self, event: &Event<'_>, at: Nanos, place: &mut Place) {
        self.timeline.events += 1;
        let nth = self.timeline.events;
        if self.timeline.done {
            return;
        }
        if event.data == b"[DONE]" {
            self.timeline.done = true;
            return;
        }
        if matches!(event.name, b"" | b"message")
            && let Some(text) = self.repeated(event.data)
        {
            return self.came(text, at, place);
        }
        let named_error = event.name == b"error";
        let chunk = match serde_json::from_slice::<Value>(event.data) {
            Ok(Value::Object(chunk)) => chunk,
            _ if named_error => {
                let said = String::from_utf8_lossy(event.data);
                return self.fail(|| format!("the server sent an error event: {said}"));
            }
            // Events with a name of their own are annotations, whatever they hold.
            _ if !matches!(event.name, b"" | b"message") => return,
            Ok(_) => return self.fail(|| format!("event {nth} is not a JSON object")),
            Err(error) => return self.fail(|| format!("event {nth} is not JSON: {error}")),
        };
        let chunk = Value::Object(chunk);
        if let Some(error) = reported_error(&chunk) {
            self.fail(|| format!("the server sent an error: {error}"));
        } else if named_error {
            self.fail(|| format!("the server sent an error event: {chunk}"));
        }
        let text = if responses::is_one(&chunk) {
            self.response_event(chunk, at)
        } else {
            self.pattern = Pattern::of(event.data, &chunk);
            self.chunk(chunk, at)
        };
        self.came(text, at, place);
    }

    /// Takes a chunk that is the last parsed one with other text; whether it held any. `None` where it is another.
    fn repeated(&mut self, data: &[u8]) -> Option<bool> {
        let pattern = self.pattern.as_ref()?;
        let text = pattern.text(data)?;
        self.choices
            .get_mut(&pattern.index)?
            .push(pattern.field, text);
        Some(!text.is_empty())
    }

    /// Notes when an event came, where it held text.
    fn came(&mut self, text: bool, at: Nanos, place: &mut Place) {
        if text {
            self.timeline.texts.push(at);
            let again = place.last_text == Some(place.read);
            if again && !place.crowded {
                self.timeline.crowded_reads += 1;
            }
            place.crowded = again;
            place.last_text = Some(place.read);
        }
    }

    /// Takes one event of the responses API; whether it held text.
    fn response_event(&mut self, chunk: Value, at: Nanos) -> bool {
        let step = self.response.get_or_insert_default().take(chunk);
        if step.output {
            self.timeline.first_chunk.get_or_insert(at);
        }
        if let Some(wrong) = step.wrong {
            self.fail(|| wrong);
        }
        self.timeline.done |= step.last;
        step.text
    }

    /// Takes one chunk; whether it held text.
    fn chunk(&mut self, chunk: Value, at: Nanos) -> bool {
        let Value::Object(chunk) = chunk else {
            return false;
        };
        let mut text = false;
        for (key, value) in chunk {
            match (key.as_str(), value) {
                ("choices", Value::Array(choices)) => {
                    if !choices.is_empty() {
                        self.timeline.first_chunk.get_or_insert(at);
                    }
                    for (nth, choice) in choices.into_iter().enumerate() {
                        let index = choice.get("index").and_then(Value::as_u64);
                        let index = index.unwrap_or(nth as u64);
                        let ended = choice.get("finish_reason").is_some_and(|r| !r.is_null());
                        self.timeline.finish_reasons += u32::from(ended);
                        text |= self.choices.entry(index).or_default().take(choice);
                    }
                }
                ("choices", _) => {}
                // Dynamo gives the worker on every chunk and the timing on the last one of each choice.
                ("nvext", Value::Object(parts)) => {
                    let known = self.top.entry("nvext").or_insert_with(|| json!({}));
                    if let Value::Object(known) = known {
                        known.extend(parts);
                    }
                }
                (_, value) => replace(&mut self.top, key, value),
            }
        }
        text
    }
}

/// One choice, as far as it has come.
#[derive(Debug, Default)]
struct Choice {
    /// `text`, for completions.
    text: Option<String>,
    /// What deltas held besides tool calls, for chat.
    message: Option<Map<String, Value>>,
    tools: BTreeMap<u64, Map<String, Value>>,
    rest: Map<String, Value>,
    /// All text in order of arrival.
    all: String,
}

impl Choice {
    /// Takes more text of a field that has been seen.
    fn push(&mut self, field: Field, text: &str) {
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

    fn take(&mut self, choice: Value) -> bool {
        let Value::Object(choice) = choice else {
            return false;
        };
        let before = self.all.len();
        for (key, value) in choice {
            match (key.as_str(), value) {
                ("index", _) | ("text", Value::Null) => {}
                ("text", Value::String(text)) => {
                    self.all.push_str(&text);
                    self.text.get_or_insert_default().push_str(&text);
                }
                ("delta", delta @ Value::Object(_)) => self.delta(delta),
                (_, value) => extend(&mut self.rest, key, value),
            }
        }
        self.all.len() > before
    }

    fn delta(&mut self, delta: Value) {
        self.all.push_str(reasoning(&delta).unwrap_or_default());
        let Value::Object(delta) = delta else { return };
        let mut calls = Vec::new();
        let message = self.message.get_or_insert_default();
        for (key, value) in delta {
            match (key.as_str(), value) {
                ("tool_calls", Value::Array(list)) => calls = list,
                ("content", Value::String(text)) => {
                    self.all.push_str(&text);
                    append(message, key, text);
                }
                ("reasoning" | "reasoning_content" | "refusal", Value::String(text)) => {
                    append(message, key, text);
                }
                (_, value) => replace(message, key, value),
            }
        }
        for (nth, call) in calls.into_iter().enumerate() {
            self.tool_call(nth as u64, call);
        }
    }

    fn tool_call(&mut self, nth: u64, call: Value) {
        let index = call.get("index").and_then(Value::as_u64).unwrap_or(nth);
        let Value::Object(call) = call else { return };
        let whole = self.tools.entry(index).or_default();
        for (key, value) in call {
            match (key.as_str(), value) {
                ("index", _) => {}
                ("function", Value::Object(function)) => {
                    let known = whole.entry("function").or_insert_with(|| json!({}));
                    let Value::Object(known) = known else {
                        continue;
                    };
                    for (key, value) in function {
                        match (key.as_str(), value) {
                            ("arguments", Value::String(text)) => {
                                self.all.push_str(&text);
                                append(known, key, text);
                            }
                            (_, value) => repeat(known, key, value),
                        }
                    }
                }
                (_, value) => repeat(whole, key, value),
            }
        }
    }

    fn finish(self, index: u64, chat: bool) -> (Value, String) {
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

/// Appends text to a text field.
fn append(map: &mut Map<String, Value>, key: String, text: String) {
    match map.get_mut(&key) {
        Some(Value::String(known)) => known.push_str(&text),
        _ => drop(map.insert(key, text.into())),
    }
}

/// The last value that is not null wins.
fn replace(map: &mut Map<String, Value>, key: String, value: Value) {
    if value.is_null() {
        map.entry(key).or_insert(Value::Null);
    } else {
        map.insert(key, value);
    }
}

/// The last value that says something wins: servers repeat a tool call's `id` and `name` empty.
fn repeat(map: &mut Map<String, Value>, key: String, value: Value) {
    if value == "" {
        map.entry(key).or_insert(value);
    } else {
        replace(map, key, value);
    }
}

/// Lists grow (token ids), maps of lists too (log-probabilities); of anything else the last value that is not null wins.
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
