//! The oracle: a server that follows a timetable instead of imitating an engine, and records when
//! it sent each token. Tests and `bench doctor` compare the client's figures with these records.
//! One thread, one epoll: it must be faster than what it checks.

mod answer;
mod connection;

use super::options::Options;
use connection::{Connection, Heard};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Backlog, listen};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The timetable, and the errors to make on purpose.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    /// From the request to the first token.
    pub ttft: Duration,
    /// From one token to the next.
    pub gap: Duration,
    /// Tokens of an answer if the request has no `max_tokens`.
    pub tokens: u32,
    /// Every how many requests the first token is sent [`late_by`](Self::late_by) too late.
    pub late_every: Option<u64>,
    /// How much too late.
    pub late_by: Duration,
    /// Every how many requests one token is left out.
    pub drop_every: Option<u64>,
    /// Every how many requests one token is sent twice.
    pub double_every: Option<u64>,
}

/// The ground truth about one answer. Times are CLOCK_MONOTONIC in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Truth {
    /// The request's number, from 0; the answer's id is `exact-NUMBER`.
    pub request: u64,
    /// When it was read.
    pub received: u64,
    /// For every token sent: the times just before and just after it was passed to the kernel.
    pub sends: Vec<(u64, u64)>,
}

impl Truth {
    /// Formats it as a line of a log.
    #[must_use]
    pub(crate) fn line(&self) -> String {
        let sends: Vec<u64> = self.sends.iter().map(|send| send.0).collect();
        format!(
            "{{\"request\":{},\"received_ns\":{},\"sends_ns\":{sends:?}}}\n",
            self.request, self.received
        )
    }
}

impl From<&Options> for Timetable {
    fn from(options: &Options) -> Self {
        let exact = &options.exact;
        Self {
            ttft: exact.ttft,
            gap: exact.gap,
            tokens: exact.tokens,
            late_every: exact.late_every,
            late_by: exact.late_by,
            drop_every: options.faults.drop_token_every,
            double_every: options.faults.double_token_every,
        }
    }
}

/// An oracle on its own thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Oracle {
    /// The address on which it listens.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Oracle {
    /// Starts one on a free port. `truth` receives the ground truth of every completely sent
    /// answer.
    ///
    /// # Errors
    /// When the system provides no port, epoll or thread.
    pub(crate) fn start(
        timetable: Timetable,
        mut truth: impl FnMut(Truth) + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let mut server = Server::new(listener, timetable)?;
        let thread = std::thread::Builder::new()
            .name("oracle".into())
            .spawn(move || {
                // If the oracle fails it falls silent, which its clients notice.
                let _ = server.serve(&flag, &mut truth);
            })?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves on a listener until the process ends.
///
/// # Errors
/// The system's error.
pub(super) fn serve(
    listener: TcpListener,
    timetable: Timetable,
    truth: &mut dyn FnMut(Truth),
) -> io::Result<()> {
    Server::new(listener, timetable)?.serve(&AtomicBool::new(false), truth)
}

/// The epoll data of the listener and the timer.
const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Interval between two looks at the stop flag, in milliseconds.
const GLANCE_MS: u8 = 50;

struct Server {
    listener: TcpListener,
    timetable: Timetable,
    epoll: Epoll,
    timer: TimerFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// When connections have something to send. Times of answers that ended early are skipped.
    due: BinaryHeap<Reverse<(u64, usize, u64)>>,
    requests: u64,
}

impl Server {
    fn new(listener: TcpListener, timetable: Timetable) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        // The standard library's backlog of 128 overflows when many clients connect at once; their
        // kernels would retry only a second later.
        listen(&listener, Backlog::MAXCONN)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        Ok(Self {
            listener,
            timetable,
            epoll,
            timer,
            connections: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            requests: 0,
        })
    }

    fn serve(&mut self, stop: &AtomicBool, truth: &mut dyn FnMut(Truth)) -> io::Result<()> {
        let mut events = vec![EpollEvent::empty(); 256];
        while !stop.load(Ordering::Relaxed) {
            self.send_due(truth);
            if let Some(Reverse((at, ..))) = self.due.peek() {
                let at = TimeSpec::from_duration(Duration::from_nanos(*at));
                let absolute = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
                self.timer.set(Expiration::OneShot(at), absolute)?;
            }
            let count = match self.epoll.wait(&mut events, EpollTimeout::from(GLANCE_MS)) {
                Err(Errno::EINTR) => 0,
                waited => waited?,
            };
            for event in &events[..count] {
                match event.data() {
                    LISTENER => self.accept(),
                    TIMER => drop(self.timer.wait()),
                    slot => self.read(usize::try_from(slot).unwrap_or(usize::MAX)),
                }
                self.send_due(truth);
            }
        }
        Ok(())
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let slot = self.free.pop().unwrap_or(self.connections.len());
            let event = EpollEvent::new(EpollFlags::EPOLLIN, slot as u64);
            let ready = stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
            let connection =
                (ready && self.epoll.add(&stream, event).is_ok()).then(|| Connection::new(stream));
            match self.connections.get_mut(slot) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    fn read(&mut self, slot: usize) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return;
        };
        match connection.hear() {
            Heard::Incomplete => {}
            Heard::Closed => self.close(slot),
            Heard::Request(asked) => {
                let number = self.requests;
                self.requests += u64::from(asked.is_completion);
                let first = connection.begin(number, now(), &asked, &self.timetable);
                self.due.push(Reverse((first, slot, number)));
            }
        }
    }

    fn send_due(&mut self, truth: &mut dyn FnMut(Truth)) {
        while let Some(Reverse((at, slot, number))) = self.due.peek().copied() {
            if at > now() {
                return;
            }
            self.due.pop();
            let Some(Some(connection)) = self.connections.get_mut(slot) else {
                continue;
            };
            match connection.tell(number) {
                Ok(Some(next)) => self.due.push(Reverse((next, slot, number))),
                Ok(None) => connection.told(number).into_iter().for_each(&mut *truth),
                Err(_) => self.close(slot),
            }
        }
    }

    fn close(&mut self, slot: usize) {
        self.connections[slot] = None;
        self.free.push(slot);
    }
}

/// Now, on CLOCK_MONOTONIC, in nanoseconds.
fn now() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |t| u64::try_from(t.num_nanoseconds()).unwrap_or(0))
}
