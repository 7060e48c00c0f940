//! The responses API, event by event as vLLM 0.31 sends it, whichever server is imitated.

use super::answer::Answer;
use super::engine::Token;
use serde_json::{Value, json};

/// Events before the first delta.
const OPENING: u32 = 4;
/// The only item of the output, and its only part.
const ITEM: &str = "9da9e3736eaf79a9";

impl Answer {
    /// The events for a token.
    pub(super) fn response_events(&self, token: Token) -> Vec<String> {
        let mut events = if token.position == 0 {
            self.opening()
        } else {
            Vec::new()
        };
        if let Some(delta) = self.text(0, token.position) {
            let more = json!({"content_index": 0, "delta": delta, "item_id": ITEM, "logprobs": [], "output_index": 0});
            events.push(event("output_text.delta", OPENING + token.position, more));
        }
        events
    }

    /// The events that end a stream.
    pub(super) fn response_closing(&self) -> Vec<String> {
        let text = self.whole_text();
        let part =
            json!({"annotations": [], "text": text, "type": "output_text", "logprobs": null});
        let item = json!({"id": ITEM, "content": [part], "role": "assistant", "status": "completed", "type": "message"});
        let closing = [
            (
                "output_text.done",
                json!({"content_index": 0, "item_id": ITEM, "logprobs": [], "output_index": 0, "text": text}),
            ),
            (
                "content_part.done",
                json!({"content_index": 0, "item_id": ITEM, "output_index": 0, "part": part}),
            ),
            ("output_item.done", json!({"item": item, "output_index": 0})),
            ("completed", json!({"response": self.response(true)})),
        ];
        let first = OPENING + self.ask.choices[0].length;
        let last = if self.fate.no_done { 3 } else { 4 };
        let events = (first..).zip(closing).take(last);
        events
            .map(|(number, (kind, more))| event(kind, number, more))
            .collect()
    }

    /// The complete response.
    pub(super) fn response(&self, ended: bool) -> Value {
        let limited = ended && self.ask.choices[0].finish_reason == "length";
        let status = match (ended, limited) {
            (false, _) => "in_progress",
            (true, true) => "incomplete",
            (true, false) => "completed",
        };
        let output = json!([{
            "id": format!("msg_{ITEM}"), "role": "assistant", "status": "completed", "type": "message",
            "content": [{"annotations": [], "text": self.whole_text(), "type": "output_text", "logprobs": null}],
        }]);
        let usage = self.usage();
        let counts = json!({
            "input_tokens": usage.prompt, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.completion, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.prompt + usage.completion,
        });
        let reason = if limited {
            json!({"reason": "max_output_tokens"})
        } else {
            Value::Null
        };
        json!({
            "id": self.envelope.id, "created_at": self.envelope.created, "incomplete_details": reason, "instructions": null,
            "metadata": null, "model": self.envelope.model, "object": "response",
            "output": if ended { output } else { json!([]) },
            "parallel_tool_calls": true, "tool_choice": "none", "tools": [], "service_tier": "auto", "status": status,
            "truncation": "disabled", "usage": if ended { counts } else { Value::Null },
        })
    }

    fn opening(&self) -> Vec<String> {
        let item = json!({"id": ITEM, "content": [], "role": "assistant", "status": "in_progress", "type": "message"});
        let part = json!({"annotations": [], "text": "", "type": "output_text", "logprobs": []});
        let begun = json!({"response": self.response(false)});
        vec![
            event("created", 0, begun.clone()),
            event("in_progress", 1, begun),
            event(
                "output_item.added",
                2,
                json!({"item": item, "output_index": 0}),
            ),
            event(
                "content_part.added",
                3,
                json!({"content_index": 0, "item_id": ITEM, "output_index": 0, "part": part}),
            ),
        ]
    }

    fn whole_text(&self) -> String {
        let choice = &self.ask.choices[0];
        (0..choice.length)
            .map(|position| choice.prompt.word(position))
            .collect()
    }
}

fn event(kind: &str, number: u32, mut data: Value) -> String {
    data["sequence_number"] = number.into();
    data["type"] = format!("response.{kind}").into();
    format!("event: response.{kind}\ndata: {data}\n\n")
}
