//! Drives load over HTTP/1.1 and records when each byte arrived. Answers are parsed no further than
//! HTTP framing requires. One thread owns one connection for each request in flight; nothing is
//! retried unseen. docs/decisions/0002-hot-path.md gives the reasons.

pub mod arrivals;
mod buffer_pool;
mod chunked;
pub(crate) mod driver;
mod flight;
pub mod http;
mod patience;
mod ring;
pub(crate) mod socket;
pub(crate) mod target;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use buffer_pool::BufferPool;
pub(crate) use driver::{Client, PhaseLoad, PhaseRun, drive};
pub(crate) use patience::{Patience, Seen};
pub(crate) use target::Target;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Load could not be driven at all. A failed request is not such an error: it becomes an exchange.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error("the endpoint `{url}` can't be used: {reason}")]
    Url {
        /// The URL as the user wrote it.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host has no address.
    #[error("failed to resolve `{host}`: {source}")]
    Resolve {
        /// The host's name.
        host: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// A header value or name would break the framing.
    #[error("the header `{name}` can't be sent: {reason}")]
    Header {
        /// Name of the header, made printable.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The limit on open files is too low for the connections that were asked for.
    #[error(
        "{needed} open files are needed, one for each request in flight, and the hard limit allows {allowed}; raise it (`ulimit -Hn {needed}` as root), or lower the concurrency"
    )]
    Files {
        /// How many are needed.
        needed: u64,
        /// How many the hard limit allows.
        allowed: u64,
    },
    /// The operating system refused.
    #[error("failed to {what}: {source}")]
    Os {
        /// The operation that failed.
        what: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
}

/// Ends a phase early. Any thread may use it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// Wraps a flag that other code raises as well.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

impl Cancel {
    /// Creates a flag that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the end. The driver notices within 20 ms.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was requested.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
