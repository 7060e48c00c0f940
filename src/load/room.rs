//! Memory for answers, used again: to grow it anew for each costs page faults, a twentieth of what an event takes.

use crate::measure::exchange::{Arrival, Exchange};
use std::sync::{Mutex, PoisonError};

/// Most rooms that wait to be used.
const MOST: usize = 256;
/// Most bytes of a body whose memory is kept.
const LARGEST: usize = 64 << 10;

/// Where one answer goes as it comes; empty.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) body: Vec<u8>,
    pub(super) arrivals: Vec<Arrival>,
}

/// Rooms that whoever has done with an exchange gives back to whoever reads the next.
#[derive(Debug, Default)]
pub struct Rooms(Mutex<Vec<Room>>);

impl Rooms {
    /// Takes an exchange of which nothing is needed any more.
    pub fn give_back(&self, exchange: Exchange) {
        let Exchange {
            mut body,
            mut arrivals,
            ..
        } = exchange;
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MOST && body.capacity() <= LARGEST {
            body.clear();
            arrivals.clear();
            free.push(Room { body, arrivals });
        }
    }

    /// A room; of the ones given back the last, which the caches may still know.
    pub(super) fn take(&self) -> Room {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }
}
