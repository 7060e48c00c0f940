//! Assembles a stream of chunks into the answer of a unary call. Pure.

use super::answer::{Answer, Timeline, arrived, shorten};
use super::choice::{Choice, Gave, Voice, replace};
use super::exchange::{Exchange, Nanos};
use super::repeat::Pattern;
use super::responses::{self, Response};
use super::sse::{Event, Parser};
use super::{json, reported};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest event that is parsed, in bytes. Bodies have the same limit.
const LONGEST: usize = 16 << 20;

/// What has been read of a stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Top-level fields except `choices`. The last value that is not null is kept.
    top: Map<String, Value>,
    choices: BTreeMap<u64, Choice>,
    /// The state of a stream of the responses API.
    response: Option<Response>,
    /// Pattern of the last chunk that was parsed.
    pattern: Option<Pattern>,
    timeline: Timeline,
    /// The times of a response's text.
    voice: Voice,
    broken: Option<String>,
    /// The first error that an event reports.
    reported: Option<String>,
}

/// Where the parser is among the reads of the body.
#[derive(Debug, Default)]
struct ReadPosition {
    /// Index of the read that carried the end of the current event.
    read: usize,
    /// Index of the read that carried the end of the last event with text.
    last_text: Option<usize>,
    /// Whether that event ended in the same read as the event with text before it.
    coalesced: bool,
}

impl Stream {
    /// Reads the body of an exchange.
    pub(super) fn read(exchange: &Exchange) -> Self {
        let mut stream = Self::default();
        let mut parser = Parser::new(LONGEST);
        let mut position = ReadPosition::default();
        let outcome = parser.push(&exchange.body, &mut |event| {
            let at = arrived(&exchange.arrivals, position.read, event.end);
            let (read, at) = at.unwrap_or((position.read, exchange.ended));
            position.read = read;
            stream.event(&event, at, &mut position);
        });
        if let Err(error) = outcome {
            stream.fail(|| error.to_string());
        }
        stream.timeline.done |= parser.unfinished() == Some(b"[DONE]");
        if stream.timeline.events == 0 && !exchange.body.trim_ascii().is_empty() {
            stream.no_events(&exchange.body);
        }
        // Servers also end a stream of the responses API with `[DONE]`, which does not make it
        // complete.
        if let Some(response) = &stream.response {
            stream.timeline.done = response.ended();
        }
        stream
    }

    /// Completes the assembly.
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

    /// Takes a body that is not a stream although its content type says so.
    fn no_events(&mut self, body: &[u8]) {
        match json::read(body).ok().as_ref().and_then(reported::in_object) {
            Some(error) => self.report(&error),
            None => self.fail(|| {
                let said = String::from_utf8_lossy(body);
                format!("the stream holds no event: `{}`", shorten(said.trim()))
            }),
        }
    }

    fn report(&mut self, error: &str) {
        let said = || format!("the server sent an error: {}", shorten(error));
        self.reported.get_or_insert_with(said);
    }

    fn event(&mut self, event: &Event<'_>, at: Nanos, position: &mut ReadPosition) {
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
            return self.came(gave, at, position);
        }
        // An event without data is a heartbeat.
        if unnamed && event.data.trim_ascii().is_empty() {
            return;
        }
        let named_error = event.name == b"error";
        let chunk = match json::read(event.data) {
            Ok(chunk @ Value::Object(_)) => chunk,
            // Dynamo puts the error message in a comment beside the event's name.
            _ if named_error => {
                let said = match event.data.trim_ascii() {
                    b"" => event.comment,
                    data => data,
                };
                return self.report(&String::from_utf8_lossy(said));
            }
            // Events with other names are annotations, whatever they contain.
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
        self.came(gave, at, position);
    }

    /// Takes a chunk that equals the last parsed one except for its text. Returns what it
    /// contained; `None` if it differs.
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

    /// Records when an event arrived, if it contained text.
    fn came(&mut self, gave: Gave, at: Nanos, position: &mut ReadPosition) {
        self.timeline.spoken += gave.spoken;
        if gave.text {
            self.timeline.texts.push(at);
            let again = position.last_text == Some(position.read);
            if again && !position.coalesced {
                self.timeline.coalesced_reads += 1;
            }
            position.coalesced = again;
            position.last_text = Some(position.read);
        }
    }

    /// Takes one event of the responses API. Returns what it contained.
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

    /// Takes one chunk. Returns what it contained.
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
                // Dynamo sends the worker in every chunk, and the timing in the last chunk of each
                // choice.
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
