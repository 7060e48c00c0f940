//! From bytes to an answer: one JSON body, or a stream of events assembled into the body that a unary call would have
//! returned, so that the same rules read both. Pure.

use super::exchange::{Exchange, Nanos};
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
    /// Events in all, comments not counted.
    pub events: u32,
    /// Reads that carried more than one event.
    pub crowded_reads: u32,
}

/// Reads an exchange that ended [`Complete`](super::exchange::End::Complete) or otherwise; what is there is assembled.
#[must_use]
pub fn assemble(exchange: &Exchange) -> Answer {
    let _ = exchange;
    Answer::default()
}
