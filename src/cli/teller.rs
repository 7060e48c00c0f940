//! Standard error, where a person is told things. While a run is under way a thread of its own writes it, so that a reader
//! that does not read (a full pipe, a stopped terminal) can't stop the run or keep it from seeing signals.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may wait before progress is dropped.
const PROGRESS: usize = 64 << 10;
/// Bytes that may wait before anything is dropped.
const MOST: usize = 1 << 20;
/// How long the end of a run waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// What waits to be written.
struct Queue {
    texts: VecDeque<String>,
    /// Bytes in `texts` and in the write under way.
    bytes: usize,
    /// Texts written so far; changes while there is a reader.
    written: u64,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    texts: VecDeque::new(),
    bytes: 0,
    written: 0,
});
static CHANGED: Condvar = Condvar::new();
static DETACHED: AtomicBool = AtomicBool::new(false);

/// From now on, a thread of its own writes; until then each text is written by its caller.
pub(super) fn detach() {
    if DETACHED.load(SeqCst) {
        return;
    }
    // No signal may be handled by this thread: it inherits the mask that is set around its start.
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let started = std::thread::Builder::new().spawn(write_queued).is_ok();
    if let Ok(mask) = mask {
        let _ = mask.thread_set_mask();
    }
    DETACHED.store(started, SeqCst);
}

/// Tells a person something that must not be missed.
pub(super) fn tell(text: &str) {
    told(text, MOST);
}

/// Tells how far things are; left out while too much waits to be written.
pub(super) fn progress(text: &str) {
    told(text, PROGRESS);
}

fn told(text: &str, most: usize) {
    if !DETACHED.load(SeqCst) {
        let _ = patiently(&mut io::stderr().lock(), text.as_bytes());
        return;
    }
    let mut queue = locked();
    if queue.bytes.saturating_add(text.len()) <= most {
        queue.bytes += text.len();
        queue.texts.push_back(text.to_owned());
        CHANGED.notify_all();
    }
}

/// Waits until all is written, or the reader has taken nothing for two seconds.
pub(super) fn settle() {
    let mut queue = locked();
    let (mut written, mut since) = (queue.written, Instant::now());
    while queue.bytes > 0 {
        let left = PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() {
            return;
        }
        let waited = CHANGED.wait_timeout(queue, left);
        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queue.written != written {
            (written, since) = (queue.written, Instant::now());
        }
    }
}

/// Writes all of `bytes`, also where the stream was set to be non-blocking by who shares it.
pub(super) fn patiently(stream: &mut (impl Write + AsFd), bytes: &[u8]) -> io::Result<()> {
    let mut left = bytes;
    while !left.is_empty() {
        match stream.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => left = &left[written..],
            Err(error) => retried(stream, error)?,
        }
    }
    Ok(())
}

/// Waits until a stream takes more; another error than that it takes no more now is returned.
pub(super) fn retried(stream: &impl AsFd, error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock => {
            let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
            // An interrupted poll only means to try once more.
            let _ = poll(&mut fds, PollTimeout::NONE);
            Ok(())
        }
        _ => Err(error),
    }
}

fn write_queued() {
    let mut queue = locked();
    loop {
        let Some(text) = queue.texts.pop_front() else {
            queue = CHANGED.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(queue);
        // A stderr that is gone is no reason to end a run.
        let _ = patiently(&mut io::stderr(), text.as_bytes());
        queue = locked();
        queue.bytes -= text.len();
        queue.written += 1;
        CHANGED.notify_all();
    }
}

fn locked() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
