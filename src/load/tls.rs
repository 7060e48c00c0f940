//! TLS between a socket and HTTP. Of what a read decrypts, the kernel's stamp of that read is kept, which is the stamp of
//! the segment that made the last record whole.

use super::Error;
use super::socket::{Buffers, Received, Socket, Trouble};
use crate::tls;
use nix::errno::Errno;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, Read as _, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// What the sessions of a target have in common.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS with a host, an address or a name, trusting whom this machine trusts.
    pub(super) fn with(host: &str, url: &str) -> Result<Self, Error> {
        let unfit = |reason| Error::Url {
            url: url.to_owned(),
            reason,
        };
        Self::trusting(host, tls::config().map_err(unfit)?).map_err(unfit)
    }

    pub(super) fn trusting(host: &str, config: Arc<ClientConfig>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("`{host}` is no name that a certificate may hold"))?;
        Ok(Self { config, name })
    }

    /// A session of which nothing has been sent.
    pub(super) fn begin(&self) -> Result<Session, String> {
        let tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let host = self.name.to_str().into_owned();
        match tls {
            Ok(tls) => Ok(Session {
                tls,
                host,
                pending: 0,
                ended: None,
                cut: false,
            }),
            Err(error) => Err(tls::said(&error, &host)),
        }
    }
}

/// One connection's TLS.
#[derive(Debug)]
pub(super) struct Session {
    tls: ClientConnection,
    host: String,
    /// Bytes given to [`write`](Self::write) that are encrypted, but not all with the kernel.
    pending: usize,
    /// How the stream ended, where that was among bytes: the server said so, or what came was no TLS any more.
    ended: Option<Result<(), String>>,
    /// Whether it ended without a word.
    cut: bool,
}

/// A handshake that failed.
pub(super) struct BadHandshake {
    pub(super) why: String,
    /// Whether it will fail as long as the server is what it is.
    pub(super) lasts: bool,
}

impl Session {
    /// Goes on with the handshake, until it is done.
    pub(super) fn shake(&mut self, socket: &Socket, buffers: &mut Buffers) -> Result<(), Trouble> {
        loop {
            self.flush(socket)?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            let received = socket.read(buffers)?;
            if received.bytes.is_empty() {
                let why = "the server closed the connection within the TLS handshake";
                return Err(Trouble::Failed(why.into()));
            }
            let mut early = Vec::new();
            let taken = self.take(socket, received.bytes, &mut early);
            taken.map_err(Trouble::Failed)?;
            if !early.is_empty() {
                return Err(Trouble::Failed(
                    "the server spoke before it was asked".into(),
                ));
            }
        }
    }

    /// Shakes hands on a blocking socket.
    pub(super) fn shake_blocking(mut self, mut socket: TcpStream) -> Result<(), BadHandshake> {
        while self.tls.is_handshaking() {
            self.tls.complete_io(&mut socket).map_err(|error| {
                match error.get_ref().and_then(|e| e.downcast_ref()) {
                    Some(tls) => BadHandshake {
                        why: tls::said(tls, &self.host),
                        lasts: tls::lasts(tls),
                    },
                    None => BadHandshake {
                        why: error.to_string(),
                        lasts: false,
                    },
                }
            })?;
        }
        Ok(())
    }

    /// Takes bytes of a request; how many of them the kernel has. Until it has all that it was given, it says
    /// [`Trouble::Later`] and is to be given the same bytes again.
    pub(super) fn write(&mut self, socket: &Socket, bytes: &[u8]) -> Result<usize, Trouble> {
        self.flush(socket)?;
        if self.pending == 0 {
            let taken = self.tls.writer().write(bytes);
            self.pending = taken.map_err(|error| Trouble::Failed(error.to_string()))?;
            self.flush(socket)?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Takes what has come, until that is bytes of an answer or the end of the stream.
    pub(super) fn read<'b>(
        &mut self,
        socket: &Socket,
        buffers: &'b mut Buffers,
    ) -> Result<Received<'b>, Trouble> {
        let mut plain = std::mem::take(&mut buffers.plain);
        plain.clear();
        let outcome = self.read_into(socket, buffers, &mut plain);
        buffers.plain = plain;
        let (stamp, full) = outcome?;
        Ok(Received {
            bytes: &buffers.plain,
            stamp,
            full,
        })
    }

    fn read_into(
        &mut self,
        socket: &Socket,
        buffers: &mut Buffers,
        plain: &mut Vec<u8>,
    ) -> Result<(Option<u64>, bool), Trouble> {
        while self.ended.is_none() {
            let received = socket.read(buffers)?;
            self.cut = received.bytes.is_empty();
            self.ended = match self.take(socket, received.bytes, plain) {
                Ok(told) => told.then_some(Ok(())),
                Err(why) => Some(Err(why)),
            };
            if !plain.is_empty() || self.cut {
                let more = received.full || self.ended.is_some();
                return Ok((received.stamp, more));
            }
        }
        match self.ended.clone() {
            Some(Err(why)) => Err(Trouble::Failed(why)),
            _ => Ok((None, false)),
        }
    }

    /// Whether the stream may have been cut: it ended, and the server did not say that it would.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Decrypts, and answers what asks for an answer of TLS itself: new keys, or a mistake, of which an alert tells.
    fn take(&mut self, socket: &Socket, bytes: &[u8], plain: &mut Vec<u8>) -> Result<bool, String> {
        let told = self.decrypt(bytes, plain);
        // What the kernel has no room for goes with the next request.
        let _ = self.flush(socket);
        told
    }

    /// Decrypts into `plain`; whether the server said that nothing more will come.
    fn decrypt(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<bool, String> {
        let mut told = false;
        while !bytes.is_empty() && !told {
            let read = self.tls.read_tls(&mut bytes);
            read.map_err(|error| error.to_string())?;
            let state = self.tls.process_new_packets();
            // Ends with `WouldBlock`; what came before a mistake counts.
            let _ = self.tls.reader().read_to_end(plain);
            let state = state.map_err(|error| tls::said(&error, &self.host))?;
            told = state.peer_has_closed();
        }
        Ok(told)
    }

    fn flush(&mut self, socket: &Socket) -> Result<(), Trouble> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Out(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Trouble::Later);
                }
                Err(error) => {
                    let code = error.raw_os_error().map(Errno::from_raw);
                    return Err(code.map_or(Trouble::Failed(error.to_string()), Trouble::from));
                }
            }
        }
        Ok(())
    }
}

struct Out<'s>(&'s Socket);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
