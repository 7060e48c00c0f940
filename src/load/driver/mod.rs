//! The event loop that drives phases: it sends what is due, reads what arrived and passes finished
//! exchanges on.

mod connection;
mod give_up;
mod nap;
mod pool;
mod wire;

pub(crate) use pool::Client;

use super::arrivals::{Arrivals, Due, Next};
use super::flight::Flight;
use super::patience::is_quick;
use super::ring::{Completion, Ring};
use super::socket::Buffers;
use super::{Cancel, Error, Patience, Seen, Target, http};
use crate::measure::clock::{self, Realtime};
use crate::measure::exchange::{End, Exchange, Nanos};
use crate::plan::Shape;
use connection::Connection;
use nap::Naps;
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use pool::{Pool, Slot, TIMER};
use std::collections::VecDeque;
use std::time::Duration;

/// Interval at which cancellation is checked, in milliseconds.
const CANCEL_CHECK_MS: u64 = 20;
/// Finished exchanges that may wait while requests are sent.
const BACKLOG: usize = 64;
/// Time before a due request from which the driver polls the clock instead of sleeping, in
/// nanoseconds. It is longer than a wake-up takes on an idle core.
const WATCH: Nanos = 100_000;
/// Requests that are serialised ahead of time.
const DRAFTS: usize = 16;

/// The operation named when waiting for events fails.
const WAIT: &str = "wait for sockets";

/// How long to wait before asking again whether a conversation can continue, in nanoseconds.
const READY_CHECK: Nanos = 500_000;

/// Age from which the server may have closed an unused connection as idle, in nanoseconds.
const STALE: Nanos = 1_000_000_000;

/// One phase of load.
pub(crate) struct PhaseLoad<'a> {
    /// Index of the phase in the variant's phase list.
    pub phase: u32,
    /// How requests follow one another.
    pub shape: &'a Shape,
    /// Path of the API, such as `/v1/completions`.
    pub path: &'a str,
    /// Whether answers stream.
    pub stream: bool,
    /// Limit on one request, from the first byte sent to the last byte received, and on connecting.
    pub timeout: Duration,
    /// Returns the body of the i-th request.
    pub body: &'a dyn Fn(u64) -> Vec<u8>,
    /// Returns additional headers of the i-th request, if requests have headers of their own.
    /// Called after `body`.
    pub headers: Option<&'a dyn Fn(u64) -> Vec<(String, String)>>,
    /// Whether the next request can be built, if requests depend on answers. Due requests wait for
    /// it. Called often.
    pub ready: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// What the assessor has seen of the phase so far.
    pub seen: &'a Seen,
    /// How failures affect the phase.
    pub patience: Patience<'a>,
}

/// What driving a phase took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PhaseRun {
    /// When the first request was due.
    pub started: Nanos,
    /// When the last exchange was passed on, or the next phase began.
    pub ended: Nanos,
    /// CPU time of all threads of this process meanwhile, in nanoseconds.
    pub cpu: Nanos,
    /// Connections opened.
    pub connections: u64,
    /// Times taken to open connections ahead of requests, in nanoseconds.
    pub prepared: Vec<Nanos>,
    /// Requests that were sent again on a new connection.
    pub reconnects: u64,
    /// Requests that were due while the limit on requests in flight was reached.
    pub held_back: u64,
    /// How often the wall clock was set meanwhile, which makes receive timestamps doubtful.
    pub clock_steps: u32,
    /// How often a slot or a batch was delayed because its last request or batch had failed.
    pub backed_off: u64,
    /// Whether the phase was cancelled before its end.
    pub cancelled: bool,
    /// How long every request had failed, in nanoseconds, if the phase was given up.
    pub given_up: Option<Nanos>,
}

/// Drives one phase on new connections. Passes each exchange to `sink`, on this thread, as soon as
/// it ended.
///
/// # Errors
/// When the path is invalid, the limit on open files is too low, or the kernel provides no epoll.
/// Failed requests are exchanges.
pub(crate) fn drive(
    target: &Target,
    phase: &PhaseLoad<'_>,
    cancel: &Cancel,
    sink: &mut dyn FnMut(Exchange),
) -> Result<PhaseRun, Error> {
    let mut runs = Client::new(target)?.drive(std::slice::from_ref(phase), cancel, sink)?;
    Ok(runs.remove(0))
}

fn os(what: &'static str) -> impl Fn(Errno) -> Error {
    move |error| Error::Os {
        what,
        source: error.into(),
    }
}

struct Driver<'a> {
    target: &'a Target,
    phases: &'a [PhaseLoad<'a>],
    /// The phase whose requests are sent. Answers of the previous phase may still arrive.
    current: usize,
    arrivals: Arrivals,
    runs: Vec<PhaseRun>,
    pool: &'a mut Pool,
    clock: Realtime,
    buffers: Buffers,
    naps: Naps,
    in_flight: usize,
    /// Completions taken from the ring but not handled yet; empty between two waits.
    batch: Vec<Completion>,
    sink: &'a mut dyn FnMut(Exchange),
    finished: Vec<Exchange>,
    /// The next requests, serialised before they are due.
    drafted: VecDeque<Vec<u8>>,
    /// When the clock was last read.
    seen: Nanos,
    /// When the next request is due, if known.
    next_due: Nanos,
    /// A lower bound of the deadlines of all requests in flight.
    next_deadline: Nanos,
    /// CPU time at the start of the current phase.
    cpu: Nanos,
    /// Exchanges that have ended so far.
    ended: u64,
    /// When to check next whether requests still succeed.
    next_check: Nanos,
}

impl<'a> Driver<'a> {
    fn new(
        target: &'a Target,
        phases: &'a [PhaseLoad<'a>],
        pool: &'a mut Pool,
        sink: &'a mut dyn FnMut(Exchange),
    ) -> Self {
        Self {
            target,
            phases,
            current: 0,
            arrivals: Arrivals::new(phases[0].shape, 0, 0),
            runs: vec![PhaseRun::default()],
            pool,
            clock: Realtime::new(),
            buffers: Buffers::default(),
            naps: Naps::default(),
            in_flight: 0,
            batch: Vec::with_capacity(pool::BATCH),
            sink,
            finished: Vec::with_capacity(BACKLOG),
            drafted: VecDeque::new(),
            seen: 0,
            next_due: Nanos::MAX,
            next_deadline: Nanos::MAX,
            cpu: clock::cpu_time(),
            ended: 0,
            next_check: Nanos::MAX,
        }
    }

    fn run(mut self, cancel: &Cancel) -> Result<Vec<PhaseRun>, Error> {
        let mut events = vec![EpollEvent::empty(); 256];
        self.prepare(cancel, &mut events)?;
        let started = clock::now();
        self.arrivals = Arrivals::new(self.phases[0].shape, started, 0);
        self.runs[0].started = started;
        self.next_check = self.first_check(started);
        loop {
            let ended = self.send_due(cancel);
            // Send before waiting, and wait only after the sink has everything: an assessor that
            // waits for the last exchange would otherwise sit idle for a whole wait.
            self.pass_on();
            if cancel.is_cancelled() {
                self.current_run().cancelled = self.in_flight > 0 || !ended;
                self.end_all(|_, _| Some(End::Cancelled));
                self.pass_on();
                break;
            }
            if ended && self.in_flight == 0 {
                break;
            }
            self.keep_spares();
            let patience = self.rest();
            let count = self.gather(patience, &mut events, cancel)?;
            let now = clock::now();
            self.naps.note(count, now);
            self.clock.keep(now);
            if now >= self.next_deadline {
                self.end_all(|flight, handshaking| {
                    (flight.deadline <= now).then(|| flight.late(handshaking))
                });
            }
            if now >= self.next_check && self.give_up_if_failing(now) {
                break;
            }
        }
        self.close();
        Ok(self.runs)
    }

    /// Sends all requests that are due. Returns whether no request will become due any more.
    fn send_due(&mut self, cancel: &Cancel) -> bool {
        self.next_due = Nanos::MAX;
        while !cancel.is_cancelled() {
            if self.phases[self.current].seen.has_enough() {
                self.arrivals.stop();
            }
            if self.phases[self.current]
                .ready
                .is_some_and(|ready| !ready())
            {
                self.next_due = clock::now() + READY_CHECK;
                return false;
            }
            match self.arrivals.issue(clock::now()) {
                Next::Send(due) => self.launch(due),
                Next::At(at) => {
                    self.next_due = at;
                    self.draft_ahead();
                    return false;
                }
                Next::Wait => return false,
                Next::End if self.current + 1 == self.phases.len() => return true,
                Next::End => self.next_phase(),
            }
            if self.finished.len() >= BACKLOG {
                self.pass_on();
            }
        }
        false
    }

    /// Starts the next phase. Requests in flight continue beside it.
    fn next_phase(&mut self) {
        self.close();
        self.current += 1;
        self.drafted.clear();
        let started = clock::now();
        self.arrivals = Arrivals::new(self.phases[self.current].shape, started, self.in_flight);
        self.runs.push(PhaseRun {
            started,
            ..PhaseRun::default()
        });
        self.next_check = self.first_check(started);
    }

    /// Records what the current phase took.
    fn close(&mut self) {
        let cpu = clock::cpu_time();
        let before = std::mem::replace(&mut self.cpu, cpu);
        let (held_back, backed_off) = (self.arrivals.held_back(), self.arrivals.backed_off());
        let steps = self.clock.steps();
        let known: u32 = self.runs.iter().map(|run| run.clock_steps).sum();
        let run = self.current_run();
        run.ended = clock::now();
        run.cpu = cpu.saturating_sub(before);
        run.held_back = held_back;
        run.backed_off = backed_off;
        run.clock_steps = steps - known;
    }

    fn current_run(&mut self) -> &mut PhaseRun {
        &mut self.runs[self.current]
    }

    fn pass_on(&mut self) {
        self.finished.drain(..).for_each(&mut *self.sink);
    }

    /// Naps if that pays. Returns how long to wait for sockets afterwards: until the next request
    /// is due, or until cancellation and deadlines must be checked.
    fn rest(&mut self) -> Duration {
        let now = clock::now();
        self.seen = now;
        let quiet = self.next_due.saturating_sub(now).saturating_sub(WATCH);
        if quiet == 0 {
            return Duration::ZERO;
        }
        let nap = self.naps.length(self.in_flight).min(quiet);
        let behind = self.pool.ring.as_ref().is_some_and(Ring::is_behind);
        if nap > 0 && self.phases[self.current].stream && !behind {
            std::thread::sleep(Duration::from_nanos(nap));
        }
        self.pool.wake_at(self.next_due.saturating_sub(WATCH));
        let left = self.next_deadline.saturating_sub(now);
        Duration::from_millis(left.div_ceil(1_000_000).min(CANCEL_CHECK_MS))
    }

    /// Takes the events that are there or arrive within `patience`. Returns the number of reads and
    /// other events.
    fn gather(
        &mut self,
        patience: Duration,
        events: &mut [EpollEvent],
        cancel: &Cancel,
    ) -> Result<usize, Error> {
        let failed = |source| Error::Os { what: WAIT, source };
        match &mut self.pool.ring {
            Some(ring) => ring.wait(patience).map_err(failed)?,
            None => return self.poll(patience, events, cancel),
        }
        let mut count = 0;
        let mut batch = std::mem::take(&mut self.batch);
        while self.pool.collect(&mut batch) {
            for done in &batch {
                match done {
                    Completion::Read(read) => {
                        count += 1;
                        self.take_read(read);
                        self.catch_up(cancel);
                    }
                    Completion::Epoll => {
                        count += self.poll(Duration::ZERO, events, cancel)?;
                        let Pool { ring, epoll, .. } = &mut *self.pool;
                        let watch = ring.as_mut().map(|ring| ring.watch(&epoll.0));
                        watch.transpose().map_err(failed)?;
                    }
                }
            }
        }
        self.batch = batch;
        Ok(count)
    }

    /// Takes the epoll events that arrive within `patience`. Returns their number.
    fn poll(
        &mut self,
        patience: Duration,
        events: &mut [EpollEvent],
        cancel: &Cancel,
    ) -> Result<usize, Error> {
        let patience = EpollTimeout::try_from(patience).unwrap_or(EpollTimeout::ZERO);
        let count = match self.pool.epoll.wait(events, patience) {
            Err(Errno::EINTR) => 0,
            waited => waited.map_err(os(WAIT))?,
        };
        for event in &events[..count] {
            self.take(event);
            self.catch_up(cancel);
        }
        Ok(count)
    }

    /// Sends what became due between two events.
    fn catch_up(&mut self, cancel: &Cancel) {
        if !self.finished.is_empty() || self.seen >= self.next_due {
            self.send_due(cancel);
        }
    }

    fn take(&mut self, event: &EpollEvent) {
        match event.data() {
            TIMER => {
                self.seen = clock::now();
                self.pool.timer_expired();
            }
            slot => self.ready(usize::try_from(slot).unwrap_or(usize::MAX), event.events()),
        }
    }

    /// Serialises one more request while none is due, so that it leaves sooner when it is. Requests
    /// that depend on answers cannot be serialised ahead.
    fn draft_ahead(&mut self) {
        let calm = self.next_due.saturating_sub(clock::now()) > WATCH / 2;
        let free = self.phases[self.current].ready.is_none();
        if calm
            && free
            && self.drafted.len() < DRAFTS
            && let Some(index) = self.arrivals.after(self.drafted.len())
        {
            self.drafted.push_back(self.draft(index));
        }
    }

    fn draft(&self, index: u64) -> Vec<u8> {
        let phase = &self.phases[self.current];
        let body = (phase.body)(index);
        let own = phase.headers.map(|headers| headers(index));
        let own = own.unwrap_or_default();
        http::request(self.target, (phase.path, phase.stream), &own, &body)
    }

    fn launch(&mut self, due: Due) {
        let drafted = self.drafted.pop_front();
        let request = drafted.unwrap_or_else(|| self.draft(due.index));
        let slot = self.pool.take();
        let buffers = self.pool.buffer_pool.take();
        let mut flight = Flight::new(due, request, self.current, buffers);
        let place = &mut self.pool.slots[slot];
        if let Some(connection) = &place.connection {
            let idle = clock::now().saturating_sub(connection.began);
            flight.reused = connection.carried;
            flight.waited = connection.carried || idle > STALE;
        }
        let open = place.connection.is_some();
        place.flight = Some(flight);
        self.in_flight += 1;
        if open {
            self.write(slot);
        } else {
            self.connect(slot);
        }
    }

    /// Ends each flight for which `end` returns how it ends (its second argument: whether a TLS
    /// handshake is under way), and finds the next deadline.
    fn end_all(&mut self, end: impl Fn(&Flight, bool) -> Option<End>) {
        self.next_deadline = Nanos::MAX;
        for slot in 0..self.pool.slots.len() {
            let Slot { flight, connection } = &self.pool.slots[slot];
            let Some(flight) = flight else {
                continue;
            };
            let handshaking = connection.as_ref().is_some_and(Connection::is_handshaking);
            match end(flight, handshaking) {
                Some(end) => self.end_flight(slot, end),
                None => self.next_deadline = self.next_deadline.min(flight.deadline),
            }
        }
    }

    fn end_flight(&mut self, slot: usize, end: End) {
        let Some(flight) = self.pool.slots[slot].flight.take() else {
            return;
        };
        let whole = end == End::Complete && flight.is_written();
        self.pool.give(slot, whole && flight.response.keeps_alive());
        let phases = self.phases;
        let (due, phase) = (flight.due, &phases[flight.phase]);
        let exchange = flight.finish(phase.phase, end, clock::now());
        if has_failed(phase, &exchange) {
            self.arrivals.failed(exchange.ended, &due);
        } else {
            self.arrivals.ended(exchange.ended);
        }
        self.in_flight -= 1;
        self.ended += 1;
        self.finished.push(exchange);
    }

    fn deadline_after(&mut self, now: Nanos, timeout: Duration) -> Nanos {
        let limit = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let deadline = now.saturating_add(limit);
        self.next_deadline = self.next_deadline.min(deadline);
        deadline
    }
}

/// Whether an exchange failed, as far as the driver can tell. It does not parse answers, so for a
/// fast answer with an accepted status it asks the assessor whether most such answers fail.
fn has_failed(phase: &PhaseLoad<'_>, exchange: &Exchange) -> bool {
    match (&exchange.end, exchange.status) {
        (End::Cancelled, _) => false,
        (End::Complete, Some(status)) if phase.patience.accepts(status) => {
            let began = exchange.sent.unwrap_or(exchange.due);
            phase.seen.is_failing() && is_quick(exchange.ended.saturating_sub(began))
        }
        _ => true,
    }
}
