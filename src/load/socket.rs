//! Nonblocking TCP sockets whose reads say when the kernel received the bytes.

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

/// Bytes taken by one read.
const READ: usize = 64 << 10;
/// Room for control messages; one stamp takes 64 bytes.
const CONTROL: usize = 256;

/// Keeps the kernel stamping. It begins only some time after the first socket asks for it, so one must ask early.
#[derive(Debug)]
pub struct Stamping(Option<UdpSocket>);

impl Stamping {
    /// Asks for stamps, from now until this is dropped.
    #[must_use]
    pub fn hold() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).ok();
        Self(socket.filter(ask_for_stamps))
    }

    /// Whether the kernel stamps received packets for this socket.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

fn ask_for_stamps(socket: &impl AsFd) -> bool {
    let software = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(&socket.as_fd(), sockopt::Timestamping, &software).is_ok()
}

/// Memory for reads, shared by all sockets of a thread.
#[derive(Debug)]
pub struct Buffers {
    data: Vec<u8>,
    control: Vec<u8>,
    /// What was decrypted of a read.
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

/// What one read returned.
#[derive(Debug)]
pub struct Received<'b> {
    /// The bytes; none at the end of the stream.
    pub bytes: &'b [u8],
    /// When the kernel received the last of them, CLOCK_REALTIME in nanoseconds, where it says.
    pub stamp: Option<u64>,
    /// Whether the read filled the buffer, so that more may be waiting.
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
pub(super) enum Trouble {
    /// There is no room for them, or none have come.
    Later,
    /// The connection is of no use any more.
    Failed(String),
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        match error {
            Errno::EAGAIN => Self::Later,
            other => Self::Failed(other.desc().into()),
        }
    }
}

/// A TCP connection, or one in the making.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Begins to connect; the socket is writable when that is decided, and [`error`](Self::error) then tells.
    ///
    /// # Errors
    /// What the kernel says at once.
    pub fn connect(address: SocketAddr) -> Result<Self, Errno> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
        setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
        // Where the kernel does not know how, reads are unstamped and the record says so.
        ask_for_stamps(&fd);
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(Self(fd)),
            Err(error) => Err(error),
        }
    }

    /// The error that is pending on the socket, if one is.
    ///
    /// # Errors
    /// That error.
    pub fn error(&self) -> Result<(), Errno> {
        match getsockopt(&self.0, sockopt::SocketError)? {
            0 => Ok(()),
            error => Err(Errno::from_raw(error)),
        }
    }

    /// Hands bytes to the kernel; returns how many it took.
    ///
    /// # Errors
    /// What the kernel says, `EAGAIN` when it has no room.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        retry(|| send(self.0.as_raw_fd(), bytes, flags))
    }

    /// Ends the stream both ways, whoever else still holds the socket. What has come can be read.
    pub(super) fn shut(&self) {
        // Fails where the stream has ended.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// What the kernel says, `EAGAIN` when nothing has come.
    pub fn read<'b>(&self, buffers: &'b mut Buffers) -> Result<Received<'b>, Errno> {
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

/// Allows this process at least `files` open files, as far as its hard limit goes; gives how many it may have. Children
/// inherit the limit.
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
