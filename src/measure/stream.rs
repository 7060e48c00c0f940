//! A stream of chunks, put together as the answer of a unary call. Pure.

use super::answer::{Answer, Timeline, arrived, shorten};
use super::exchange::{Exchange, Nanos};
use super::message::{content, reasoning};
use super::repeat::{Field, Pattern};
use super::responses::{self, Response};
use super::sse::{Event, Parser};
use super::{json, reported};
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
    /// When the text of a response came.
    voice: Voice,
    broken: Option<String>,
    /// The first error that an event reports.
    reported: Option<String>,
}

/// When the text of one choice came.
#[derive(Debug, Default)]
struct Voice(Option<(Nanos, Nanos)>);

impl Voice {
    /// Notes one event with text.
    fn spoke(&mut self, at: Nanos, gaps: &mut Vec<u64>) {
        let first = self.0.map_or(at, |(first, last)| {
            gaps.push(at.saturating_sub(last));
            first
        });
        self.0 = Some((first, at));
    }

    /// From its first to its last text.
    fn span(&self) -> Nanos {
        self.0.map_or(0, |(first, last)| last.saturating_sub(first))
    }
}

/// What one event gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Gave {
    /// Generated text, or the name of a tool.
    text: bool,
    /// Choices to which it gave text that was said, reasoned or refused; every such text is at least one token.
    spoken: u32,
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
        // Servers end a stream of the responses API with `[DONE]` as well, which does not make it whole.
        if let Some(response) = &stream.response {
            stream.timeline.done = response.ended();
        }
        stream
    }

    /// Finishes the assembly.
    pub(super) fn into_answer(self, answer: &mut Answer) {
        answer.broken = self.broken;
        answer.reported = self.reported;
        answer.timeline = self.timeline;
        answer.timeline.spans =
            self.voice.span() + self.choices.values().map(|c| c.voice.span()).sum::<Nanos>();
        if let Some(response) = self.response {
            (answer.body, answer.texts) = response.finish();
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
        if answer.timeline.first_chunk.is_some() {
            body.insert("choices".into(), choices.into());
        }
        answer.body = if body.is_empty() {
            Value::Null
        } else {
            body.into()
        };
        answer.texts = texts;
    }

    fn fail(&mut self, reason: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(reason);
    }

    fn report(&mut self, error: &str) {
        let said = || format!("the server sent an error: {}", shorten(error));
        self.reported.get_or_insert_with(said);
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
        let unnamed = matches!(event.name, b"" | b"message");
        if unnamed && let Some(gave) = self.repeated(event.data, at) {
            return self.came(gave, at, place);
        }
        // An event without data is a heartbeat.
        if unnamed && event.data.trim_ascii().is_empty() {
            return;
        }
        let named_error = event.name == b"error";
        let chunk = match json::read(event.data) {
            Ok(chunk @ Value::Object(_)) => chunk,
            // Dynamo gives the words of an error in a comment beside the event's name.
            _ if named_error => {
                let said = match event.data.trim_ascii() {
                    b"" => event.comment,
                    data => data,
                };
                return self.report(&String::from_utf8_lossy(said));
            }
            // Events with a name of their own are annotations, whatever they hold.
            _ if !unnamed => return,
            Ok(_) => return self.fail(|| format!("event {nth} is not a JSON object")),
            Err(error) => return self.fail(|| format!("event {nth} is not JSON: {error}")),
        };
        if let Some(error) = reported::in_object(&chunk) {
            self.report(&error);
        } else if named_error {
            let said = reported::error_message(&chunk);
            self.report(&said.unwrap_or_else(|| chunk.to_string()));
        }
        let gave = if responses::is_one(&chunk) {
            self.response_event(chunk, at)
        } else {
            self.pattern = Pattern::of(event.data, &chunk);
            self.chunk(chunk, at)
        };
        self.came(gave, at, place);
    }

    /// Takes a chunk that is the last parsed one with other text; what it gave. `None` where it is another.
    fn repeated(&mut self, data: &[u8], at: Nanos) -> Option<Gave> {
        let pattern = self.pattern.as_ref()?;
        let text = pattern.text(data)?;
        let choice = self.choices.get_mut(&pattern.index)?;
        choice.push(pattern.field, text);
        if text.is_empty() {
            return Some(Gave::default());
        }
        choice.voice.spoke(at, &mut self.timeline.gaps);
        Some(Gave {
            text: true,
            spoken: 1,
        })
    }

    /// Notes when an event came, where it held text.
    fn came(&mut self, gave: Gave, at: Nanos, place: &mut Place) {
        self.timeline.spoken += gave.spoken;
        if gave.text {
            self.timeline.texts.push(at);
            let again = place.last_text == Some(place.read);
            if again && !place.crowded {
                self.timeline.crowded_reads += 1;
            }
            place.crowded = again;
            place.last_text = Some(place.read);
        }
    }

    /// Takes one event of the responses API; what it gave.
    fn response_event(&mut self, chunk: Value, at: Nanos) -> Gave {
        let step = self.response.get_or_insert_default().take(chunk);
        if step.output {
            self.timeline.first_chunk.get_or_insert(at);
        }
        if let Some(wrong) = step.wrong {
            self.fail(|| wrong);
        }
        self.timeline.done |= step.last;
        if step.text {
            self.voice.spoke(at, &mut self.timeline.gaps);
        }
        Gave {
            text: step.text,
            spoken: step.spoken.into(),
        }
    }

    /// Takes one chunk; what it gave.
    fn chunk(&mut self, chunk: Value, at: Nanos) -> Gave {
        let mut gave = Gave::default();
        let Value::Object(chunk) = chunk else {
            return gave;
        };
        for (key, value) in chunk {
            match (key.as_str(), value) {
                ("choices", Value::Array(choices)) => {
                    if !choices.is_empty() {
                        self.timeline.first_chunk.get_or_insert(at);
                    }
                    for (nth, choice) in choices.into_iter().enumerate() {
                        let index = choice.get("index").and_then(Value::as_u64);
                        let index = index.unwrap_or(nth as u64);
                        let ended = choice
                            .get("finish_reason")
                            .is_some_and(|reason| !reason.is_null() && reason != "");
                        self.timeline.finish_reasons += u32::from(ended);
                        let whole = self.choices.entry(index).or_default();
                        let of_this = whole.take(choice);
                        if of_this.text {
                            whole.voice.spoke(at, &mut self.timeline.gaps);
                        }
                        gave.text |= of_this.text;
                        gave.spoken += of_this.spoken;
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
        gave
    }
}

/// Pieces of calls that one delta holds.
#[derive(Debug, Default)]
struct Calls {
    tools: Vec<Value>,
    /// `function_call`, which the API had before tool calls.
    function: Option<Value>,
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
    voice: Voice,
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

    /// Takes what a chunk holds of this choice; what that gave.
    fn take(&mut self, choice: Value) -> Gave {
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
                // Some servers say "" until the choice ends.
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

    /// Takes a delta; returns the pieces of calls in it.
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

    /// Takes a piece of a tool call; whether it named the tool or went on with the arguments.
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

/// Takes a piece of a called function; whether it named the function or went on with its arguments, which are text.
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
            // The first token of a call is its name; servers repeat it.
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
