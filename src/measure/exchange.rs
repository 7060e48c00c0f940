//! What the client saw of one request: bytes and their arrival times. Nothing is parsed here. The
//! hot path fills this in, and another thread makes an answer and a sample of it.

use std::sync::Arc;

/// An instant on CLOCK_MONOTONIC, in nanoseconds.
pub type Nanos = u64;

/// One read from the socket: the length of the body after it, and when the bytes arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Length of the decoded body after this read.
    pub end: usize,
    /// When the kernel received the last of these bytes, as CLOCK_MONOTONIC; the time of the read
    /// if the kernel gave no timestamp.
    pub kernel: Nanos,
    /// When the client read them.
    pub user: Nanos,
    /// Whether `kernel` is the kernel's own timestamp.
    pub stamped: bool,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The answer was received completely, according to its framing (length or chunks).
    Complete,
    /// No connection could be made.
    Connect(String),
    /// The request's time limit passed.
    Timeout,
    /// The connection broke or the framing was wrong.
    Broken(String),
    /// The run was cancelled.
    Cancelled,
}

/// Identifies a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// Index of the phase in the variant's phase list, warm-up included.
    pub phase: u32,
    /// Index of the request in its phase.
    pub index: u64,
    /// Index of the batch, for batch phases.
    pub batch: Option<u32>,
}

/// One request and everything received for it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Which request.
    pub id: RequestId,
    /// When it was due.
    pub due: Nanos,
    /// When its first byte was passed to the kernel; `None` if it never was.
    pub sent: Option<Nanos>,
    /// Time taken to connect, if a connection was opened for this request.
    pub connect: Option<Nanos>,
    /// Whether the connection had carried a request before.
    pub reused: bool,
    /// Whether the server closed a reused connection before any byte of the answer, so that the
    /// request was sent again, once, on a new connection. `sent` is then the time of the second
    /// attempt.
    pub reconnected: bool,
    /// When the exchange ended: the last byte's receive time, or the failure.
    pub ended: Nanos,
    /// The HTTP status, once known.
    pub status: Option<u16>,
    /// The headers of the answer, names in lower case.
    pub headers: Arc<[(String, String)]>,
    /// The decoded body.
    pub body: Vec<u8>,
    /// Receive times, in order.
    pub arrivals: Vec<Arrival>,
    /// How it ended.
    pub end: End,
}

impl Exchange {
    /// How long each timestamped read waited in the kernel before the client read it, in
    /// nanoseconds.
    #[must_use]
    pub fn delays(&self) -> Vec<u64> {
        let stamped = self.arrivals.iter().filter(|a| a.stamped);
        stamped.map(|a| a.user.saturating_sub(a.kernel)).collect()
    }
}
