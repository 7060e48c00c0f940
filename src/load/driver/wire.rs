//! What the driver does with one connection: connect, write, read, and judge what went wrong.

use super::{Connection, Driver, Slot};
use crate::load::socket::Socket;
use crate::measure::clock;
use crate::measure::exchange::End;
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};

impl Driver<'_> {
    /// Begins a new connection for the flight in `slot`, to the next address that has not refused it.
    pub(super) fn connect(&mut self, slot: usize) {
        let now = clock::now();
        let deadline = self.deadline_after(now);
        let addresses = &self.target.addresses;
        let Some(flight) = self.slots[slot].flight.as_mut() else {
            return;
        };
        if flight.refused == 0 {
            flight.connect_began = now;
            flight.deadline = deadline;
        }
        let mut why = String::new();
        while flight.refused < addresses.len() {
            let address = addresses[(self.address + flight.refused) % addresses.len()];
            let begun = Socket::connect(address).and_then(|socket| {
                let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
                self.epoll
                    .add(&socket, EpollEvent::new(both, slot as u64))?;
                Ok(socket)
            });
            match begun {
                Ok(socket) => {
                    self.connections += 1;
                    self.slots[slot].connection = Some(Connection {
                        socket,
                        open: false,
                        wants_room: true,
                    });
                    return;
                }
                Err(error) => why = format!("{address}: {}", error.desc()),
            }
            flight.refused += 1;
        }
        self.land(slot, End::Connect(why));
    }

    pub(super) fn ready(&mut self, slot: usize, flags: EpollFlags) {
        let Some(Slot {
            connection: Some(connection),
            flight,
        }) = self.slots.get_mut(slot)
        else {
            return;
        };
        let Some(flight) = flight else {
            // The server closed a connection that was idle, or spoke unasked.
            self.slots[slot].connection = None;
            return;
        };
        if !connection.open {
            match connection.socket.error() {
                Ok(()) if !flags.contains(EpollFlags::EPOLLOUT) => {}
                Ok(()) => {
                    connection.open = true;
                    flight.connect = Some(clock::now().saturating_sub(flight.connect_began));
                    let addresses = self.target.addresses.len();
                    self.address = (self.address + flight.refused) % addresses;
                    self.write(slot);
                }
                Err(error) => {
                    flight.refused += 1;
                    let last = flight.refused == self.target.addresses.len();
                    self.slots[slot].connection = None;
                    if last {
                        self.land(slot, End::Connect(error.desc().into()));
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
        if flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            self.read(slot);
        }
    }

    pub(super) fn write(&mut self, slot: usize) {
        let now = clock::now();
        let deadline = self.deadline_after(now);
        let Slot {
            connection: Some(connection),
            flight: Some(flight),
        } = &mut self.slots[slot]
        else {
            return;
        };
        if flight.sent.is_none() {
            flight.sent = Some(now);
            flight.deadline = deadline;
        }
        while !flight.is_written() && flight.write_error.is_none() {
            match connection.socket.write(&flight.request[flight.written..]) {
                Ok(n) => flight.written += n,
                Err(Errno::EAGAIN) => break,
                Err(error) => flight.write_error = Some(error.desc().into()),
            }
        }
        let failed = flight.write_error.is_some();
        let wants_room = !flight.is_written() && !failed;
        if wants_room != connection.wants_room {
            connection.wants_room = wants_room;
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, wants_room);
            let mut event = EpollEvent::new(flags, slot as u64);
            // A socket that epoll knows can be modified; if not, the deadline ends the request.
            let _ = self.epoll.modify(&connection.socket, &mut event);
        }
        if failed {
            // The answer that made the server close may be there.
            self.read(slot);
        }
    }

    fn read(&mut self, slot: usize) {
        loop {
            let Slot {
                connection: Some(connection),
                flight: Some(flight),
            } = &mut self.slots[slot]
            else {
                return;
            };
            let outcome = match connection.socket.read(&mut self.buffers) {
                Ok(received) if received.bytes.is_empty() => {
                    let outcome = flight.response.closed();
                    outcome.map(|()| true)
                }
                Ok(received) => {
                    let user = clock::now();
                    let outcome = flight.receive(&received, user, &mut self.clock);
                    outcome.map(|()| !received.full)
                }
                Err(Errno::EAGAIN) => match flight.write_error.take() {
                    Some(error) => Err(format!("failed to send the request: {error}")),
                    None => Ok(true),
                },
                Err(error) => Err(format!("failed to read the answer: {}", error.desc())),
            };
            match outcome {
                Ok(_) if flight.response.is_done() => return self.land(slot, End::Complete),
                // A write that failed is decided by what the reads find, down to the last.
                Ok(drained) if drained && flight.write_error.is_none() => return,
                Ok(_) => {}
                Err(why) => return self.broken(slot, why),
            }
        }
    }

    fn broken(&mut self, slot: usize, why: String) {
        let flight = self.slots[slot].flight.as_mut();
        match flight.filter(|f| f.may_reconnect()) {
            Some(flight) => {
                flight.start_over();
                self.slots[slot].connection = None;
                self.reconnects += 1;
                self.connect(slot);
            }
            None => self.land(slot, End::Broken(why)),
        }
    }
}
