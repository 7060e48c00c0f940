//! Drives load over HTTP/1.1 and notes when every byte came; parses nothing that it need not. One thread, one
//! owned connection for each request in flight: no pool, no hidden retry. docs/decisions/0002-hot-path.md says why.

pub mod arrivals;
mod buffer_pool;
mod chunked;
pub mod driver;
mod flight;
pub mod http;
mod patience;
mod ring;
pub mod socket;
pub mod target;
#[cfg(test)]
mod tests;
mod tls;

pub use buffer_pool::BufferPool;
pub use driver::{Client, PhaseLoad, PhaseRun, drive};
pub use patience::{Patience, Seen};
pub use target::Target;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why load could not be driven at all. A request that fails is no such error: it is an exchange.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL can't be used.
    #[error("the endpoint `{url}` can't be used: {reason}")]
    Url {
        /// As given.
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
    /// A header would not stay one header.
    #[error("the header `{name}` can't be sent: {reason}")]
    Header {
        /// Its name, made printable.
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
        /// How many there may be.
        allowed: u64,
    },
    /// The operating system refused.
    #[error("failed to {what}: {source}")]
    Os {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: std::io::Error,
    },
}

/// Ends a phase early, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// A flag that others raise too.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

impl Cancel {
    /// Not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end. The driver notices within 20 ms.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
