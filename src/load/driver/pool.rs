//! Slots and their connections. They outlive a phase, so that the next one finds open connections.

use super::connection::Connection;
use super::{Driver, PhaseLoad, PhaseRun, WAIT, os};
use crate::load::flight::Flight;
use crate::load::ring::{self, Completion, Ring};
use crate::load::socket::{IoFailure, allow_files};
use crate::load::{BufferPool, Cancel, Error, Target};
use crate::measure::clock;
use crate::measure::exchange::{Exchange, Nanos};
use crate::plan::Shape;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// The epoll data of the timer, in place of a slot.
pub(super) const TIMER: u64 = u64::MAX;
/// Events watched on an open connection. Edge-triggered: a level-triggered event would be reported
/// again by the next wait, although the data was read, and each such check polls the socket.
pub(super) const WATCHED: EpollFlags = EpollFlags::EPOLLIN
    .union(EpollFlags::EPOLLRDHUP)
    .union(EpollFlags::EPOLLET);
/// Descriptors that the rest of the process may need, besides one for each connection.
const OTHER_FILES: u64 = 256;
/// Most connections being opened at once. More would overflow the listen backlog of most servers.
const MAX_CONNECTING: usize = 128;
/// How long the start may wait for connections, in nanoseconds.
const CONNECT_LIMIT: Nanos = 5_000_000_000;
/// Open connections that an open loop keeps ready.
const SPARES: usize = 64;
/// Time before a due request in which no connection is started, in nanoseconds.
const QUIET_TIME: Nanos = 400_000;

/// Time after a failed early connection in which none is started, in nanoseconds.
const REFUSAL_PAUSE: Nanos = 100_000_000;

/// Completions of the ring that are handled together.
pub(super) const BATCH: usize = 32;

/// A client with its connections to one target.
pub(crate) struct Client<'a> {
    target: &'a Target,
    pool: Pool,
}

impl<'a> Client<'a> {
    /// Creates a client without connections.
    ///
    /// # Errors
    /// When the kernel provides no epoll or timer.
    pub(crate) fn new(target: &'a Target) -> Result<Self, Error> {
        Ok(Self {
            target,
            pool: Pool::new(target).map_err(os(WAIT))?,
        })
    }

    /// Checks whether io_uring reads plaintext answers here. If not, epoll does.
    ///
    /// # Errors
    /// Why io_uring cannot be used.
    pub(crate) fn reads_by_ring() -> io::Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        ring(&epoll).map(drop)
    }

    /// The buffers of exchanges that are no longer needed go back to this pool, from any thread.
    #[must_use]
    pub(crate) fn buffer_pool(&self) -> Arc<BufferPool> {
        Arc::clone(&self.pool.buffer_pool)
    }

    /// Drives phases one after the other. Each begins when the previous one has sent its last
    /// request. Passes each exchange to `sink`, on this thread, as soon as it ended. Returns the
    /// phases that began.
    ///
    /// # Errors
    /// When the path is invalid or the limit on open files is too low. Failed requests are
    /// exchanges.
    pub(crate) fn drive(
        &mut self,
        phases: &[PhaseLoad<'_>],
        cancel: &Cancel,
        sink: &mut dyn FnMut(Exchange),
    ) -> Result<Vec<PhaseRun>, Error> {
        for phase in phases {
            if !phase.path.starts_with('/') || !phase.path.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(Error::Url {
                    url: phase.path.escape_default().to_string(),
                    reason: "it is not the path of an API".into(),
                });
            }
            let needed = phase.shape.most_in_flight() as u64 + OTHER_FILES;
            let allowed = allow_files(needed);
            // An open loop uses the descriptors there are. If they do not suffice, its requests
            // fail and say so.
            let fixed = !matches!(phase.shape, Shape::Open { .. });
            if fixed && allowed < needed {
                return Err(Error::Files { needed, allowed });
            }
        }
        Driver::new(self.target, phases, &mut self.pool, sink).run(cancel)
    }
}

/// Holds one request in flight, and the connection that it leaves to the next request.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) connection: Option<Connection>,
    pub(super) flight: Option<Flight>,
}

impl Slot {
    /// Whether the ring reads this connection under this name.
    pub(super) fn is_read_as(&self, name: u64) -> bool {
        let read = self.connection.as_ref().and_then(|c| c.ring);
        read.map(u64::from) == Some(name >> 32)
    }
}

/// The slot in the name of a read. A name is the read's number (upper 32 bits) and the slot (lower
/// 32 bits).
pub(super) fn slot_in(name: u64) -> usize {
    usize::try_from(name & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

pub(super) struct Pool {
    pub(super) epoll: Epoll,
    /// The ring that reads, if available and the connection is plaintext.
    pub(super) ring: Option<Ring>,
    /// Reads submitted to the ring so far, modulo 2^32.
    reads: u32,
    timer: TimerFd,
    /// When the timer expires.
    armed: Nanos,
    pub(super) slots: Vec<Slot>,
    /// Slots with an open connection but no request.
    warm: Vec<usize>,
    /// Slots without connection and request.
    cold: Vec<usize>,
    /// Connections being opened for which no request waits.
    connecting: usize,
    pub(super) buffer_pool: Arc<BufferPool>,
    /// Index of the address that accepted a connection last.
    pub(super) address: usize,
    /// Start of the time in which connections may be opened ahead again, after one failed.
    spares_from: Nanos,
}

impl Pool {
    fn new(target: &Target) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let plain = target.tls.is_none();
        Ok(Self {
            ring: plain.then(|| ring(&epoll)).and_then(Result::ok),
            epoll,
            reads: 0,
            timer,
            armed: Nanos::MAX,
            slots: Vec::new(),
            warm: Vec::new(),
            cold: Vec::new(),
            connecting: 0,
            buffer_pool: Arc::default(),
            address: 0,
            spares_from: 0,
        })
    }

    /// Makes epoll return at `at`. Does nothing if no request is due.
    pub(super) fn wake_at(&mut self, at: Nanos) {
        let never = Nanos::MAX - super::WATCH;
        if at == self.armed || at >= never {
            return;
        }
        self.armed = at;
        let at = TimeSpec::from_duration(std::time::Duration::from_nanos(at.max(1)));
        // If the kernel refuses, the next regular check finds the due request.
        let _ = self.timer.set(
            Expiration::OneShot(at),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        );
    }

    /// Handles the expiry of the timer.
    pub(super) fn timer_expired(&mut self) {
        self.armed = Nanos::MAX;
        // Reading resets the expiry count. The timer is level-triggered: unread, it would end every
        // further wait at once.
        let _ = self.timer.wait();
    }

    /// Takes a slot for a request, with an open connection if there is one.
    pub(super) fn take(&mut self) -> usize {
        let free = self.warm.pop().or_else(|| self.cold.pop());
        free.unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        })
    }

    /// Starts reading an open connection.
    pub(super) fn listen(&mut self, slot: usize) {
        let Some(connection) = &mut self.slots[slot].connection else {
            return;
        };
        connection.wants_write = false;
        if let Some(ring) = &mut self.ring {
            // Every connection gets a new number. A late completion of an earlier connection in
            // this slot is recognised by the old one.
            self.reads = self.reads.wrapping_add(1);
            let name = u64::from(self.reads) << 32 | slot as u64;
            connection.ring = ring
                .read(&connection.socket, name)
                .ok()
                .map(|()| self.reads);
        }
        self.watch(slot);
    }

    /// Takes completions from the ring, at most [`BATCH`]. Returns whether there are any. Slots
    /// and buffers have left the CPU caches meanwhile; prefetching those of a whole batch takes
    /// hardly longer than fetching one.
    pub(super) fn collect(&mut self, batch: &mut Vec<Completion>) -> bool {
        batch.clear();
        while batch.len() < BATCH
            && let Some(done) = self.ring.as_mut().and_then(Ring::next)
        {
            if let Some(slot) = self.slot_of(&done) {
                ring::fetch(std::slice::from_ref(slot));
            }
            batch.push(done);
        }
        for done in &*batch {
            if let Some(Slot { flight, .. }) = self.slot_of(done)
                && let Some(flight) = flight
            {
                flight.prefetch_buffers();
            }
        }
        !batch.is_empty()
    }

    fn slot_of(&mut self, done: &Completion) -> Option<&mut Slot> {
        match done {
            Completion::Read(read) => self.slots.get_mut(slot_in(read.name)),
            Completion::Epoll => None,
        }
    }

    /// Submits the read of a connection again, if the connection still exists.
    pub(super) fn read_on(&mut self, slot: usize, name: u64) {
        let place = self.slots.get(slot).filter(|slot| slot.is_read_as(name));
        let connection = place.and_then(|slot| slot.connection.as_ref());
        if let (Some(ring), Some(connection)) = (&mut self.ring, connection) {
            // If that fails, the deadline ends the request.
            let _ = ring.read(&connection.socket, name);
        }
    }

    /// Updates what epoll watches on an open connection. A connection that the ring reads is in
    /// epoll only while the request waits for room in the send buffer.
    pub(super) fn watch(&mut self, slot: usize) {
        let Some(connection) = &self.slots[slot].connection else {
            return;
        };
        let mut flags = WATCHED;
        flags.set(EpollFlags::EPOLLOUT, connection.wants_write);
        let mut event = EpollEvent::new(flags, slot as u64);
        // These calls fail only if the socket is in an unexpected state. The deadline then ends the
        // request.
        let _ = match (connection.ring, connection.wants_write) {
            // EPOLL_CTL_MOD checks readiness anew: bytes that arrived before this call raise an
            // edge.
            (None, _) => self.epoll.modify(&connection.socket, &mut event),
            (Some(_), true) => self.epoll.add(&connection.socket, event),
            (Some(_), false) => self.epoll.delete(&connection.socket),
        };
    }

    /// Drops the connection of a slot without a request.
    pub(super) fn drop_connection(&mut self, slot: usize) {
        self.slots[slot].connection = None;
        self.warm.retain(|warm| *warm != slot);
        self.cold.push(slot);
    }

    /// Takes a slot back from its request.
    pub(super) fn give(&mut self, slot: usize, keep: bool) {
        let place = &mut self.slots[slot];
        if !keep {
            place.connection = None;
        }
        match &mut place.connection {
            Some(connection) => {
                connection.carried = true;
                // Last in, first out: the connection used most recently is the least likely to have
                // been closed by the server.
                self.warm.push(slot);
            }
            None => self.cold.push(slot),
        }
    }
}

impl Driver<'_> {
    /// Opens the connections of the first requests ahead of time. If the server refuses one, the
    /// requests try themselves and report it.
    pub(super) fn prepare(
        &mut self,
        cancel: &Cancel,
        events: &mut [EpollEvent],
    ) -> Result<(), Error> {
        let wanted = self.phases.iter().map(|phase| at_first(phase.shape));
        let wanted = wanted.max().unwrap_or(0);
        let until = clock::now().saturating_add(CONNECT_LIMIT);
        let mut refused = false;
        loop {
            let open = self.pool.warm.len();
            while !refused
                && open + self.pool.connecting < wanted
                && self.pool.connecting < MAX_CONNECTING
            {
                refused = !self.connect_ahead();
            }
            let late = clock::now() >= until || cancel.is_cancelled();
            if self.pool.connecting == 0 || late {
                return Ok(());
            }
            let patience =
                EpollTimeout::from(u8::try_from(super::CANCEL_CHECK_MS).unwrap_or(u8::MAX));
            let count = match self.pool.epoll.wait(events, patience) {
                Err(Errno::EINTR) => 0,
                waited => waited.map_err(os(WAIT))?,
            };
            for event in &events[..count] {
                let cold = self.pool.cold.len();
                self.take(event);
                refused |= self.pool.cold.len() > cold;
            }
        }
    }

    /// Starts one of the connections that an open loop keeps ready, if there is time before the
    /// next request.
    pub(super) fn keep_spares(&mut self) {
        let Shape::Open { max_in_flight, .. } = self.phases[self.current].shape else {
            return;
        };
        let ready = self.pool.warm.len() + self.pool.connecting;
        let most = usize::try_from(*max_in_flight).unwrap_or(usize::MAX);
        let now = clock::now();
        let calm = self.next_due.saturating_sub(now) > QUIET_TIME && now >= self.pool.spares_from;
        if calm && self.next_due < Nanos::MAX && ready < SPARES && ready + self.in_flight < most {
            self.connect_ahead();
        }
    }

    /// Starts a connection for which no request waits. Returns whether it could be started.
    fn connect_ahead(&mut self) -> bool {
        let addresses = &self.target.addresses;
        let address = addresses[self.pool.address % addresses.len()];
        let slot = match self.pool.cold.pop() {
            Some(slot) => slot,
            None => {
                self.pool.slots.push(Slot::default());
                self.pool.slots.len() - 1
            }
        };
        let Ok(connection) = self.pool.begin(self.target, address, slot) else {
            self.pool.cold.push(slot);
            return false;
        };
        self.current_run().connections += 1;
        self.pool.slots[slot].connection = Some(connection);
        self.pool.connecting += 1;
        true
    }

    /// Handles an event of a connection without a request.
    pub(super) fn idle_event(&mut self, slot: usize, flags: EpollFlags) {
        let Some(connection) = &mut self.pool.slots[slot].connection else {
            return;
        };
        if connection.open {
            // Otherwise the server closed the idle connection or sent data without a request.
            if !connection.is_quiet(&mut self.buffers) {
                self.pool.drop_connection(slot);
            }
            return;
        }
        match connection.establish(flags, &mut self.buffers) {
            Ok(false) => return,
            Ok(true) => {
                let took = clock::now().saturating_sub(connection.began);
                self.pool.listen(slot);
                self.current_run().prepared.push(took);
                self.pool.warm.push(slot);
            }
            Err(_) => {
                self.pool.slots[slot].connection = None;
                self.pool.cold.push(slot);
                // Without a pause, a server that refuses connections would be asked again at once,
                // without end.
                self.pool.spares_from = clock::now().saturating_add(REFUSAL_PAUSE);
            }
        }
        self.pool.connecting -= 1;
    }
}

impl Pool {
    /// Starts to connect for a slot.
    pub(super) fn begin(
        &self,
        target: &Target,
        address: SocketAddr,
        slot: usize,
    ) -> Result<Connection, IoFailure> {
        let connection = Connection::begin(target, address)?;
        // Edge-triggered while connecting, too: every step of connecting and of the TLS handshake
        // goes on until EAGAIN.
        let both = WATCHED | EpollFlags::EPOLLOUT;
        let event = EpollEvent::new(both, slot as u64);
        self.epoll.add(&connection.socket, event)?;
        Ok(connection)
    }
}

/// Sets up a ring, if the user and the machine allow it.
fn ring(epoll: &Epoll) -> io::Result<Ring> {
    match std::env::var_os("BENCH_IO_URING") {
        Some(said) if said == "off" => Err(io::Error::other("BENCH_IO_URING is off")),
        _ => Ring::beside(&epoll.0),
    }
}

/// Connections that a phase needs at its start.
fn at_first(shape: &Shape) -> usize {
    let most = shape.most_in_flight();
    match shape {
        Shape::Open { .. } => most.min(SPARES),
        _ => most,
    }
}
