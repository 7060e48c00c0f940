//! Nonblocking TCP sockets whose reads report when the kernel received the bytes.

use crate::measure::clock;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockProtocol, SockType,
    SockaddrStorage, TimestampingFlag, connect, getsockopt, recvmsg, send, setsockopt, shutdown,
    socket, sockopt,
};
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Most bytes of one read.
const READ: usize = 64 << 10;
/// Bytes for control messages; one timestamp takes 64.
const CONTROL: usize = 256;

/// Keeps the kernel's receive timestamps enabled. The kernel enables them only some time after the
/// first socket asks (a static key, switched from a work queue), so ask early.
#[derive(Debug)]
pub(crate) struct Stamping(Option<UdpSocket>);

impl Stamping {
    /// Enables timestamps until this value is dropped.
    #[must_use]
    pub(crate) fn hold() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).ok();
        Self(socket.filter(ask_for_stamps))
    }

    /// Whether the kernel stamps received packets for this socket.
    #[must_use]
    pub(crate) fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

fn ask_for_stamps(socket: &impl AsFd) -> bool {
    // RX_SOFTWARE makes the kernel take a timestamp when a packet enters the network stack;
    // SOFTWARE makes it report that timestamp with each read.
    let software = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(&socket.as_fd(), sockopt::Timestamping, &software).is_ok()
}

/// Buffers for reads, shared by all sockets of a thread.
#[derive(Debug)]
pub(crate) struct Buffers {
    data: Vec<u8>,
    control: Vec<u8>,
    /// The decrypted bytes of a read.
    pub(super) plain: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            data: vec![0; READ],
            control: vec![0; CONTROL],
            plain: Vec::new(),
        }
    }
}

/// The result of one read.
#[derive(Debug)]
pub(crate) struct Received<'b> {
    /// The bytes; empty at the end of the stream.
    pub bytes: &'b [u8],
    /// When the kernel received the last of the bytes, CLOCK_REALTIME in nanoseconds, if it says
    /// so.
    pub stamp: Option<u64>,
    /// Whether the read filled the buffer, so that more may be available.
    pub full: bool,
}

impl Received<'_> {
    /// The end of the stream.
    pub(super) const END: Self = Self {
        bytes: &[],
        stamp: None,
        full: false,
    };
}

/// Why bytes were not written or read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IoFailure {
    /// The send buffer is full, or nothing has arrived.
    WouldBlock,
    /// The connection is unusable.
    Failed(String),
}

impl From<Errno> for IoFailure {
    fn from(error: Errno) -> Self {
        match error {
            Errno::EAGAIN => Self::WouldBlock,
            other => Self::Failed(other.desc().into()),
        }
    }
}

/// A TCP connection, or one that is being opened.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Starts to connect. The socket becomes writable once the outcome is known;
    /// [`error`](Self::error) then tells it.
    ///
    /// # Errors
    /// The kernel's immediate error.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Errno> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
        // Without TCP_NODELAY, Nagle's algorithm would hold back the last small segment of a
        // request until the server acknowledges the one before.
        setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
        // If the kernel does not support it, reads have no timestamp and the record says so. Asked
        // before connecting, so that the first answer byte has one.
        ask_for_stamps(&fd);
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(Self(fd)),
            Err(error) => Err(error),
        }
    }

    /// Reports the error that is pending on the socket, if any.
    ///
    /// # Errors
    /// The pending error.
    pub(crate) fn error(&self) -> Result<(), Errno> {
        match getsockopt(&self.0, sockopt::SocketError)? {
            0 => Ok(()),
            error => Err(Errno::from_raw(error)),
        }
    }

    /// Passes bytes to the kernel and returns how many it accepted.
    ///
    /// # Errors
    /// The kernel's error; `EAGAIN` when the send buffer is full.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        // MSG_NOSIGNAL: a write to a connection that the peer closed must not raise SIGPIPE.
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        retry(|| send(self.0.as_raw_fd(), bytes, flags))
    }

    /// Ends the stream in both directions, whoever else holds the socket. Bytes that arrived can
    /// still be read.
    pub(super) fn shut_down(&self) {
        // It fails if the stream has already ended.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }

    /// Reads what arrived.
    ///
    /// # Errors
    /// The kernel's error; `EAGAIN` when nothing arrived.
    pub(crate) fn read<'b>(&self, buffers: &'b mut Buffers) -> Result<Received<'b>, Errno> {
        let Buffers { data, control, .. } = buffers;
        let (len, stamp) = retry(|| {
            let mut slices = [IoSliceMut::new(data)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let fd = self.0.as_raw_fd();
            let message = recvmsg::<()>(fd, &mut slices, Some(control), flags)?;
            let stamps = message.cmsgs().into_iter().flatten();
            let stamp = stamps.filter_map(|c| match c {
                ControlMessageOwned::ScmTimestampsns(t) => clock::stamp(t.system),
                ControlMessageOwned::ScmTimestampns(t) => clock::stamp(t),
                _ => None,
            });
            Ok((message.bytes, stamp.last()))
        })?;
        Ok(Received {
            bytes: &data[..len],
            stamp,
            full: len == READ,
        })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}

/// Raises the soft limit on open files to `files`, as far as the hard limit allows, and returns the
/// limit. Child processes inherit it.
pub(crate) fn allow_files(files: u64) -> u64 {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < files => {
            let wanted = files.min(hard);
            match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
                Ok(()) => wanted,
                Err(_) => soft,
            }
        }
        Ok((soft, _)) => soft,
        Err(_) => u64::MAX,
    }
}
