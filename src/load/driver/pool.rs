//! Slots and their connections. They outlive a phase, so that the next one finds them open.

use super::connection::Connection;
use super::{Driver, PhaseLoad, PhaseRun, WAIT, os};
use crate::load::flight::Flight;
use crate::load::ring::{self, Done, Ring};
use crate::load::socket::{Trouble, allow_files};
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

/// What epoll says of the timer, in place of a slot.
pub(super) const TIMER: u64 = u64::MAX;
/// What is told of an open connection, once each time that it comes: to be told of it again at the next look, when it has
/// been read, costs a poll of the socket.
pub(super) const NEWS: EpollFlags = EpollFlags::EPOLLIN
    .union(EpollFlags::EPOLLRDHUP)
    .union(EpollFlags::EPOLLET);
/// Files that the rest of the process may need beside one for each connection.
const OTHER_FILES: u64 = 256;
/// Connections in the making at once; more would overflow the backlogs of most servers.
const CONNECTING: usize = 128;
/// How long a phase may wait for its connections before it begins without them, in nanoseconds.
const PATIENCE: Nanos = 5_000_000_000;
/// Open connections that an open loop keeps ready.
const SPARES: usize = 64;
/// Time before a request is due in which no connection is begun, in nanoseconds.
const CALM: Nanos = 400_000;

/// Time after a connection ahead has failed in which none is begun, in nanoseconds.
const REFUSED: Nanos = 100_000_000;

/// Things done by the ring that are handled together.
pub(super) const TOGETHER: usize = 32;

/// A client: the connections to one target.
pub struct Client<'a> {
    target: &'a Target,
    pool: Pool,
}

impl<'a> Client<'a> {
    /// A client without connections.
    ///
    /// # Errors
    /// When the kernel gives no epoll or timer.
    pub fn new(target: &'a Target) -> Result<Self, Error> {
        Ok(Self {
            target,
            pool: Pool::new(target).map_err(os(WAIT))?,
        })
    }

    /// Whether io_uring reads the answers that no TLS hides; if not, epoll does.
    ///
    /// # Errors
    /// Why not.
    pub fn reads_by_ring() -> io::Result<()> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        ring(&epoll).map(drop)
    }

    /// Where exchanges may go back to, from any thread, when nothing of them is needed any more.
    #[must_use]
    pub fn buffer_pool(&self) -> Arc<BufferPool> {
        Arc::clone(&self.pool.buffer_pool)
    }

    /// Drives phases one after the other, each of which begins when the one before has sent its last request, and hands
    /// every exchange to `sink`, on this thread, as soon as it has ended. Gives what the phases took that began.
    ///
    /// # Errors
    /// When the path is no path or the limit on open files is too low. Requests that fail are exchanges.
    pub fn drive(
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
            // An open loop takes what there is; should it not be enough, its requests fail and say so.
            let fixed = !matches!(phase.shape, Shape::Open { .. });
            if fixed && allowed < needed {
                return Err(Error::Files { needed, allowed });
            }
        }
        Driver::new(self.target, phases, &mut self.pool, sink).run(cancel)
    }
}

/// A place for one request in flight, and the connection that it leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) connection: Option<Connection>,
    pub(super) flight: Option<Flight>,
}

impl Slot {
    /// Whether the ring reads its connection, and by this name.
    pub(super) fn is_read_as(&self, name: u64) -> bool {
        let read = self.connection.as_ref().and_then(|c| c.ring);
        read.map(u64::from) == Some(name >> 32)
    }
}

/// The slot whose connection the ring reads by this name.
pub(super) fn slot_in(name: u64) -> usize {
    usize::try_from(name & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

pub(super) struct Pool {
    pub(super) epoll: Epoll,
    /// What reads, where it can be had and no TLS lies between.
    pub(super) ring: Option<Ring>,
    /// Reads asked of the ring so far, modulo 2^32.
    reads: u32,
    timer: TimerFd,
    /// When the timer goes off.
    armed: Nanos,
    pub(super) slots: Vec<Slot>,
    /// Slots with an open connection and no request.
    warm: Vec<usize>,
    /// Slots with neither.
    cold: Vec<usize>,
    /// Connections in the making that no request waits for.
    connecting: usize,
    pub(super) buffer_pool: Arc<BufferPool>,
    /// The address that last took a connection.
    pub(super) address: usize,
    /// No connection is opened ahead before this: one has just failed.
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

    /// Has epoll return at `at`, or not for the time's sake where `at` is as far as it gets.
    pub(super) fn wake_at(&mut self, at: Nanos) {
        let never = Nanos::MAX - super::WATCH;
        if at == self.armed || at >= never {
            return;
        }
        self.armed = at;
        let at = TimeSpec::from_duration(std::time::Duration::from_nanos(at.max(1)));
        // Should the kernel refuse, the next glance finds what is due.
        let _ = self.timer.set(
            Expiration::OneShot(at),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        );
    }

    /// The timer went off.
    pub(super) fn woken(&mut self) {
        self.armed = Nanos::MAX;
        let _ = self.timer.wait();
    }

    /// A slot for a request, with an open connection where there is one.
    pub(super) fn take(&mut self) -> usize {
        let free = self.warm.pop().or_else(|| self.cold.pop());
        free.unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        })
    }

    /// Has what comes on an open connection read.
    pub(super) fn listen(&mut self, slot: usize) {
        let Some(connection) = &mut self.slots[slot].connection else {
            return;
        };
        connection.wants_write = false;
        if let Some(ring) = &mut self.ring {
            self.reads = self.reads.wrapping_add(1);
            let name = u64::from(self.reads) << 32 | slot as u64;
            connection.ring = ring
                .read(&connection.socket, name)
                .ok()
                .map(|()| self.reads);
        }
        self.watch(slot);
    }

    /// Takes what the ring has done, as much as is handled together; whether there is any. The caches have lost the slots, and
    /// where each answer goes on; they fetch them for all in hardly more time than for one.
    pub(super) fn collect(&mut self, batch: &mut Vec<Done>) -> bool {
        batch.clear();
        while batch.len() < TOGETHER
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

    fn slot_of(&mut self, done: &Done) -> Option<&mut Slot> {
        match done {
            Done::Read(read) => self.slots.get_mut(slot_in(read.name)),
            Done::Epoll => None,
        }
    }

    /// Has the ring go on reading a connection, if it is still there.
    pub(super) fn read_on(&mut self, slot: usize, name: u64) {
        let place = self.slots.get(slot).filter(|slot| slot.is_read_as(name));
        let connection = place.and_then(|slot| slot.connection.as_ref());
        if let (Some(ring), Some(connection)) = (&mut self.ring, connection) {
            // If it can't, the deadline ends the request.
            let _ = ring.read(&connection.socket, name);
        }
    }

    /// Has epoll tell what is to be known of an open connection.
    pub(super) fn watch(&mut self, slot: usize) {
        let Some(connection) = &self.slots[slot].connection else {
            return;
        };
        let mut flags = NEWS;
        flags.set(EpollFlags::EPOLLOUT, connection.wants_write);
        let mut event = EpollEvent::new(flags, slot as u64);
        // A socket that epoll knows can be modified; if not, the deadline ends the request.
        let _ = match (connection.ring, connection.wants_write) {
            (None, _) => self.epoll.modify(&connection.socket, &mut event),
            (Some(_), true) => self.epoll.add(&connection.socket, event),
            (Some(_), false) => self.epoll.delete(&connection.socket),
        };
    }

    /// Gives up the connection of a slot without a request.
    pub(super) fn lose(&mut self, slot: usize) {
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
                self.warm.push(slot);
            }
            None => self.cold.push(slot),
        }
    }
}

impl Driver<'_> {
    /// Opens the first phase's connections, so that its first requests need not wait for them. A server that refuses one is
    /// left to the requests, which say so.
    pub(super) fn prepare(
        &mut self,
        cancel: &Cancel,
        events: &mut [EpollEvent],
    ) -> Result<(), Error> {
        let wanted = self.phases.iter().map(|phase| at_first(phase.shape));
        let wanted = wanted.max().unwrap_or(0);
        let until = clock::now().saturating_add(PATIENCE);
        let mut refused = false;
        loop {
            let open = self.pool.warm.len();
            while !refused
                && open + self.pool.connecting < wanted
                && self.pool.connecting < CONNECTING
            {
                refused = !self.connect_ahead();
            }
            let late = clock::now() >= until || cancel.is_cancelled();
            if self.pool.connecting == 0 || late {
                return Ok(());
            }
            let patience = EpollTimeout::from(u8::try_from(super::GLANCE_MS).unwrap_or(u8::MAX));
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

    /// Begins one connection of those that an open loop keeps ready, when there is time for it.
    pub(super) fn keep_spares(&mut self) {
        let Shape::Open { max_in_flight, .. } = self.phases[self.current].shape else {
            return;
        };
        let ready = self.pool.warm.len() + self.pool.connecting;
        let most = usize::try_from(*max_in_flight).unwrap_or(usize::MAX);
        let now = clock::now();
        let calm = self.next_due.saturating_sub(now) > CALM && now >= self.pool.spares_from;
        if calm && self.next_due < Nanos::MAX && ready < SPARES && ready + self.flying < most {
            self.connect_ahead();
        }
    }

    /// Begins a connection that no request waits for; whether it could be begun.
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
        self.run_of_now().connections += 1;
        self.pool.slots[slot].connection = Some(connection);
        self.pool.connecting += 1;
        true
    }

    /// Something happened to a connection that no request waits for.
    pub(super) fn idle_event(&mut self, slot: usize, flags: EpollFlags) {
        let Some(connection) = &mut self.pool.slots[slot].connection else {
            return;
        };
        if connection.open {
            // If not, the server closed a connection that was idle, or spoke unasked.
            if !connection.is_quiet(&mut self.buffers) {
                self.pool.lose(slot);
            }
            return;
        }
        match connection.establish(flags, &mut self.buffers) {
            Ok(false) => return,
            Ok(true) => {
                let took = clock::now().saturating_sub(connection.began);
                self.pool.listen(slot);
                self.run_of_now().prepared.push(took);
                self.pool.warm.push(slot);
            }
            Err(_) => {
                self.pool.slots[slot].connection = None;
                self.pool.cold.push(slot);
                // A server that refuses connections would otherwise be asked again at once, and without end.
                self.pool.spares_from = clock::now().saturating_add(REFUSED);
            }
        }
        self.pool.connecting -= 1;
    }
}

impl Pool {
    /// Begins to connect for a slot.
    pub(super) fn begin(
        &self,
        target: &Target,
        address: SocketAddr,
        slot: usize,
    ) -> Result<Connection, Trouble> {
        let connection = Connection::begin(target, address)?;
        let both = NEWS | EpollFlags::EPOLLOUT;
        let event = EpollEvent::new(both, slot as u64);
        self.epoll.add(&connection.socket, event)?;
        Ok(connection)
    }
}

/// A ring, if the user and the machine allow it.
fn ring(epoll: &Epoll) -> io::Result<Ring> {
    match std::env::var_os("BENCH_IO_URING") {
        Some(said) if said == "off" => Err(io::Error::other("BENCH_IO_URING is off")),
        _ => Ring::beside(&epoll.0),
    }
}

/// Connections that a phase needs when it begins.
fn at_first(shape: &Shape) -> usize {
    let most = shape.most_in_flight();
    match shape {
        Shape::Open { .. } => most.min(SPARES),
        _ => most,
    }
}
