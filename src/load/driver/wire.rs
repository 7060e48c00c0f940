//! What the driver does with one connection: connect, write, read, and judge what went wrong.

use super::Driver;
use super::pool::{NEWS, Slot};
use crate::load::socket::Trouble;
use crate::measure::clock;
use crate::measure::exchange::End;
use nix::sys::epoll::{EpollEvent, EpollFlags};

/// An answer that lasts until the connection ends is known to be whole only if TLS says so.
const CUT: &str = "the connection ended without TLS saying that it would (no close_notify), so the answer may be cut";

impl Driver<'_> {
    /// Begins a new connection for the flight in `slot`, to the next address that has not refused it.
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
                Err(Trouble::Later) => {}
                Err(Trouble::Failed(said)) => why = format!("{address}: {said}"),
            }
        }
        self.land(slot, End::Connect(why));
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
                    self.pool.address = (self.pool.address + flight.tried - 1) % addresses;
                    self.write(slot);
                }
                Err(why) => {
                    let last = flight.tried == self.target.addresses.len();
                    self.pool.slots[slot].connection = None;
                    if last {
                        self.land(slot, End::Connect(why));
                    } else {
                        self.connect(slot);
                    }
                }
            }
            return;
        }
        if flags.contains(EpollFlags::EPOLLOUT) && !flight.is_written() {
            self.write(slot);
        }
        let ends = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        if flags.intersects(EpollFlags::EPOLLIN | ends) {
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
                Err(Trouble::Later) => break,
                Err(Trouble::Failed(why)) => flight.write_error = Some(why),
            }
        }
        let failed = flight.write_error.is_some();
        let wants_room = !flight.is_written() && !failed;
        if wants_room != connection.wants_room {
            connection.wants_room = wants_room;
            let mut flags = NEWS;
            flags.set(EpollFlags::EPOLLOUT, wants_room);
            let mut event = EpollEvent::new(flags, slot as u64);
            // A socket that epoll knows can be modified; if not, the deadline ends the request.
            let _ = self.pool.epoll.modify(&connection.socket, &mut event);
        }
        if failed {
            // The answer that made the server close may be there.
            self.read(slot, true);
        }
    }

    /// Reads all that has come. That the connection `ends` is told once, so that it is then read to its end.
    fn read(&mut self, slot: usize, ends: bool) {
        loop {
            let Slot {
                connection: Some(connection),
                flight: Some(flight),
            } = &mut self.pool.slots[slot]
            else {
                return;
            };
            let outcome = match connection.read(&mut self.buffers) {
                Ok(received) if received.bytes.is_empty() => match flight.response.closed() {
                    Ok(()) if connection.is_cut() => Err(CUT.into()),
                    outcome => outcome.map(|()| true),
                },
                Ok(received) => {
                    self.seen = clock::now();
                    let outcome = flight.receive(&received, self.seen, &mut self.clock);
                    outcome.map(|()| !received.full && !ends)
                }
                Err(Trouble::Later) => match flight.write_error.take() {
                    Some(error) => Err(format!("failed to send the request: {error}")),
                    None => Ok(true),
                },
                Err(Trouble::Failed(why)) => Err(format!("failed to read the answer: {why}")),
            };
            match outcome {
                Ok(drained) if flight.response.is_done() => {
                    // What else comes, nobody waits for.
                    if !drained {
                        self.pool.slots[slot].connection = None;
                    }
                    return self.land(slot, End::Complete);
                }
                // A write that failed is decided by what the reads find, down to the last.
                Ok(drained) if drained && flight.write_error.is_none() => return,
                Ok(_) => {}
                Err(why) => return self.broken(slot, why),
            }
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
            None => self.land(slot, End::Broken(why)),
        }
    }
}
