//! From bytes to an answer: one JSON body, or a stream of events assembled into the body that a unary call would have
//! returned, so that the same rules read both. Pure.

use super::exchange::{Arrival, Exchange, Nanos};
use super::stream::Stream;
use serde_json::Value;

/// What the server said, assembled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The HTTP status; 0 when there was none.
    pub status: u16,
    /// The body as a unary call returns it: `choices[].text` or `choices[].message`, `finish_reason`, `usage`, the last `nvext`.
    /// `Null` when there was no JSON.
    pub body: Value,
    /// Text of each choice, by its `index`: content, reasoning and tool-call arguments in order of arrival.
    pub texts: Vec<String>,
    /// The instants of the events that matter; empty for an answer that did not stream.
    pub timeline: Timeline,
    /// `None`, or why the answer can't be read: bad JSON, no `[DONE]`, an error event.
    pub broken: Option<String>,
}

/// The instants of one stream, on the kernel's receive clock (METRICS: first chunk, TTFT, chunk gap).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// First event with `choices`, even with an empty delta.
    pub first_chunk: Option<Nanos>,
    /// Every event with non-empty text, in order.
    pub texts: Vec<Nanos>,
    /// Whether `[DONE]` ended the stream.
    pub done: bool,
    /// Finish reasons, of all choices together.
    pub finish_reasons: u32,
    /// Events in all, comments not counted.
    pub events: u32,
    /// Reads that carried the end of more than one event with text: the gaps between those are lost.
    pub crowded_reads: u32,
}

impl Timeline {
    /// The gaps between consecutive events with text, in nanoseconds.
    #[must_use]
    pub fn gaps(&self) -> Vec<u64> {
        let pairs = self.texts.windows(2);
        pairs.map(|w| w[1].saturating_sub(w[0])).collect()
    }
}

/// Reads an exchange that ended [`Complete`](super::exchange::End::Complete) or otherwise; what is there is assembled.
#[must_use]
pub fn assemble(exchange: &Exchange) -> Answer {
    let mut answer = Answer {
        status: exchange.status.unwrap_or(0),
        ..Answer::default()
    };
    let ok = (200..300).contains(&answer.status);
    if let Some(encoding) = foreign_encoding(exchange) {
        let reason = format!("the body is compressed ({encoding}), which was not asked for");
        answer.broken = Some(reason);
    } else if streams(exchange) {
        Stream::read(exchange).into_answer(&mut answer);
    } else {
        match serde_json::from_slice(&exchange.body) {
            Ok(body) => {
                answer.texts = unary_texts(&body);
                answer.body = body;
                if ok && let Some(error) = reported_error(&answer.body) {
                    answer.broken = Some(format!("the server answered with an error: {error}"));
                }
            }
            Err(_) if exchange.body.is_empty() => {
                answer.broken = ok.then(|| "the body is empty".into());
            }
            Err(error) => answer.broken = ok.then(|| format!("the body is not JSON: {error}")),
        }
    }
    if answer.broken.is_none() {
        answer.broken = super::tools::trouble(&answer.body);
    }
    answer
}

/// What a server's error body says, in at most a few hundred characters: `error.message` (OpenAI, vLLM), `message` (Dynamo),
/// `detail` (FastAPI).
#[must_use]
pub fn error_message(body: &Value) -> Option<String> {
    let error = body.get("error").filter(|e| !e.is_null()).unwrap_or(body);
    let said = ["message", "detail", "error"]
        .iter()
        .find_map(|key| error.get(key))
        .or(error.is_string().then_some(error))?;
    let text = said.as_str().map_or_else(|| said.to_string(), Into::into);
    Some(shorten(&text))
}

/// The error that an object reports, if it does: in `error` (OpenAI, vLLM), or as `message` and `code` (Dynamo).
pub(super) fn reported_error(body: &Value) -> Option<String> {
    let nested = body.get("error").is_some_and(|e| !e.is_null());
    let has = |key| body.get(key).is_some();
    let flat = has("message") && has("code") && !has("choices");
    if !nested && !flat {
        return None;
    }
    Some(error_message(body).unwrap_or_else(|| shorten(&body.to_string())))
}

/// At most 300 characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    let cut = text.char_indices().nth(300);
    cut.map_or_else(|| text.to_owned(), |(at, _)| format!("{}...", &text[..at]))
}

/// The content of a message or a delta that reasons: some servers send it under both names.
pub(super) fn reasoning(message: &Value) -> Option<&str> {
    let of = |key| message.get(key).and_then(Value::as_str);
    let named = ["reasoning_content", "reasoning"];
    named.into_iter().filter_map(of).find(|t| !t.is_empty())
}

/// When the byte at offset `end` had come: the instant of the first read that reached it. `from` is where to begin looking;
/// returns the read's position with it.
pub(super) fn arrived(arrivals: &[Arrival], from: usize, end: usize) -> Option<(usize, Nanos)> {
    let found = arrivals.iter().enumerate().skip(from);
    let mut found = found.skip_while(|(_, a)| a.end < end);
    found.next().map(|(i, a)| (i, a.kernel))
}

fn header<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e str> {
    let mut all = exchange.headers.iter();
    all.find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

fn foreign_encoding(exchange: &Exchange) -> Option<String> {
    let encoding = header(exchange, "content-encoding")?.trim();
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    (!plain).then(|| shorten(encoding))
}

fn streams(exchange: &Exchange) -> bool {
    let kind = header(exchange, "content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("text/event-stream") {
        return true;
    }
    if kind.eq_ignore_ascii_case("application/json") {
        return false;
    }
    let body = exchange.body.as_slice();
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let body = body.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"]
        .iter()
        .any(|field| body.starts_with(field))
}

fn unary_texts(body: &Value) -> Vec<String> {
    if let Some(text) = super::responses::whole_text(body) {
        return vec![text];
    }
    let none = Vec::new();
    let choices = body.get("choices").and_then(Value::as_array);
    let mut choices: Vec<&Value> = choices.unwrap_or(&none).iter().collect();
    choices.sort_by_key(|c| c.get("index").and_then(Value::as_u64));
    choices.into_iter().map(unary_text).collect()
}

fn unary_text(choice: &Value) -> String {
    if let Some(text) = choice.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    let Some(message) = choice.get("message") else {
        return String::new();
    };
    let content = message.get("content").and_then(Value::as_str);
    let mut text = [reasoning(message), content]
        .into_iter()
        .flatten()
        .collect::<String>();
    for call in message
        .get("tool_calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        text.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
    }
    text
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
