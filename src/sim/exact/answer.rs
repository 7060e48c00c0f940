//! One answer of the oracle: its tokens, when each is due, and the bytes that deliver it.

use super::connection::Asked;
use super::{Timetable, Truth};
use serde_json::{Value, json};
use std::time::Duration;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) truth: Truth,
    pub(super) is_completion: bool,
    asked: Asked,
    /// Tokens that `usage` counts.
    tokens: u32,
    /// The tokens that are sent, in order.
    plan: Vec<u32>,
    sent: usize,
    first: u64,
    gap: u64,
}

impl Answer {
    pub(super) fn new(number: u64, received: u64, asked: &Asked, table: &Timetable) -> Self {
        let hit = |every: Option<u64>| every.is_some_and(|n| (number + 1).is_multiple_of(n));
        let tokens = asked.tokens.unwrap_or(table.tokens);
        let middle = tokens / 2;
        let mut plan: Vec<u32> = (0..tokens).collect();
        if hit(table.double_every) {
            plan.insert(middle as usize, middle);
        }
        if hit(table.drop_every) {
            plan.retain(|token| *token != middle);
        }
        let late = if hit(table.late_every) {
            table.late_by
        } else {
            Duration::ZERO
        };
        Self {
            truth: Truth {
                request: number,
                received,
                sends: Vec::with_capacity(plan.len()),
            },
            is_completion: asked.is_completion,
            asked: *asked,
            tokens,
            plan,
            sent: 0,
            first: received + nanos(table.ttft + late),
            gap: nanos(table.gap),
        }
    }

    /// When the next bytes are due; `None` at the end.
    pub(super) fn due(&self) -> Option<u64> {
        let whole = !(self.is_completion && self.asked.streams);
        let last = self.plan.len().saturating_sub(1);
        match self.sent {
            0 if !self.is_completion => Some(self.truth.received),
            0 if whole => Some(self.first + self.gap * last as u64),
            _ if whole || self.sent >= self.plan.len().max(1) => None,
            sent => Some(self.first + self.gap * sent as u64),
        }
    }

    /// The next bytes, and whether they contain a token of a stream.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, bool)> {
        self.due()?;
        let at = self.sent;
        self.sent += 1;
        if !self.is_completion {
            return Some((
                sized(&json!({"object": "list", "data": [{"id": "sim", "object": "model"}]})),
                false,
            ));
        }
        if !self.asked.streams {
            let text: String = self.plan.iter().map(|token| word(*token)).collect();
            return Some((sized(&self.whole(&text)), false));
        }
        let mut bytes = if at == 0 {
            HEAD.to_owned()
        } else {
            String::new()
        };
        let last = at + 1 >= self.plan.len();
        let token = self.plan.get(at);
        if let Some(token) = token {
            self.event(&mut bytes, &word(*token), last);
        }
        if last {
            let usage = format!(
                "{{\"id\":\"{}\",\"choices\":[],\"usage\":{}}}",
                self.id(),
                self.usage()
            );
            chunk(&mut bytes, &usage);
            chunk(&mut bytes, "[DONE]");
            bytes.push_str("0\r\n\r\n");
        }
        Some((bytes.into_bytes(), token.is_some()))
    }

    fn id(&self) -> String {
        format!("exact-{}", self.truth.request)
    }

    fn usage(&self) -> Value {
        json!({"prompt_tokens": 1, "completion_tokens": self.tokens, "total_tokens": self.tokens + 1})
    }

    /// Formatted by hand, because the oracle must not use the CPU time that it measures.
    fn event(&self, to: &mut String, text: &str, last: bool) {
        let finish = if last { "\"length\"" } else { "null" };
        let (object, choice) = if self.asked.is_chat {
            (
                "chat.completion.chunk",
                format!("\"delta\":{{\"content\":\"{text}\"}}"),
            )
        } else {
            ("text_completion", format!("\"text\":\"{text}\""))
        };
        let id = self.id();
        chunk(
            to,
            &format!(
                "{{\"id\":\"{id}\",\"object\":\"{object}\",\"created\":1,\"model\":\"sim\",\"choices\":[{{\"index\":0,{choice},\"logprobs\":null,\"finish_reason\":{finish}}}]}}"
            ),
        );
    }

    fn whole(&self, text: &str) -> Value {
        let choice = if self.asked.is_chat {
            json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "length"})
        } else {
            json!({"index": 0, "text": text, "finish_reason": "length"})
        };
        let object = if self.asked.is_chat {
            "chat.completion"
        } else {
            "text_completion"
        };
        json!({
            "id": self.id(), "object": object, "created": 1, "model": "sim", "choices": [choice], "usage": self.usage(),
        })
    }
}

fn word(token: u32) -> String {
    format!(" t{token}")
}

/// One event as one HTTP chunk.
fn chunk(to: &mut String, data: &str) {
    use std::fmt::Write as _;
    let length = data.len() + "data: \n\n".len();
    let _ = write!(to, "{length:x}\r\ndata: {data}\n\n\r\n");
}

fn sized(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
