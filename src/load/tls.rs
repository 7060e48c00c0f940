//! TLS between a socket and HTTP. Decrypted bytes carry the kernel's timestamp of the read that
//! completed their last TLS record.

use super::Error;
use super::socket::{Buffers, IoFailure, Received, Socket};
use crate::tls;
use nix::errno::Errno;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, Read as _, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// What all sessions with a target share.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Configures TLS with a host (address or name), with the trusted certificates of this machine.
    pub(super) fn with(host: &str, url: &str) -> Result<Self, Error> {
        let unfit = |reason| Error::Url {
            url: url.to_owned(),
            reason,
        };
        Self::trusting(host, tls::config().map_err(unfit)?).map_err(unfit)
    }

    pub(super) fn trusting(host: &str, config: Arc<ClientConfig>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("`{host}` is not a valid certificate name"))?;
        Ok(Self { config, name })
    }

    /// Creates a session that has sent nothing yet.
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
            Err(error) => Err(tls::explain(&error, &host)),
        }
    }
}

/// The TLS state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    tls: ClientConnection,
    host: String,
    /// Bytes given to [`write`](Self::write) that are encrypted but not completely passed to the
    /// kernel.
    pending: usize,
    /// How the stream ended, if the end came together with data: announced by the server, or by
    /// bytes that are not TLS.
    ended: Option<Result<(), String>>,
    /// Whether the stream ended without close_notify.
    cut: bool,
}

/// A failed handshake.
pub(super) struct HandshakeError {
    pub(super) why: String,
    /// Whether it will fail as long as the server does not change.
    pub(super) lasts: bool,
}

impl Session {
    /// Continues the handshake until it is complete.
    pub(super) fn handshake(
        &mut self,
        socket: &Socket,
        buffers: &mut Buffers,
    ) -> Result<(), IoFailure> {
        loop {
            // Flush before reading: the server waits for our part of the handshake and would send
            // nothing.
            self.flush(socket)?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            let received = socket.read(buffers)?;
            if received.bytes.is_empty() {
                let why = "the server closed the connection within the TLS handshake";
                return Err(IoFailure::Failed(why.into()));
            }
            let mut early = Vec::new();
            let taken = self.take(socket, received.bytes, &mut early);
            taken.map_err(IoFailure::Failed)?;
            if !early.is_empty() {
                return Err(IoFailure::Failed(
                    "the server spoke before it was asked".into(),
                ));
            }
        }
    }

    /// Performs the handshake on a blocking socket.
    pub(super) fn handshake_blocking(
        mut self,
        mut socket: TcpStream,
    ) -> Result<(), HandshakeError> {
        while self.tls.is_handshaking() {
            self.tls.complete_io(&mut socket).map_err(|error| {
                match error.get_ref().and_then(|e| e.downcast_ref()) {
                    Some(tls) => HandshakeError {
                        why: tls::explain(tls, &self.host),
                        lasts: tls::is_permanent(tls),
                    },
                    None => HandshakeError {
                        why: error.to_string(),
                        lasts: false,
                    },
                }
            })?;
        }
        Ok(())
    }

    /// Encrypts bytes of a request and returns how many the kernel has accepted. Until the kernel
    /// has accepted all of them it returns [`IoFailure::WouldBlock`], and the caller must pass the same
    /// bytes again.
    pub(super) fn write(&mut self, socket: &Socket, bytes: &[u8]) -> Result<usize, IoFailure> {
        // Encrypted bytes cannot be taken back: the request must not be encrypted again after a
        // partial write.
        self.flush(socket)?;
        if self.pending == 0 {
            let taken = self.tls.writer().write(bytes);
            self.pending = taken.map_err(|error| IoFailure::Failed(error.to_string()))?;
            self.flush(socket)?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Reads until there are decrypted bytes of an answer, or the end of the stream.
    pub(super) fn read<'b>(
        &mut self,
        socket: &Socket,
        buffers: &'b mut Buffers,
    ) -> Result<Received<'b>, IoFailure> {
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
    ) -> Result<(Option<u64>, bool), IoFailure> {
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
            Some(Err(why)) => Err(IoFailure::Failed(why)),
            _ => Ok((None, false)),
        }
    }

    /// Whether the stream may have been cut: it ended without close_notify.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Decrypts, and sends what TLS itself answers: a key update, or an alert about an error.
    fn take(&mut self, socket: &Socket, bytes: &[u8], plain: &mut Vec<u8>) -> Result<bool, String> {
        let told = self.decrypt(bytes, plain);
        // If the send buffer is full, the rest leaves with the next request.
        let _ = self.flush(socket);
        told
    }

    /// Decrypts into `plain`. Returns whether the server announced the end of the stream.
    fn decrypt(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<bool, String> {
        let mut told = false;
        while !bytes.is_empty() && !told {
            let read = self.tls.read_tls(&mut bytes);
            read.map_err(|error| error.to_string())?;
            let state = self.tls.process_new_packets();
            // `read_to_end` ends with `WouldBlock`. Bytes decrypted before an error are valid.
            let _ = self.tls.reader().read_to_end(plain);
            let state = state.map_err(|error| tls::explain(&error, &self.host))?;
            told = state.peer_has_closed();
        }
        Ok(told)
    }

    fn flush(&mut self, socket: &Socket) -> Result<(), IoFailure> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Out(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(IoFailure::WouldBlock);
                }
                Err(error) => {
                    let code = error.raw_os_error().map(Errno::from_raw);
                    return Err(code.map_or(IoFailure::Failed(error.to_string()), IoFailure::from));
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
