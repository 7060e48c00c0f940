//! One request's row: its times in nanoseconds, its outcome and its counts. The record stores it.

use super::answer::{Answer, shorten};
use super::exchange::{End, Exchange, Nanos};
use super::reported::error_message;
use super::usage::{self, Miscount};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Why a request failed (docs/metrics.md: error classes).
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
    /// The connection or the framing broke, `[DONE]` was missing, or the JSON was bad.
    BrokenStream,
    /// The answer itself says that the request failed, whatever its status.
    ServerError,
    /// The answer lacks a part of what was asked for: a choice, a finish reason, text, a vector.
    IncompleteAnswer,
    /// The answer is of another model or kind: JSON in place of a stream, or a stream in place of JSON.
    MismatchedAnswer,
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

/// Text that arrived within this time, with several events per read, arrived at once; in
/// nanoseconds.
const BURST: Nanos = 1_000_000;

/// How the bytes of one answer were read, as a check of the client itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// Reads that carried bytes of the body.
    pub all: u32,
    /// Of these, reads without a usable kernel timestamp.
    pub unstamped: u32,
    /// Reads that delivered the end of more than one event with text.
    #[serde(rename = "crowded")]
    pub coalesced: u32,
    /// Events, without comments.
    pub events: u32,
}

/// How an answer was judged, apart from its transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether a rule asked for this status, so that a status other than 2xx is not a failure.
    pub status_accepted: bool,
    /// Why it is not a complete answer to the request: the class of the failure, and a message.
    pub fault: Option<(ErrorClass, String)>,
    /// How its token counts contradict the answer.
    pub miscounted: Option<Miscount>,
    /// The first rule that the answer broke, with a message.
    pub breach: Option<String>,
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
    /// Number of its conversation, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<u64>,
    /// Its turn in the conversation, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// When it was due.
    pub due_ns: Nanos,
    /// When its first byte was passed to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<Nanos>,
    /// Time taken to connect, if a connection was opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ns: Option<Nanos>,
    /// Whether its connection had carried a request before.
    pub reused: bool,
    /// Whether it was sent again on a new connection, because the server had closed the reused one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reconnected: bool,
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
    /// Number of choices with text, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<u32>,
    /// Sum over all choices of the time from first to last text, if there are several choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans_ns: Option<Nanos>,
    /// Longest time between consecutive events with text of the same choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_gap_ns: Option<Nanos>,
    /// Events with text.
    pub chunks: u32,
    /// How its bytes were read.
    #[serde(default)]
    pub reads: Reads,
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
    /// How the server's token counts contradict the answer, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miscounted: Option<Miscount>,
    /// `nvext.timing` as the server sent it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nvext_timing: Option<serde_json::Value>,
    /// First 16 hexadecimal digits of the SHA-256 of all choices' text.
    pub text_sha: String,
    /// The text itself, one entry per choice, if the scenario compares texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorClass>,
    /// The failure as a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Sample {
    /// Builds the row of one exchange. Times are relative to `zero`. With `keep_text`, the text
    /// itself is kept.
    #[must_use]
    pub fn new(
        exchange: &Exchange,
        answer: &Answer,
        zero: Nanos,
        judged: Judgement,
        keep_text: bool,
    ) -> Self {
        let since = |at: Nanos| at.saturating_sub(zero);
        let line = &answer.timeline;
        let chunks = count(line.texts.len());
        let voices = answer.texts.iter().filter(|text| !text.is_empty()).count();
        let several = answer.streamed && voices > 1;
        let counted = usage::output(&answer.body).tokens();
        let counted = counted.map(|n| (n, TokenSource::Usage));
        let counted = counted.or((chunks > 0).then_some((chunks.into(), TokenSource::Chunks)));
        let timing = answer.body.get("nvext").and_then(|n| n.get("timing"));
        let miscounted = judged.miscounted;
        let (error, detail) = failure(exchange, answer, judged).unzip();
        Self {
            phase: exchange.id.phase,
            index: exchange.id.index,
            batch: exchange.id.batch,
            conversation: None,
            turn: None,
            due_ns: since(exchange.due),
            sent_ns: exchange.sent.map(since),
            connect_ns: exchange.connect,
            reused: exchange.reused,
            reconnected: exchange.reconnected,
            first_chunk_ns: line.first_chunk.map(since),
            first_text_ns: line.texts.first().copied().map(since),
            last_text_ns: line.texts.last().copied().map(since),
            end_ns: since(exchange.ended),
            choices: several.then(|| count(voices)),
            spans_ns: several.then_some(line.spans),
            longest_gap_ns: line.gaps.iter().max().copied(),
            chunks,
            reads: Reads {
                all: count(exchange.arrivals.len()),
                unstamped: count(exchange.arrivals.iter().filter(|a| !a.stamped).count()),
                coalesced: line.coalesced_reads,
                events: line.events,
            },
            status: exchange.status,
            prompt_tokens: usage::prompt(&answer.body).tokens(),
            output_tokens: counted.map(|c| c.0),
            tokens_from: counted.map(|c| c.1),
            miscounted,
            nvext_timing: timing.filter(|t| !t.is_null()).cloned(),
            text_sha: digest(&answer.texts),
            text: keep_text.then(|| answer.texts.clone()),
            error,
            detail,
        }
    }

    /// Whether the request succeeded.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// Time to the first text, from `sent`, in nanoseconds.
    #[must_use]
    pub fn ttft(&self) -> Option<u64> {
        Some(self.first_text_ns?.saturating_sub(self.sent_ns?))
    }

    /// Time per output token after the first, in nanoseconds; with several choices, the mean over
    /// all their tokens. `None` for one token per choice, for text that arrived at once, and if the
    /// token count contradicts the answer.
    #[must_use]
    pub fn tpot(&self) -> Option<f64> {
        let firsts = u64::from(self.choices.unwrap_or(1));
        let after_first = self.output_tokens?.checked_sub(firsts).filter(|n| *n > 0)?;
        if self.miscounted.is_some() || self.at_once() {
            return None;
        }
        Some(self.speaking()? as f64 / after_first as f64)
    }

    /// End to end / output tokens, in nanoseconds; `None` where the count of tokens contradicts what came.
    #[must_use]
    pub fn ntpot(&self) -> Option<f64> {
        let believed = self.miscounted.is_none();
        let tokens = self.output_tokens.filter(|n| *n > 0 && believed)?;
        Some(self.e2e()? as f64 / tokens as f64)
    }

    /// The longest stall of its text, in nanoseconds; `None` where all text arrived at once.
    #[must_use]
    pub fn longest_gap(&self) -> Option<u64> {
        self.longest_gap_ns.filter(|_| !self.at_once())
    }

    /// Whether all text arrived at once, so that its duration is unknown: in one event, at one
    /// time, or in a burst of reads with several events each, as a buffering proxy sends it.
    #[must_use]
    pub fn at_once(&self) -> bool {
        let Some(speaking) = self.speaking() else {
            return false;
        };
        self.chunks < 2 || speaking == 0 || self.reads.coalesced > 0 && speaking < BURST
    }

    /// Whether there would be a time per token if the text had not arrived at once.
    #[must_use]
    pub fn pace_unknown(&self) -> bool {
        let firsts = u64::from(self.choices.unwrap_or(1));
        self.at_once() && self.output_tokens > Some(firsts)
    }

    /// Sum over all choices of the time from first to last text.
    fn speaking(&self) -> Option<Nanos> {
        let whole = || Some(self.last_text_ns?.saturating_sub(self.first_text_ns?));
        self.spans_ns.or_else(whole)
    }

    /// From the first byte sent to the last byte received, in nanoseconds.
    #[must_use]
    pub fn e2e(&self) -> Option<u64> {
        Some(self.end_ns.saturating_sub(self.sent_ns?))
    }

    /// How late the client itself was: time from due to sent without the time taken to connect, in
    /// nanoseconds.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        let waited = self.sent_ns?.saturating_sub(self.due_ns);
        Some(waited.saturating_sub(self.connect_ns.unwrap_or(0)))
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Timeout => f.write_str("timeout"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Overload(status) => write!(f, "overload {status}"),
            Self::BrokenStream => f.write_str("broken stream"),
            Self::ServerError => f.write_str("server error"),
            Self::IncompleteAnswer => f.write_str("incomplete answer"),
            Self::MismatchedAnswer => f.write_str("mismatched answer"),
            Self::Assertion => f.write_str("assertion"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Why the request failed, if it did: first the transport, then the status, the form of the answer,
/// and last the rules. An error message of the server explains more than how the connection ended
/// afterwards.
fn failure(
    exchange: &Exchange,
    answer: &Answer,
    judged: Judgement,
) -> Option<(ErrorClass, String)> {
    let broken = match &exchange.end {
        End::Connect(why) => return Some((ErrorClass::Connect, why.clone())),
        End::Timeout => return Some((ErrorClass::Timeout, "no complete answer in time".into())),
        End::Cancelled => return Some((ErrorClass::Cancelled, "the run was cancelled".into())),
        End::Broken(why) => Some((ErrorClass::BrokenStream, why.clone())),
        End::Complete => None,
    };
    let status = exchange.status.unwrap_or(0);
    let fine = (200..300).contains(&status) || judged.status_accepted;
    if status != 0 && !fine {
        let class = match status {
            429 | 503 | 529 => ErrorClass::Overload(status),
            _ => ErrorClass::Status(status),
        };
        let said = error_message(&answer.body);
        let said = said.unwrap_or_else(|| shorten(&String::from_utf8_lossy(&exchange.body)));
        let said = said.trim();
        let said = if said.is_empty() {
            "an empty body"
        } else {
            said
        };
        return Some((class, said.to_owned() + &leads_to(exchange, status)));
    }
    let said = |fault: &&(ErrorClass, String)| fault.0 == ErrorClass::ServerError;
    let breach = judged.breach.map(|why| (ErrorClass::Assertion, why));
    judged
        .fault
        .as_ref()
        .filter(said)
        .cloned()
        .or(broken)
        .or(judged.fault)
        .or(breach)
}

/// Where a redirect points to. Redirects are not followed.
fn leads_to(exchange: &Exchange, status: u16) -> String {
    let mut headers = exchange.headers.iter();
    let location = headers.find(|(name, _)| name == "location");
    match location.filter(|_| (300..400).contains(&status)) {
        Some((_, place)) => format!(" (Location: {})", shorten(place)),
        None => String::new(),
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of the texts, joined by zero bytes.
fn digest(texts: &[String]) -> String {
    // Several empty choices get the hash of one, so that an answer without text always has the same
    // hash.
    let silent = texts.iter().all(String::is_empty);
    let joined = if silent {
        String::new()
    } else {
        texts.join("\0")
    };
    hex::encode(&Sha256::digest(joined)[..8])
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(b: &bool) -> bool {
    !b
}

#[cfg(test)]
#[path = "tests/sample.rs"]
mod tests;
