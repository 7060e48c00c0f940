//! Turns bytes into an answer: one JSON body, or a stream of events assembled into the body that a
//! unary call would have returned, so that the same rules read both. Pure.

use super::exchange::{Arrival, Exchange, Nanos};
use super::stream::Stream;
use super::{json, message, reported};
use serde_json::Value;

/// The server's answer, assembled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The HTTP status; 0 when there was none.
    pub status: u16,
    /// The body as a unary call returns it: `choices[].text` or `choices[].message`,
    /// `finish_reason`, `usage`, the last `nvext`. `Null` if there was no JSON.
    pub body: Value,
    /// Text of each choice, by its `index`: content, reasoning, refusal and tool-call arguments in order of arrival.
    pub texts: Vec<String>,
    /// Whether it arrived as server-sent events.
    pub streamed: bool,
    /// The times of the relevant events. Empty if the answer did not stream.
    pub timeline: Timeline,
    /// Why the answer cannot be read, such as bad JSON or a compressed body.
    pub broken: Option<String>,
    /// The error that the answer itself reports, in the server's words.
    pub reported: Option<String>,
}

/// The times of one stream, on the kernel's receive clock (docs/metrics.md: first chunk, TTFT,
/// chunk gap).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// First event with `choices`, even with an empty delta.
    pub first_chunk: Option<Nanos>,
    /// Every event with generated text or the name of a tool, in order.
    pub texts: Vec<Nanos>,
    /// Between consecutive events with text of the same choice, in nanoseconds.
    pub gaps: Vec<u64>,
    /// Sum over all choices of the time from first to last text, in nanoseconds.
    pub spans: Nanos,
    /// Events with text of content, reasoning or refusal. Each contains at least one token of each
    /// choice in it.
    pub spoken: u32,
    /// Whether the stream ended properly: with `[DONE]`, or in the responses API with its last
    /// event.
    pub done: bool,
    /// Number of finish reasons of all choices.
    pub finish_reasons: u32,
    /// Number of events, without comments.
    pub events: u32,
    /// Reads that delivered the end of more than one event with text. The gaps between those events
    /// are unknown.
    pub coalesced_reads: u32,
}

/// Assembles what an exchange received, whether it ended
/// [`Complete`](super::exchange::End::Complete) or not.
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
        answer.streamed = true;
        Stream::read(exchange).into_answer(&mut answer);
    } else {
        match json::read(&exchange.body) {
            Ok(body) => {
                answer.texts = message::texts(&body);
                let error = reported::in_object(&body).filter(|_| ok);
                answer.reported =
                    error.map(|error| format!("the server answered with an error: {error}"));
                answer.body = body;
            }
            Err(_) if exchange.body.is_empty() => {
                answer.broken = ok.then(|| "the body is empty".into());
            }
            Err(error) => {
                let said = || shorten(String::from_utf8_lossy(&exchange.body).trim());
                answer.broken = ok.then(|| format!("the body is not JSON ({error}): `{}`", said()));
            }
        }
    }
    if ok {
        let body = &answer.body;
        answer.reported = answer
            .reported
            .or_else(|| reported::in_choices(body))
            .or_else(|| reported::in_response(body));
    }
    if answer.broken.is_none() {
        answer.broken = super::tools::trouble(&answer.body);
    }
    answer
}

/// The first 300 characters of `text`.
pub(crate) fn shorten(text: &str) -> String {
    let cut = text.char_indices().nth(300);
    cut.map_or_else(|| text.to_owned(), |(at, _)| format!("{}...", &text[..at]))
}

/// When the byte at offset `end` arrived: the time of the first read that reached it. The search
/// starts at read `from`; returns the read's index as well.
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

#[cfg(test)]
#[path = "tests/answer.rs"]
pub(super) mod tests;
