//! Delivers one answer: turns tokens into events of a stream, or into one body.

use super::chunk::{Envelope, Usage};
use super::engine::{Timing, Token};
use super::fault::Fate;
use super::options::Flavour;
use super::request::{Api, Ask};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The only worker's id. Real ids are as large, beyond what an f64 represents exactly.
const WORKER_ID: u64 = 738_205_542_462_230_537;

/// An answer with its faults.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) envelope: Envelope,
    pub(super) ask: Ask,
    pub(super) fate: Fate,
    /// When the request arrived, in ms since the epoch.
    pub(super) received_ms: u64,
}

impl Answer {
    /// The events for a token, each `data: ...` with its blank line.
    pub(super) fn events(&self, token: Token) -> Vec<String> {
        if self.ask.api == Api::Responses {
            return self.response_events(token);
        }
        let choice = self.ask.choices[token.choice];
        let first = token.position == 0;
        let text = self.text(token.choice, token.position);
        let finish = token.timing.map(|_| choice.finish_reason);
        let mut chunks = Vec::new();
        if first && (self.envelope.flavour, self.ask.api) == (Flavour::Vllm, Api::Chat) {
            chunks.push(self.envelope.role_chunk(token.choice));
        }
        if text.is_some() || finish.is_some() {
            chunks.push(self.chunk(token, &text.unwrap_or_default(), finish));
        }
        chunks.iter().map(event).collect()
    }

    /// The events that end a stream.
    pub(super) fn closing(&self) -> Vec<String> {
        if self.ask.api == Api::Responses {
            return self.response_closing();
        }
        let usage = self
            .ask
            .include_usage
            .then(|| event(&self.envelope.usage_chunk(self.usage())));
        let done = (!self.fate.no_done).then(|| "data: [DONE]\n\n".to_owned());
        usage.into_iter().chain(done).collect()
    }

    /// The complete answer at once. `timing` is that of the slowest choice.
    pub(super) fn body(&self, timing: Option<Timing>) -> Value {
        match self.ask.api {
            Api::Responses => return self.response(true),
            Api::Embeddings => return self.embeddings(),
            Api::Completions | Api::Chat => {}
        }
        let choices: Vec<_> = self
            .ask
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| {
                let text = (0..choice.length)
                    .filter_map(|position| self.text(index, position))
                    .collect();
                (text, choice.finish_reason)
            })
            .collect();
        let mut body = self.envelope.whole(&choices, self.usage());
        self.extend(&mut body, timing);
        body
    }

    /// Tokens in a stream, over all choices.
    pub(super) fn length(&self) -> u64 {
        self.ask
            .choices
            .iter()
            .map(|choice| u64::from(choice.length))
            .sum()
    }

    fn chunk(&self, token: Token, text: &str, finish: Option<&str>) -> Value {
        let mut chunk = self
            .envelope
            .text_chunk(token.choice, text, token.position == 0, finish);
        self.extend(&mut chunk, finish.and(token.timing));
        if finish.is_some() && !self.ask.include_usage {
            chunk = self.envelope.sign(chunk);
        }
        chunk
    }

    /// The text of a token. Faults drop or double the text of the first choice's second token, or
    /// of its only one.
    pub(super) fn text(&self, choice: usize, position: u32) -> Option<String> {
        let Ask { choices, .. } = &self.ask;
        let hit = choice == 0 && position == 1.min(choices[0].length - 1);
        let word = choices[choice].prompt.word(position);
        match (hit && self.fate.drop_token, hit && self.fate.double_token) {
            (true, _) => None,
            (_, true) => Some(word.repeat(2)),
            _ => Some(word.to_owned()),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            prompt: self
                .ask
                .choices
                .iter()
                .map(|choice| u64::from(choice.prompt.tokens))
                .sum(),
            completion: self.length() + u64::from(self.fate.wrong_usage),
        }
    }

    /// Adds the requested `nvext`.
    fn extend(&self, object: &mut Value, timing: Option<Timing>) {
        let mut nvext = Map::new();
        if self.ask.worker_id {
            let ids = json!({"prefill_worker_id": WORKER_ID, "decode_worker_id": WORKER_ID});
            nvext.insert("worker_id".to_owned(), ids);
        }
        if let Some(timing) = timing.filter(|_| self.ask.timing) {
            nvext.insert("timing".to_owned(), self.timing(timing));
        }
        if !nvext.is_empty() {
            object["nvext"] = Value::Object(nvext);
        }
    }

    fn timing(&self, timing: Timing) -> Value {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        json!({
            "request_received_ms": self.received_ms,
            "prefill_wait_time_ms": ms(timing.front + timing.wait),
            "prefill_time_ms": ms(timing.prefill),
            "ttft_ms": ms(timing.front + timing.wait + timing.prefill),
            "total_time_ms": ms(timing.front + timing.total),
        })
    }
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}
