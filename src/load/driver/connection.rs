//! One connection: TCP, with TLS on top if the endpoint uses https.

use crate::load::Target;
use crate::load::socket::{Buffers, IoFailure, Received, Socket};
use crate::load::tls::Session;
use crate::measure::clock;
use crate::measure::exchange::Nanos;
use nix::sys::epoll::EpollFlags;
use std::net::SocketAddr;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Socket,
    tls: Option<Box<Session>>,
    /// Whether TCP is connected.
    connected: bool,
    /// Whether it can carry a request.
    pub(super) open: bool,
    /// Whether epoll watches for room in the send buffer.
    pub(super) wants_write: bool,
    /// Whether it has carried a request.
    pub(super) carried: bool,
    /// When connecting began.
    pub(super) began: Nanos,
    /// Number of the ring's read of this connection, if the ring reads it.
    pub(super) ring: Option<u32>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A multishot read holds a reference to the socket, so closing the descriptor would not end
        // the stream. shutdown ends both.
        if self.ring.is_some() {
            self.socket.shut_down();
        }
    }
}

impl Connection {
    /// Starts to connect.
    pub(super) fn begin(target: &Target, address: SocketAddr) -> Result<Self, IoFailure> {
        let began = clock::now();
        let socket = Socket::connect(address)?;
        let tls = target.tls.as_ref().map(|tls| tls.begin().map(Box::new));
        Ok(Self {
            socket,
            tls: tls.transpose().map_err(IoFailure::Failed)?,
            connected: false,
            open: false,
            wants_write: true,
            carried: false,
            began,
            ring: None,
        })
    }

    /// Continues to connect after an epoll event. Returns whether the connection is open.
    pub(super) fn establish(
        &mut self,
        flags: EpollFlags,
        buffers: &mut Buffers,
    ) -> Result<bool, String> {
        if !self.connected {
            // connect(2): the outcome of a nonblocking connect is in SO_ERROR once the socket is
            // writable. A failure is reported with EPOLLERR or EPOLLHUP as well, so look at it
            // first.
            self.socket.error().map_err(|error| error.desc())?;
            self.connected = flags.contains(EpollFlags::EPOLLOUT);
        }
        self.open = match &mut self.tls {
            Some(tls) if self.connected => match tls.handshake(&self.socket, buffers) {
                Ok(()) => true,
                Err(IoFailure::WouldBlock) => false,
                Err(IoFailure::Failed(why)) => return Err(why),
            },
            _ => self.connected,
        };
        Ok(self.open)
    }

    /// Whether TCP is connected but the TLS handshake is not complete.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connected && !self.open
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, IoFailure> {
        match &mut self.tls {
            Some(tls) => tls.write(&self.socket, bytes),
            None => Ok(self.socket.write(bytes)?),
        }
    }

    pub(super) fn read<'b>(&mut self, buffers: &'b mut Buffers) -> Result<Received<'b>, IoFailure> {
        match &mut self.tls {
            Some(tls) => tls.read(&self.socket, buffers),
            None => Ok(self.socket.read(buffers)?),
        }
    }

    /// Whether an idle connection received nothing but TLS's own messages: servers send session
    /// tickets at any time.
    pub(super) fn is_quiet(&mut self, buffers: &mut Buffers) -> bool {
        // The ring reports what it reads as completions, the end of the stream included.
        self.ring.is_some()
            || self.tls.is_some() && self.read(buffers).err() == Some(IoFailure::WouldBlock)
    }

    /// Whether the stream ended without close_notify, so that somebody other than the server may
    /// have cut it.
    pub(super) fn is_cut(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_cut())
    }
}
