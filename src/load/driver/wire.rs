//! What the driver does with one connection: connect, write, read, and decide what went wrong.

use super::Driver;
use super::pool::{Pool, Slot, slot_in};
use crate::load::flight::Flight;
use crate::load::ring::Read;
use crate::load::socket::{IoFailure, Received};
use crate::measure::clock::{self, Realtime};
use crate::measure::exchange::{End, Nanos};
use nix::sys::epoll::EpollFlags;

/// Evaluates one read. Returns whether it took all bytes that were there.
fn taken(
    flight: &mut Flight,
    received: Result<Received<'_>, IoFailure>,
    seen: Nanos,
    clock: &mut Realtime,
) -> Result<bool, String> {
    match received {
        Ok(received) if received.bytes.is_empty() => flight.response.closed().map(|()| true),
        Ok(received) => {
            let outcome = flight.receive(&received, seen, clock);
            outcome.map(|()| !received.full)
        }
        Err(IoFailure::WouldBlock) => match flight.write_error.take() {
            Some(error) => Err(format!("failed to send the request: {error}")),
            None => Ok(true),
        },
        Err(IoFailure::Failed(why)) => Err(format!("failed to read the answer: {why}")),
    }
}

/// An answer that is delimited by the end of the connection is known to be complete only if TLS
/// announced that end.
const CUT: &str = "the connection ended without a TLS close_notify, so the answer may be cut";

impl Driver<'_> {
    /// Starts a new connection for the flight in `slot`, to the next address that has not refused
    /// it.
    pub(super) fn connect(&mut self, slot: usize) {
        let now = clock::now();
        let Some(phase) = self.phase_of(slot) else {
            return;
        };
        let deadline = self.deadline_after(now, self.phases[phase].timeout);
        let addresses = &self.target.addresses;
        let mut why = String::new();
        while let Some(flight) = self.pool.slots[slot].flight.as_mut()
            && flight.tried < addresses.len()
        {
            if flight.tried == 0 {
                flight.connect_began = now;
                flight.deadline = deadline;
            }
            let address = addresses[(self.pool.address + flight.tried) % addresses.len()];
            flight.tried += 1;
            match self.pool.begin(self.target, address, slot) {
                Ok(connection) => {
                    self.runs[self.current].connections += 1;
                    self.pool.slots[slot].connection = Some(connection);
                    return;
                }
                Err(IoFailure::WouldBlock) => {}
                Err(IoFailure::Failed(said)) => why = format!("{address}: {said}"),
            }
        }
        self.end_flight(slot, End::Connect(why));
    }

    fn phase_of(&self, slot: usize) -> Option<usize> {
        self.pool.slots[slot].flight.as_ref().map(|f| f.phase)
    }

    pub(super) fn ready(&mut self, slot: usize, flags: EpollFlags) {
        let Some(Slot {
            connection: Some(connection),
            flight,
        }) = self.pool.slots.get_mut(slot)
        else {
            return;
        };
        let Some(flight) = flight else {
            return self.idle_event(slot, flags);
        };
        if !connection.open {
            match connection.establish(flags, &mut self.buffers) {
                Ok(false) => {}
                Ok(true) => {
                    flight.connect = Some(clock::now().saturating_sub(flight.connect_began));
                    let addresses = self.target.addresses.len();
                    // From now on, the address that accepted is tried first.
                    self.pool.address = (self.pool.address + flight.tried - 1) % addresses;
                    self.pool.listen(slot);
                    self.write(slot);
                }
                Err(why) => {
                    let last = flight.tried == self.target.addresses.len();
                    self.pool.slots[slot].connection = None;
                    if last {
                        self.end_flight(slot, End::Connect(why));
                    } else {
                        self.connect(slot);
                    }
                }
            }
            return;
        }
        let is_read = connection.ring.is_some();
        if flags.contains(EpollFlags::EPOLLOUT) && !flight.is_written() {
            self.write(slot);
        }
        let ends = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        if !is_read && flags.intersects(EpollFlags::EPOLLIN | ends) {
            self.read(slot, flags.intersects(ends));
        }
    }

    pub(super) fn write(&mut self, slot: usize) {
        let Some(phase) = self.phase_of(slot) else {
            return;
        };
        let now = clock::now();
        let deadline = self.deadline_after(now, self.phases[phase].timeout);
        let Slot {
            connection: Some(connection),
            flight: Some(flight),
        } = &mut self.pool.slots[slot]
        else {
            return;
        };
        if flight.sent.is_none() {
            flight.sent = Some(now);
            flight.deadline = deadline;
        }
        while !flight.is_written() && flight.write_error.is_none() {
            match connection.write(&flight.request[flight.written..]) {
                Ok(n) => flight.written += n,
                Err(IoFailure::WouldBlock) => break,
                Err(IoFailure::Failed(why)) => flight.write_error = Some(why),
            }
        }
        let failed = flight.write_error.is_some();
        let wants_write = !flight.is_written() && !failed;
        if wants_write != connection.wants_write {
            connection.wants_write = wants_write;
            self.pool.watch(slot);
        }
        // A server may answer (for instance 413) and close before it read the whole request. The
        // write then fails, but the answer may be in the receive buffer: read it before judging.
        // The ring's read is still pending; shutdown makes it complete.
        match &self.pool.slots[slot].connection {
            Some(connection) if failed && connection.ring.is_some() => {
                connection.socket.shut_down()
            }
            _ if failed => self.read(slot, true),
            _ => {}
        }
    }

    /// Reads all that arrived. `ends` says that the peer closed the connection; epoll reports this
    /// once (edge-triggered), so the read then continues to the end of the stream.
    fn read(&mut self, slot: usize, ends: bool) {
        loop {
            let Slot {
                connection: Some(connection),
                flight: Some(flight),
            } = &mut self.pool.slots[slot]
            else {
                return;
            };
            // A read that does not fill the buffer has drained the socket (epoll(7)), so the read
            // that would return EAGAIN is not needed.
            let received = connection.read(&mut self.buffers);
            self.seen = clock::now();
            let outcome = match taken(flight, received, self.seen, &mut self.clock) {
                Ok(_) if connection.is_cut() => Err(CUT.into()),
                outcome => outcome.map(|drained| drained && !ends),
            };
            if !self.judge_read(slot, outcome) {
                return;
            }
        }
    }

    /// Judges a read. Returns whether to read again at once.
    fn judge_read(&mut self, slot: usize, outcome: Result<bool, String>) -> bool {
        let Some(flight) = &self.pool.slots[slot].flight else {
            return false;
        };
        match outcome {
            Ok(drained) if flight.response.is_done() => {
                // Bytes after a complete answer belong to no request, so the connection is not
                // reused.
                if !drained {
                    self.pool.slots[slot].connection = None;
                }
                self.end_flight(slot, End::Complete);
                false
            }
            // After a failed write, the remaining reads decide the outcome.
            Ok(drained) => !drained || flight.write_error.is_some(),
            Err(why) => {
                self.broken(slot, why);
                false
            }
        }
    }

    /// Takes a completed read of the ring.
    pub(super) fn take_read(&mut self, read: &Read) {
        let slot = slot_in(read.name);
        let Pool { slots, ring, .. } = &mut *self.pool;
        let Some(ring) = ring else {
            return;
        };
        let outcome = match slots
            .get_mut(slot)
            .filter(|slot| slot.is_read_as(read.name))
        {
            Some(Slot { flight, .. }) => match (ring.received(read), flight) {
                (Err(IoFailure::WouldBlock), _) => Some(Ok(true)),
                (received, Some(flight)) => {
                    self.seen = clock::now();
                    Some(taken(flight, received, self.seen, &mut self.clock))
                }
                (_, None) => None,
            },
            // A completion of an earlier connection in this slot: the read was pending when the
            // connection was dropped.
            None => return ring.give_back(read),
        };
        // Given back before the driver does anything else: a multishot read ends with ENOBUFS when
        // the kernel finds no buffer.
        ring.give_back(read);
        match outcome {
            Some(outcome) => {
                self.judge_read(slot, outcome);
            }
            None => self.pool.drop_connection(slot),
        }
        // Without IORING_CQE_F_MORE the multishot read has ended (no buffer, an error or the end of
        // the stream). Submit it again, unless the connection is gone.
        if !read.more {
            self.pool.read_on(slot, read.name);
        }
    }

    fn broken(&mut self, slot: usize, why: String) {
        let flight = self.pool.slots[slot].flight.as_mut();
        match flight.filter(|f| f.may_reconnect()) {
            Some(flight) => {
                flight.start_over();
                self.pool.slots[slot].connection = None;
                self.runs[self.current].reconnects += 1;
                self.connect(slot);
            }
            None => self.end_flight(slot, End::Broken(why)),
        }
    }
}
