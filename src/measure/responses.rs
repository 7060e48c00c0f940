//! Streams of the responses API: typed events, of which the last repeats the complete answer. Pure.

use serde_json::{Value, json};

/// What has been read of such a stream.
#[derive(Debug, Default)]
pub(super) struct Response {
    /// The response in the last event that contained one.
    body: Value,
    /// Every delta in order of arrival: text, reasoning, arguments.
    all: String,
    /// Deltas of text alone.
    said: String,
    ended: bool,
}

/// The meaning of one event.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// It belongs to the output.
    pub(super) output: bool,
    /// It contained generated text, or the name of a tool.
    pub(super) text: bool,
    /// It contained text, reasoning or a refusal, not a call.
    pub(super) spoken: bool,
    /// It ends the stream.
    pub(super) last: bool,
    /// It reports this error.
    pub(super) wrong: Option<String>,
}

/// Whether an event belongs to this API.
pub(super) fn is_one(chunk: &Value) -> bool {
    let kind = chunk.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.starts_with("response."))
}

impl Response {
    /// Takes one event.
    pub(super) fn take(&mut self, mut chunk: Value) -> Step {
        let kind = chunk["type"].as_str().unwrap_or_default().to_owned();
        let mut step = Step {
            output: chunk.get("output_index").is_some(),
            ..Step::default()
        };
        if let Some(response) = chunk.get_mut("response") {
            self.body = response.take();
        }
        match kind.as_str() {
            "response.completed" | "response.incomplete" => {
                (self.ended, step.last) = (true, true);
                step.wrong = self.contradiction();
            }
            "response.failed" | "response.cancelled" => {
                (self.ended, step.last) = (true, true);
                if !self.body.is_object() {
                    self.body = json!({});
                }
                if let Value::Object(body) = &mut self.body {
                    let status = kind.trim_start_matches("response.");
                    body.entry("status").or_insert_with(|| status.into());
                }
            }
            // The name of a tool is the first token of its call.
            "response.output_item.added" => {
                let name = chunk["item"]["name"].as_str();
                step.text = name.is_some_and(|name| !name.is_empty());
            }
            _ if kind.ends_with(".delta") => {
                let delta = chunk["delta"].as_str().unwrap_or_default();
                step.text = !delta.is_empty();
                step.spoken = step.text && !kind.contains("call");
                self.all.push_str(delta);
                if kind == "response.output_text.delta" {
                    self.said.push_str(delta);
                }
            }
            _ => {}
        }
        step
    }

    /// Whether the complete response arrived.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The body as a unary call returns it, and all text.
    pub(super) fn finish(self) -> (Value, Vec<String>) {
        (self.body, vec![self.all])
    }

    /// The deltas must add up to what the response says in the end.
    fn contradiction(&self) -> Option<String> {
        let whole: String = parts(&self.body, "output_text").collect();
        (whole != self.said).then(|| {
            format!(
                "the deltas have {} characters of text and the completed response has {}: some were lost, doubled or changed",
                self.said.chars().count(),
                whole.chars().count()
            )
        })
    }
}

/// Texts of the content parts of one type.
fn parts<'b>(body: &'b Value, kind: &'b str) -> impl Iterator<Item = &'b str> {
    let items = body
        .get("output")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let content = items.flat_map(|item| {
        item.get("content")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    });
    content
        .filter(move |part| part["type"] == kind)
        .filter_map(|part| part["text"].as_str())
}

/// All text of a whole response: reasoning, what was said, arguments.
pub(super) fn whole_text(body: &Value) -> Option<String> {
    let items = body.get("output")?.as_array()?;
    Some(items.iter().map(item_text).collect())
}

/// All text of one item of an output.
pub(super) fn item_text(item: &Value) -> String {
    let lists = ["summary", "content"]
        .into_iter()
        .filter_map(|key| item.get(key)?.as_array());
    let said = lists
        .flatten()
        .filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str()));
    let mut text: String = said.collect();
    text.push_str(item["arguments"].as_str().unwrap_or_default());
    text
}

#[cfg(test)]
#[path = "tests/responses.rs"]
mod tests;
