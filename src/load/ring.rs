//! Reads by io_uring: the kernel reads for many connections within one call, into memory of ours, each with its stamp. A kernel
//! older than 6.1, or a container that forbids it, leaves the reads to epoll. docs/decisions/0011-io-uring.md says why both.

use super::socket::{Received, Trouble};
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

/// Submissions that may wait for the next call.
const SUBMISSIONS: u32 = 256;
/// Buffers, a power of two. The kernel fills some twenty before a call returns; where it runs out, the read is asked for anew.
const BUFFERS: u16 = 128;
/// Bytes of one: what the kernel says of the read, the stamp, and what was read.
const BUFFER: usize = 16 << 10;
/// Room for control messages; one stamp takes 64 bytes.
const CONTROL: usize = 64;
/// The list of free buffers, which the kernel wants on a page of its own.
const LIST: usize = 4 << 10;
const MEMORY: NonZeroUsize = NonZeroUsize::new(LIST + BUFFERS as usize * BUFFER).unwrap();
/// `IORING_RECVSEND_POLL_FIRST`: nothing has come when a read is asked for, so it is not tried at once.
const POLL_FIRST: u16 = 1;
/// From so many reads in one call on, the kernel may have kept others for the next (`IO_LOCAL_TW_DEFAULT_MAX` is 20).
const MANY: u32 = 16;
/// Bytes that a processor fetches at once.
const LINE: usize = 64;
/// What a completion is named that tells of epoll.
const EPOLL: u64 = u64::MAX;

/// Memory that the kernel writes to: the list of free buffers, then the buffers.
struct Memory(NonNull<c_void>);

impl Memory {
    #[expect(unsafe_code, reason = "mmap")]
    fn new() -> Result<Self, Errno> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the place, so no memory of ours is mapped over.
        unsafe { mmap_anonymous(None, MEMORY, access, MapFlags::MAP_PRIVATE) }.map(Self)
    }

    fn list(&self) -> NonNull<BufRingEntry> {
        self.0.cast()
    }

    #[expect(unsafe_code, reason = "an address within the mapping")]
    fn buffer(&self, number: u16) -> NonNull<u8> {
        let at = LIST + usize::from(number % BUFFERS) * BUFFER;
        // SAFETY: the number is of a buffer, all of which lie within the mapping.
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

/// What the kernel did.
#[derive(Debug)]
pub(super) enum Done {
    /// It read.
    Read(Read),
    /// It saw that epoll has something to tell.
    Epoll,
}

/// One read by the kernel. Its buffer is to be [given back](Ring::give_back).
#[derive(Debug)]
pub(super) struct Read {
    /// What the read was asked for as.
    pub(super) name: u64,
    /// Whether the kernel goes on reading.
    pub(super) more: bool,
    /// Bytes of the buffer, or what is wrong.
    outcome: Result<usize, Errno>,
    buffer: Option<u16>,
}

/// An io_uring that reads. Of the thread that made it.
pub(super) struct Ring {
    // First, because it is to end before the memory does.
    ring: IoUring,
    memory: Memory,
    /// The shape of every read: a stamp, and no address.
    shape: Box<libc::msghdr>,
    /// Buffers given to the kernel so far, modulo 2^16.
    given: u16,
    /// Reads since the last call.
    taken: u32,
}

impl Ring {
    /// Sets a ring up, which tells too when an epoll has events.
    ///
    /// # Errors
    /// What the kernel says: `EPERM` or `ENOSYS` where io_uring is forbidden, `EINVAL` before Linux 6.1.
    pub(super) fn beside(epoll: &impl AsFd) -> io::Result<Self> {
        let ring = IoUring::builder()
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
        new.lend_all()?;
        new.prove()?;
        new.watch(epoll)?;
        Ok(new)
    }

    /// Reads one byte and the end: kernels that set a ring up may still not read so.
    fn prove(&mut self) -> io::Result<()> {
        let (mut near, far) = UnixStream::pair()?;
        self.read(&far, 0)?;
        near.write_all(b"?")?;
        self.hear(b"?")?;
        drop(near);
        self.hear(b"")
    }

    /// Takes one read, which must bring this.
    fn hear(&mut self, expected: &[u8]) -> io::Result<()> {
        self.wait(Duration::from_secs(1))?;
        let Some(Done::Read(read)) = self.next() else {
            return Err(Errno::ETIME.into());
        };
        let received = self.received(&read);
        let heard = received.is_ok_and(|received| received.bytes == expected);
        self.give_back(&read);
        let wrong = || read.outcome.err().unwrap_or(Errno::EINVAL).into();
        heard.then_some(()).ok_or_else(wrong)
    }

    #[expect(unsafe_code, reason = "the kernel gets memory of ours")]
    fn lend_all(&mut self) -> io::Result<()> {
        let list = self.memory.list().as_ptr() as u64;
        // SAFETY: the list is page-aligned, has room for so many entries and outlives the ring, which is dropped first.
        unsafe {
            self.ring
                .submitter()
                .register_buf_ring_with_flags(list, BUFFERS, 0, 0)
        }?;
        for number in 0..BUFFERS {
            self.lend(number);
        }
        Ok(())
    }

    /// Lets the kernel have a buffer.
    #[expect(
        unsafe_code,
        reason = "the list of free buffers is shared with the kernel"
    )]
    fn lend(&mut self, number: u16) {
        let list = self.memory.list();
        let buffer = self.memory.buffer(number);
        // SAFETY: the entry lies within the list; the kernel reads it only once the tail says that it is there, and no more
        // buffers are given than there are. The tail is a field of the first entry that none of the setters writes.
        unsafe {
            let mut entry = list.add(usize::from(self.given % BUFFERS));
            entry.as_mut().set_addr(buffer.as_ptr() as u64);
            entry.as_mut().set_len(BUFFER as u32);
            entry.as_mut().set_bid(number);
            self.given = self.given.wrapping_add(1);
            let tail = BufRingEntry::tail(list.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.given, Ordering::Release);
        }
    }

    /// Has the kernel read what comes for a socket, and call it `name`. The kernel is told at once: were the socket closed before,
    /// its descriptor might be another's by then.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn read(&mut self, socket: &impl AsFd, name: u64) -> io::Result<()> {
        let fd = Fd(socket.as_fd().as_raw_fd());
        let entry = opcode::RecvMsgMulti::new(fd, &raw const *self.shape, 0).ioprio(POLL_FIRST);
        self.push(&entry.build().user_data(name))?;
        self.ring.submit().map(drop)
    }

    /// Has the kernel tell, once, that an epoll has events.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn watch(&mut self, epoll: &impl AsFd) -> io::Result<()> {
        let fd = Fd(epoll.as_fd().as_raw_fd());
        let entry = opcode::PollAdd::new(fd, libc::POLLIN as u32);
        self.push(&entry.build().user_data(EPOLL))
    }

    #[expect(unsafe_code, reason = "submissions hold addresses")]
    fn push(&mut self, submission: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: the only address in a submission is that of `shape`, which lives as long as the ring. Buffers the kernel takes
            // from the list. A descriptor that is closed makes the submission fail.
            match unsafe { self.ring.submission().push(submission) } {
                Ok(()) => return Ok(()),
                Err(_) => self.ring.submit()?,
            };
        }
    }

    /// Submits what is queued, and waits until something is done or `patience` is over.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let submissions = self.ring.submission();
        let idle = submissions.is_empty() && !submissions.taskrun();
        drop(submissions);
        if patience.is_zero() && idle && !self.is_behind() {
            return Ok(());
        }
        self.taken = 0;
        let limit = Timespec::from(patience);
        let args = SubmitArgs::new().timespec(&limit);
        let waited = self.ring.submitter().submit_with_args(1, &args);
        let later = [Errno::ETIME, Errno::EINTR, Errno::EBUSY, Errno::EAGAIN];
        match waited.map_err(|error| (error.raw_os_error().map(Errno::from_raw), error)) {
            Err((code, error)) if code.is_none_or(|code| !later.contains(&code)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the last call may have left some for the next.
    pub(super) fn is_behind(&self) -> bool {
        self.taken >= MANY
    }

    /// The next thing done, if there is one.
    pub(super) fn next(&mut self) -> Option<Done> {
        let entry = self.ring.completion().next()?;
        if entry.user_data() == EPOLL {
            return Some(Done::Epoll);
        }
        self.taken += 1;
        let result = entry.result();
        Some(Done::Read(Read {
            name: entry.user_data(),
            more: cqueue::more(entry.flags()),
            outcome: usize::try_from(result).map_err(|_| Errno::from_raw(-result)),
            buffer: cqueue::buffer_select(entry.flags()),
        }))
    }

    /// What was read.
    #[expect(unsafe_code, reason = "the kernel wrote the buffer")]
    pub(super) fn received(&self, read: &Read) -> Result<Received<'_>, Trouble> {
        let length = match read.outcome {
            Ok(length) => length.min(BUFFER),
            // No buffer was free.
            Err(Errno::ENOBUFS) => return Err(Trouble::Later),
            Err(error) => return Err(Trouble::Failed(error.desc().into())),
        };
        let Some(number) = read.buffer else {
            return Ok(Received::END);
        };
        // SAFETY: the bytes lie within the buffer, which is ours until it is given back, for which `self` must be free.
        let buffer =
            unsafe { std::slice::from_raw_parts(self.memory.buffer(number).as_ptr(), length) };
        let Ok(out) = RecvMsgOut::parse(buffer, &self.shape) else {
            return Err(Trouble::Failed("io_uring said less than it must".into()));
        };
        let header = buffer.len() - out.payload_data().len();
        Ok(Received {
            // Of the buffer, not of what was parsed, so that it lives as long.
            bytes: &buffer[header..],
            stamp: stamp_in(out.control_data()),
            full: length == BUFFER,
        })
    }

    /// Lets the kernel have a read's buffer again.
    pub(super) fn give_back(&mut self, read: &Read) {
        if let Some(number) = read.buffer {
            self.lend(number);
        }
    }
}

/// Has the processor fetch what is about to be read or written, while this thread goes on.
#[expect(unsafe_code, reason = "a hint to the processor")]
pub(super) fn fetch<T>(what: &[T]) {
    for at in (0..size_of_val(what)).step_by(LINE) {
        let line = what.as_ptr().cast::<i8>().wrapping_add(at);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint changes nothing that a program sees, wherever it points; this is within `what`.
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

/// The stamp among control messages, CLOCK_REALTIME in nanoseconds: `cmsghdr` (length, level and type), then seconds and
/// nanoseconds.
fn stamp_in(control: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(i64::from_ne_bytes(*control.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(i32::from_ne_bytes(*control.get(at..)?.first_chunk()?));
    let is_stamp = half(8)? == libc::SOL_SOCKET && half(12)? == libc::SCM_TIMESTAMPING;
    let stamp = is_stamp.then_some(TimeSpec::new(word(16)?, word(24)?))?;
    clock::stamp(stamp)
}
