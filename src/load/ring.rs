//! Reads by io_uring: one call reads from many connections into our buffers, each read with its
//! timestamp. On kernels before 6.1, or where a container forbids io_uring, epoll reads instead.
//! docs/decisions/0011-io-uring.md gives the reasons for both.

use super::socket::{IoFailure, Received};
use crate::measure::clock;
use io_uring::types::{BufRingEntry, Fd, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::sys::time::TimeSpec;
use std::ffi::c_void;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use std::{io, mem};

/// Submissions that may be queued for the next call.
const SUBMISSIONS: u32 = 256;
/// Number of buffers, a power of two. The kernel fills about twenty before a call returns. If it
/// runs out of buffers, the read is submitted again.
const BUFFERS: u16 = 128;
/// Size of a buffer in bytes: the kernel's description of the read, the timestamp, and the data.
const BUFFER: usize = 16 << 10;
/// Bytes for control messages; one timestamp takes 64.
const CONTROL: usize = 64;
/// Size of the list of free buffers. It must be page-aligned, so it takes a page of its own.
const LIST: usize = 4 << 10;
const MEMORY: NonZeroUsize = NonZeroUsize::new(LIST + BUFFERS as usize * BUFFER).unwrap();
/// `IORING_RECVSEND_POLL_FIRST`: wait for data instead of trying to read at once. Nothing has
/// arrived yet when a read is submitted.
const POLL_FIRST: u16 = 1;
/// Number of reads in one call from which the kernel may have kept more for the next call
/// (`IO_LOCAL_TW_DEFAULT_MAX` is 20).
const MANY: u32 = 16;
/// Size of a CPU cache line in bytes.
const LINE: usize = 64;
/// User data of the completion that reports epoll events.
const EPOLL: u64 = u64::MAX;

/// Memory that the kernel writes to: the list of free buffers, followed by the buffers.
struct Memory(NonNull<c_void>);

impl Memory {
    #[expect(unsafe_code, reason = "mmap")]
    fn new() -> Result<Self, Errno> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the address, so the mapping replaces no memory of ours.
        unsafe { mmap_anonymous(None, MEMORY, access, MapFlags::MAP_PRIVATE) }.map(Self)
    }

    fn list(&self) -> NonNull<BufRingEntry> {
        self.0.cast()
    }

    #[expect(unsafe_code, reason = "an address within the mapping")]
    fn buffer(&self, number: u16) -> NonNull<u8> {
        let at = LIST + usize::from(number % BUFFERS) * BUFFER;
        // SAFETY: `number % BUFFERS` is the index of a buffer, and all buffers lie within the
        // mapping.
        unsafe { self.0.cast().add(at) }
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "munmap")]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and every borrow of it has ended with `self`.
        let _ = unsafe { munmap(self.0, MEMORY.get()) };
    }
}

/// A completion.
#[derive(Debug)]
pub(super) enum Completion {
    /// A read.
    Read(Read),
    /// Epoll has events.
    Epoll,
}

/// One completed read. Its buffer must be [given back](Ring::give_back).
#[derive(Debug)]
pub(super) struct Read {
    /// The name under which the read was submitted.
    pub(super) name: u64,
    /// Whether the kernel continues to read (`IORING_CQE_F_MORE`).
    pub(super) more: bool,
    /// Bytes used of the buffer, or the error.
    outcome: Result<usize, Errno>,
    buffer: Option<u16>,
}

/// An io_uring that reads. Only the thread that created it may use it.
pub(super) struct Ring {
    // Declared first, because fields are dropped in order: the ring must end before the memory that
    // the kernel writes to.
    ring: IoUring,
    memory: Memory,
    /// Template of every read: a timestamp, and no address.
    shape: Box<libc::msghdr>,
    /// Buffers given to the kernel so far, modulo 2^16.
    given: u16,
    /// Reads taken since the last call.
    taken: u32,
}

impl Ring {
    /// Sets up a ring that also reports when an epoll instance has events, so that one call waits
    /// for both.
    ///
    /// # Errors
    /// The kernel's error: `EPERM` or `ENOSYS` if io_uring is forbidden, `EINVAL` before Linux 6.1.
    pub(super) fn beside(epoll: &impl AsFd) -> io::Result<Self> {
        let ring = IoUring::builder()
            // DEFER_TASKRUN runs completion work only when this thread enters the kernel to wait:
            // reads never interrupt the driver between two sends, and one wait completes many
            // reads. It requires SINGLE_ISSUER. TASKRUN_FLAG shows pending work in shared memory,
            // so a look costs no system call. The completion queue is large, because each multishot
            // read can complete many times per wait.
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(8 * SUBMISSIONS)
            .build(SUBMISSIONS)?;
        let mut new = Self {
            ring,
            memory: Memory::new()?,
            shape: Box::new(shape()),
            given: 0,
            taken: 0,
        };
        new.give_all()?;
        new.probe()?;
        new.watch(epoll)?;
        Ok(new)
    }

    /// Reads one byte and the end of a stream. Some kernels that set up a ring still do not support
    /// this kind of read.
    fn probe(&mut self) -> io::Result<()> {
        let (mut near, far) = UnixStream::pair()?;
        self.read(&far, 0)?;
        near.write_all(b"?")?;
        self.expect_read(b"?")?;
        drop(near);
        self.expect_read(b"")
    }

    /// Takes one read, which must deliver `expected`.
    fn expect_read(&mut self, expected: &[u8]) -> io::Result<()> {
        self.wait(Duration::from_secs(1))?;
        let Some(Completion::Read(read)) = self.next() else {
            return Err(Errno::ETIME.into());
        };
        let received = self.received(&read);
        let heard = received.is_ok_and(|received| received.bytes == expected);
        self.give_back(&read);
        let wrong = || read.outcome.err().unwrap_or(Errno::EINVAL).into();
        heard.then_some(()).ok_or_else(wrong)
    }

    #[expect(unsafe_code, reason = "the kernel gets memory of ours")]
    fn give_all(&mut self) -> io::Result<()> {
        let list = self.memory.list().as_ptr() as u64;
        // SAFETY: the list is page-aligned, has space for this many entries and outlives the ring,
        // which is dropped first.
        unsafe {
            self.ring
                .submitter()
                .register_buf_ring_with_flags(list, BUFFERS, 0, 0)
        }?;
        for number in 0..BUFFERS {
            self.give_buffer(number);
        }
        Ok(())
    }

    /// Gives a buffer to the kernel.
    #[expect(
        unsafe_code,
        reason = "the list of free buffers is shared with the kernel"
    )]
    fn give_buffer(&mut self, number: u16) {
        let list = self.memory.list();
        let buffer = self.memory.buffer(number);
        // SAFETY: the entry lies within the list. The kernel reads it only after the tail covers
        // it, and never more buffers are given than exist. The tail overlays a field of the first
        // entry that none of the setters writes.
        unsafe {
            let mut entry = list.add(usize::from(self.given % BUFFERS));
            entry.as_mut().set_addr(buffer.as_ptr() as u64);
            entry.as_mut().set_len(BUFFER as u32);
            entry.as_mut().set_bid(number);
            self.given = self.given.wrapping_add(1);
            let tail = BufRingEntry::tail(list.as_ptr()).cast_mut();
            // Release order: the kernel must see the entry's fields before it sees the tail that
            // covers the entry.
            AtomicU16::from_ptr(tail).store(self.given, Ordering::Release);
        }
    }

    /// Submits a multishot read of a socket under `name`. It is submitted at once, not with the
    /// next wait: if the socket were closed before, its descriptor number might belong to another
    /// socket by then.
    ///
    /// # Errors
    /// The kernel's error.
    pub(super) fn read(&mut self, socket: &impl AsFd, name: u64) -> io::Result<()> {
        let fd = Fd(socket.as_fd().as_raw_fd());
        let entry = opcode::RecvMsgMulti::new(fd, &raw const *self.shape, 0).ioprio(POLL_FIRST);
        self.push(&entry.build().user_data(name))?;
        self.ring.submit().map(drop)
    }

    /// Asks the kernel to report once that an epoll instance has events. The poll is one-shot, so
    /// it is submitted again after each report.
    ///
    /// # Errors
    /// The kernel's error.
    pub(super) fn watch(&mut self, epoll: &impl AsFd) -> io::Result<()> {
        let fd = Fd(epoll.as_fd().as_raw_fd());
        let entry = opcode::PollAdd::new(fd, libc::POLLIN as u32);
        self.push(&entry.build().user_data(EPOLL))
    }

    #[expect(unsafe_code, reason = "submissions hold addresses")]
    fn push(&mut self, submission: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: the only address in a submission is that of `shape`, which lives as long as
            // the ring. The kernel takes buffers from the list. If the descriptor is closed, the
            // submission fails.
            match unsafe { self.ring.submission().push(submission) } {
                Ok(()) => return Ok(()),
                // The queue is full; submitting empties it.
                Err(_) => self.ring.submit()?,
            };
        }
    }

    /// Submits what is queued, and waits until there is a completion or `patience` has passed.
    ///
    /// # Errors
    /// The kernel's error.
    pub(super) fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let submissions = self.ring.submission();
        let idle = submissions.is_empty() && !submissions.taskrun();
        drop(submissions);
        // Without submissions, pending work or reads left from the last call, entering the kernel
        // would find nothing.
        if patience.is_zero() && idle && !self.is_behind() {
            return Ok(());
        }
        self.taken = 0;
        let limit = Timespec::from(patience);
        let args = SubmitArgs::new().timespec(&limit);
        let waited = self.ring.submitter().submit_with_args(1, &args);
        let later = [Errno::ETIME, Errno::EINTR, Errno::EBUSY, Errno::EAGAIN];
        match waited.map_err(|error| (error.raw_os_error().map(Errno::from_raw), error)) {
            // EBUSY and EAGAIN mean that the completion queue is full or memory is short: the
            // completions at hand are taken first.
            Err((code, error)) if code.is_none_or(|code| !later.contains(&code)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the last call may have left reads for the next one.
    pub(super) fn is_behind(&self) -> bool {
        self.taken >= MANY
    }

    /// The next completion, if there is one.
    pub(super) fn next(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        if entry.user_data() == EPOLL {
            return Some(Completion::Epoll);
        }
        self.taken += 1;
        let result = entry.result();
        Some(Completion::Read(Read {
            name: entry.user_data(),
            more: cqueue::more(entry.flags()),
            outcome: usize::try_from(result).map_err(|_| Errno::from_raw(-result)),
            buffer: cqueue::buffer_select(entry.flags()),
        }))
    }

    /// The data and timestamp of a read.
    #[expect(unsafe_code, reason = "the kernel wrote the buffer")]
    pub(super) fn received(&self, read: &Read) -> Result<Received<'_>, IoFailure> {
        let length = match read.outcome {
            Ok(length) => length.min(BUFFER),
            // No buffer was free. The data stays in the socket, and the read is submitted again.
            Err(Errno::ENOBUFS) => return Err(IoFailure::WouldBlock),
            Err(error) => return Err(IoFailure::Failed(error.desc().into())),
        };
        let Some(number) = read.buffer else {
            return Ok(Received::END);
        };
        // SAFETY: the bytes lie within the buffer. It is ours until it is given back, which needs
        // `self` mutably.
        let buffer =
            unsafe { std::slice::from_raw_parts(self.memory.buffer(number).as_ptr(), length) };
        let Ok(out) = RecvMsgOut::parse(buffer, &self.shape) else {
            return Err(IoFailure::Failed(
                "io_uring returned an incomplete read".into(),
            ));
        };
        let header = buffer.len() - out.payload_data().len();
        Ok(Received {
            // Sliced from the buffer and not from `out`, because `out` is dropped here.
            bytes: &buffer[header..],
            stamp: stamp_in(out.control_data()),
            full: length == BUFFER,
        })
    }

    /// Gives the buffer of a read back to the kernel.
    pub(super) fn give_back(&mut self, read: &Read) {
        if let Some(number) = read.buffer {
            self.give_buffer(number);
        }
    }
}

/// Prefetches memory that is about to be read or written, while this thread continues.
#[expect(unsafe_code, reason = "a hint to the processor")]
pub(super) fn fetch<T>(what: &[T]) {
    for at in (0..size_of_val(what)).step_by(LINE) {
        let line = what.as_ptr().cast::<i8>().wrapping_add(at);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch has no visible effect, wherever it points; this address is within
        // `what`.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

#[expect(
    unsafe_code,
    reason = "a structure of the kernel's that is zero where it is unused"
)]
fn shape() -> libc::msghdr {
    // SAFETY: all zeroes are a valid message: no name, no memory, no control.
    let mut shape: libc::msghdr = unsafe { mem::zeroed() };
    shape.msg_controllen = CONTROL as _;
    shape
}

/// The timestamp among control messages, CLOCK_REALTIME in nanoseconds. The layout is `cmsghdr`
/// (length, level and type), then seconds and nanoseconds.
fn stamp_in(control: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(i64::from_ne_bytes(*control.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(i32::from_ne_bytes(*control.get(at..)?.first_chunk()?));
    let is_stamp = half(8)? == libc::SOL_SOCKET && half(12)? == libc::SCM_TIMESTAMPING;
    let stamp = is_stamp.then_some(TimeSpec::new(word(16)?, word(24)?))?;
    clock::stamp(stamp)
}
