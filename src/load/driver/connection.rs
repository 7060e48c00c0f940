//! One connection: TCP, and TLS on top where the endpoint asks for it.

use crate::load::Target;
use crate::load::socket::{Buffers, Received, Socket, Trouble};
use crate::load::tls::Session;
use crate::measure::clock;
use crate::measure::exchange::Nanos;
use nix::sys::epoll::EpollFlags;
use std::net::SocketAddr;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Socket,
    tls: Option<Box<Session>>,
    /// Whether TCP has connected.
    connected: bool,
    /// Whether it can carry a request.
    pub(super) open: bool,
    /// Whether room for writing is waited for.
    pub(super) wants_write: bool,
    /// Whether it has carried a request.
    pub(super) carried: bool,
    /// When it was begun.
    pub(super) began: Nanos,
    /// The number of the ring's read of it, where the ring reads it.
    pub(super) ring: Option<u32>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The ring's read holds the socket open until the stream ends.
        if self.ring.is_some() {
            self.socket.shut();
        }
    }
}

impl Connection {
    /// Begins to connect.
    pub(super) fn begin(target: &Target, address: SocketAddr) -> Result<Self, Trouble> {
        let began = clock::now();
        let socket = Socket::connect(address)?;
        let tls = target.tls.as_ref().map(|tls| tls.begin().map(Box::new));
        Ok(Self {
            socket,
            tls: tls.transpose().map_err(Trouble::Failed)?,
            connected: false,
            open: false,
            wants_write: true,
            carried: false,
            began,
            ring: None,
        })
    }

    /// Goes on connecting, after an event; whether it is open now.
    pub(super) fn establish(
        &mut self,
        flags: EpollFlags,
        buffers: &mut Buffers,
    ) -> Result<bool, String> {
        if !self.connected {
            self.socket.error().map_err(|error| error.desc())?;
            self.connected = flags.contains(EpollFlags::EPOLLOUT);
        }
        self.open = match &mut self.tls {
            Some(tls) if self.connected => match tls.shake(&self.socket, buffers) {
                Ok(()) => true,
                Err(Trouble::Later) => false,
                Err(Trouble::Failed(why)) => return Err(why),
            },
            _ => self.connected,
        };
        Ok(self.open)
    }

    /// Whether TCP has connected, and TLS has not.
    pub(super) fn is_shaking(&self) -> bool {
        self.connected && !self.open
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Trouble> {
        match &mut self.tls {
            Some(tls) => tls.write(&self.socket, bytes),
            None => Ok(self.socket.write(bytes)?),
        }
    }

    pub(super) fn read<'b>(&mut self, buffers: &'b mut Buffers) -> Result<Received<'b>, Trouble> {
        match &mut self.tls {
            Some(tls) => tls.read(&self.socket, buffers),
            None => Ok(self.socket.read(buffers)?),
        }
    }

    /// Whether what came while it was idle was TLS's own: servers send tickets for other connections when they like.
    pub(super) fn is_quiet(&mut self, buffers: &mut Buffers) -> bool {
        // What the ring reads, it tells itself.
        self.ring.is_some()
            || self.tls.is_some() && self.read(buffers).err() == Some(Trouble::Later)
    }

    /// Whether its end may have been brought about by someone else than the server.
    pub(super) fn is_cut(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_cut())
    }
}
