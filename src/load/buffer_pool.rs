//! Reuses the buffers that answers are read into. Growing new ones for each answer causes page faults, which cost about a
//! twentieth of the time that an event takes.

use crate::measure::exchange::{Arrival, Exchange};
use std::sync::{Mutex, PoisonError};

/// Most free buffers that are kept.
const MOST: usize = 256;
/// Largest capacity of a body that is kept, in bytes.
const LARGEST: usize = 64 << 10;

/// The empty buffers for one answer.
#[derive(Debug, Default)]
pub(super) struct AnswerBuffers {
    pub(super) body: Vec<u8>,
    pub(super) arrivals: Vec<Arrival>,
}

/// Free buffers. The assessor returns those of finished exchanges; the driver takes them for new requests.
#[derive(Debug, Default)]
pub(crate) struct BufferPool(Mutex<Vec<AnswerBuffers>>);

impl BufferPool {
    /// Returns the buffers of an exchange that is no longer needed.
    pub(crate) fn give_back(&self, exchange: Exchange) {
        let Exchange {
            mut body,
            mut arrivals,
            ..
        } = exchange;
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MOST && body.capacity() <= LARGEST {
            body.clear();
            arrivals.clear();
            free.push(AnswerBuffers { body, arrivals });
        }
    }

    /// Takes free buffers, or new ones.
    pub(super) fn take(&self) -> AnswerBuffers {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Last in, first out: the buffers returned last are the most likely to be in the caches still.
        free.pop().unwrap_or_default()
    }
}
