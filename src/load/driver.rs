//! The loop that drives one phase: it sends what is due, reads what has come, and hands every finished exchange on.

mod wire;

use super::arrivals::{Arrivals, Due, Next, most_in_flight};
use super::flight::Flight;
use super::socket::{Buffers, Socket, allow_files};
use super::{Cancel, Error, Target, http};
use crate::measure::clock::{self, Realtime};
use crate::measure::exchange::{End, Exchange, Nanos};
use crate::plan::Shape;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};
use std::time::Duration;

/// How often cancellation is looked at, in milliseconds.
const GLANCE_MS: u64 = 20;
/// Exchanges that may wait while requests are sent.
const BACKLOG: usize = 64;
/// Files that the rest of the process may need beside one for each connection.
const OTHER_FILES: u64 = 256;

/// One phase of load.
pub struct PhaseLoad<'a> {
    /// Index of the phase in the variant's phase list.
    pub phase: u32,
    /// How requests follow each other.
    pub shape: Shape,
    /// The path of the API: `/v1/completions`.
    pub path: &'a str,
    /// Whether answers stream.
    pub stream: bool,
    /// Limit on one request, from its first byte sent to its last byte received, and on connecting.
    pub timeout: Duration,
    /// The body of the i-th request.
    pub body: &'a dyn Fn(u64) -> Vec<u8>,
}

/// What driving a phase took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseRun {
    /// When the first request was due.
    pub started: Nanos,
    /// When the last exchange was handed on.
    pub ended: Nanos,
    /// Processor time that this process used meanwhile, all threads, in nanoseconds.
    pub cpu: Nanos,
    /// Connections opened.
    pub connections: u64,
    /// Requests sent again on a new connection.
    pub reconnects: u64,
    /// How often the wall clock was set meanwhile, which makes receive stamps doubtful.
    pub clock_steps: u32,
    /// Whether the phase was cancelled before its end.
    pub cancelled: bool,
}

/// Drives one phase and hands every exchange to `sink`, on this thread, as soon as it has ended.
///
/// # Errors
/// When the path is no path or the kernel gives no epoll. Requests that fail are exchanges.
pub fn drive(
    target: &Target,
    phase: &PhaseLoad<'_>,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Exchange),
) -> Result<PhaseRun, Error> {
    if !phase.path.starts_with('/') || !phase.path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::Url {
            url: phase.path.escape_default().to_string(),
            reason: "it is not the path of an API".into(),
        });
    }
    let slots = most_in_flight(phase.shape);
    allow_files(slots as u64 + OTHER_FILES);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(os("wait for sockets"))?;
    let cpu = clock::cpu_time();
    let started = clock::now();
    let mut driver = Driver {
        target,
        phase,
        epoll,
        slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
        idle: (0..slots).rev().collect(),
        arrivals: Arrivals::new(phase.shape, started),
        clock: Realtime::new(),
        buffers: Buffers::default(),
        finished: Vec::with_capacity(BACKLOG),
        next_deadline: Nanos::MAX,
        address: 0,
        connections: 0,
        reconnects: 0,
    };
    let cancelled = driver.run(cancel, sink)?;
    Ok(PhaseRun {
        started,
        ended: clock::now(),
        cpu: clock::cpu_time().saturating_sub(cpu),
        connections: driver.connections,
        reconnects: driver.reconnects,
        clock_steps: driver.clock.steps(),
        cancelled,
    })
}

fn os(what: &'static str) -> impl Fn(Errno) -> Error {
    move |error| Error::Os {
        what,
        source: error.into(),
    }
}

/// A place for one request in flight, and the connection that it leaves to the next.
#[derive(Debug, Default)]
struct Slot {
    connection: Option<Connection>,
    flight: Option<Flight>,
}

#[derive(Debug)]
struct Connection {
    socket: Socket,
    open: bool,
    /// Whether room for writing is waited for.
    wants_room: bool,
}

struct Driver<'a> {
    target: &'a Target,
    phase: &'a PhaseLoad<'a>,
    epoll: Epoll,
    slots: Vec<Slot>,
    idle: Vec<usize>,
    arrivals: Arrivals,
    clock: Realtime,
    buffers: Buffers,
    finished: Vec<Exchange>,
    /// No request in flight has an earlier deadline.
    next_deadline: Nanos,
    /// The address that last took a connection.
    address: usize,
    connections: u64,
    reconnects: u64,
}

impl Driver<'_> {
    /// Whether the phase was cancelled.
    fn run(&mut self, cancel: &Cancel, sink: &mut dyn FnMut(Exchange)) -> Result<bool, Error> {
        let mut events = vec![EpollEvent::empty(); 256];
        loop {
            let ended = self.send_due(cancel, sink);
            self.finished.drain(..).for_each(&mut *sink);
            let flying = self.idle.len() < self.slots.len();
            if cancel.is_cancelled() {
                let cancelled = flying || !ended;
                self.land_all(|_| Some(End::Cancelled));
                self.finished.drain(..).for_each(&mut *sink);
                return Ok(cancelled);
            }
            if ended && !flying {
                return Ok(false);
            }
            let count = match self.epoll.wait(&mut events, self.patience()) {
                Err(Errno::EINTR) => 0,
                waited => waited.map_err(os("wait for sockets"))?,
            };
            for event in &events[..count] {
                let slot = usize::try_from(event.data()).unwrap_or(usize::MAX);
                self.ready(slot, event.events());
            }
            let now = clock::now();
            self.clock.keep(now);
            if now >= self.next_deadline {
                self.land_all(|flight| (flight.deadline <= now).then(|| flight.late()));
            }
        }
    }

    /// Sends all that is due; whether nothing will be due any more.
    fn send_due(&mut self, cancel: &Cancel, sink: &mut dyn FnMut(Exchange)) -> bool {
        while !cancel.is_cancelled() {
            let Some(slot) = self.idle.last().copied() else {
                return false;
            };
            match self.arrivals.issue() {
                Next::Send(due) => {
                    self.idle.pop();
                    self.launch(slot, due);
                }
                Next::Wait => return false,
                Next::End => return true,
            }
            if self.finished.len() >= BACKLOG {
                self.finished.drain(..).for_each(&mut *sink);
            }
        }
        false
    }

    fn patience(&self) -> EpollTimeout {
        let left = self.next_deadline.saturating_sub(clock::now());
        let ms = left.div_ceil(1_000_000).min(GLANCE_MS);
        EpollTimeout::from(u8::try_from(ms).unwrap_or(u8::MAX))
    }

    fn launch(&mut self, slot: usize, due: Due) {
        let body = (self.phase.body)(due.index);
        let request = http::request(self.target, self.phase.path, self.phase.stream, &body);
        let reused = self.slots[slot].connection.is_some();
        self.slots[slot].flight = Some(Flight::new(due, request, reused));
        if reused {
            self.write(slot);
        } else {
            self.connect(slot);
        }
    }

    /// Ends every flight for which `end` says how, and finds the next deadline.
    fn land_all(&mut self, end: impl Fn(&Flight) -> Option<End>) {
        self.next_deadline = Nanos::MAX;
        for slot in 0..self.slots.len() {
            let Some(flight) = &self.slots[slot].flight else {
                continue;
            };
            match end(flight) {
                Some(end) => self.land(slot, end),
                None => self.next_deadline = self.next_deadline.min(flight.deadline),
            }
        }
    }

    fn land(&mut self, slot: usize, end: End) {
        let Some(flight) = self.slots[slot].flight.take() else {
            return;
        };
        let whole = end == End::Complete && flight.is_written();
        if !(whole && flight.response.keeps_alive()) {
            self.slots[slot].connection = None;
        }
        let exchange = flight.land(self.phase.phase, end, clock::now());
        self.arrivals.ended(exchange.ended);
        self.idle.push(slot);
        self.finished.push(exchange);
    }

    fn deadline_after(&mut self, now: Nanos) -> Nanos {
        let limit = u64::try_from(self.phase.timeout.as_nanos()).unwrap_or(u64::MAX);
        let deadline = now.saturating_add(limit);
        self.next_deadline = self.next_deadline.min(deadline);
        deadline
    }
}
