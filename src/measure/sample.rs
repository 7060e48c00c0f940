//! One request's row: its timeline in nanoseconds, its outcome and its counts. This is what the record keeps.

use super::exchange::Nanos;
use serde::{Deserialize, Serialize};

/// Why a request failed (METRICS: error classes).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// No connection.
    Connect,
    /// The time limit passed.
    Timeout,
    /// A status other than 2xx that is not overload.
    Status(u16),
    /// 429, 503 or 529.
    Overload(u16),
    /// The connection or the framing broke, `[DONE]` was missing, the JSON was bad, or an error event came.
    BrokenStream,
    /// The answer broke a rule of the scenario.
    Assertion,
    /// The run was cancelled.
    Cancelled,
}

/// Where a token count came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's `usage`.
    Usage,
    /// Events with text were counted.
    Chunks,
}

/// One request, as a row of `samples.jsonl`. Instants are nanoseconds since the variant's load began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Index of the phase, warm-up included.
    pub phase: u32,
    /// Index of the request in its phase.
    pub index: u64,
    /// Index of the batch, for batch phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// When the schedule wanted it sent.
    pub due_ns: Nanos,
    /// When its first byte went to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<Nanos>,
    /// Time taken to connect, when a connection was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ns: Option<Nanos>,
    /// Whether its connection had carried a request before.
    pub reused: bool,
    /// First event with `choices`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_chunk_ns: Option<Nanos>,
    /// First event with text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_text_ns: Option<Nanos>,
    /// Last event with text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_text_ns: Option<Nanos>,
    /// Last byte, or the failure.
    pub end_ns: Nanos,
    /// Events with text.
    pub chunks: u32,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Prompt tokens, from `usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Where `output_tokens` came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_from: Option<TokenSource>,
    /// `nvext.timing` as the server sent it, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nvext_timing: Option<serde_json::Value>,
    /// First 16 hexadecimal digits of the SHA-256 of all choices' text.
    pub text_sha: String,
    /// The text itself, one entry a choice, where the scenario compares texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorClass>,
    /// The failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Sample {
    /// Whether the request succeeded.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }
}
