//! The endpoint that load is sent to: parsed, resolved once, with its headers checked.

use super::Error;
use super::socket::Stamping;
use super::tls::Tls;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// An endpoint, ready for use. Create it early: while it exists, the kernel timestamps what it
/// receives.
#[derive(Debug, Clone)]
pub struct Target {
    /// The `Host` header.
    pub(super) host: String,
    /// Path of the base URL, without a trailing slash.
    pub(super) prefix: String,
    /// Headers sent with every request.
    pub(super) headers: Vec<(String, String)>,
    /// Addresses to connect to, tried in order.
    pub(super) addresses: Vec<SocketAddr>,
    /// TLS, if the URL is `https`.
    pub(super) tls: Option<Tls>,
    _stamping: Arc<Stamping>,
}

impl Target {
    /// Parses a base URL (`http://host:port/prefix`, or `https`) and resolves its host.
    ///
    /// # Errors
    /// When the URL is not http or https, the host has no address, a header contains forbidden
    /// characters, or https is asked for on a machine without trusted certificates.
    pub fn resolve(url: &str, headers: &[(String, String)]) -> Result<Self, Error> {
        let parts = parse(url).map_err(|reason| Error::Url {
            url: url.to_owned(),
            reason,
        })?;
        for (name, value) in headers {
            check_header(name, value)?;
        }
        let bare = parts.host.trim_start_matches('[').trim_end_matches(']');
        let resolve = |source| Error::Resolve {
            host: bare.to_owned(),
            source,
        };
        let addresses = (bare, parts.port).to_socket_addrs().map_err(resolve)?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        if addresses.is_empty() {
            let none = std::io::Error::new(std::io::ErrorKind::NotFound, "it has no address");
            return Err(resolve(none));
        }
        let tls = parts.secure.then(|| Tls::with(bare, url)).transpose()?;
        let host = match parts.port {
            port if port == usual_port(parts.secure) => parts.host.to_owned(),
            port => format!("{}:{port}", parts.host),
        };
        Ok(Self {
            host,
            prefix: parts.path.trim_end_matches('/').to_owned(),
            headers: headers.to_vec(),
            addresses,
            tls,
            _stamping: Arc::new(Stamping::hold()),
        })
    }

    /// Connects, including the TLS handshake, and closes the connection. Each step may take
    /// `limit`.
    ///
    /// # Errors
    /// Why no connection can be made.
    pub fn try_connect(&self, limit: Duration) -> Result<(), String> {
        let stream = self.connect(limit).map_err(|error| error.to_string())?;
        match &self.tls {
            Some(tls) => tls
                .begin()?
                .handshake_blocking(stream)
                .map_err(|bad| bad.why),
            None => Ok(()),
        }
    }

    /// Why TLS with the current server will never work, if that is so: its certificate is not
    /// trusted, or it does not speak TLS. Each step may take `limit`.
    #[must_use]
    pub fn tls_refusal(&self, limit: Duration) -> Option<String> {
        let session = self.tls.as_ref()?.begin().ok()?;
        let bad = session
            .handshake_blocking(self.connect(limit).ok()?)
            .err()?;
        bad.lasts.then_some(bad.why)
    }

    fn connect(&self, limit: Duration) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.addresses[0], limit)?;
        stream.set_read_timeout(Some(limit))?;
        Ok(stream)
    }
}

struct UrlParts<'u> {
    /// Whether it is `https`.
    secure: bool,
    /// In brackets if it is an IPv6 address.
    host: &'u str,
    port: u16,
    path: &'u str,
}

fn parse(url: &str) -> Result<UrlParts<'_>, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err("write it as http://host:port".into());
    };
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && !scheme.eq_ignore_ascii_case("http") {
        return Err(format!("`{scheme}` is not http or https"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if path.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment".into());
    }
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("it holds spaces, control characters or letters beyond ASCII".into());
    }
    if authority.contains('@') {
        return Err("it holds a user name; send an `authorization` header instead".into());
    }
    let after_brackets = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[after_brackets..].rfind(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_brackets + colon);
            let port = port[1..].parse().ok().filter(|p| *p != 0);
            (
                host,
                port.ok_or("its port is not a number from 1 to 65535")?,
            )
        }
        None => (authority, usual_port(secure)),
    };
    if host.is_empty() {
        return Err("it has no host".into());
    }
    Ok(UrlParts {
        secure,
        host,
        port,
        path,
    })
}

fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Rejects headers that could end early or change the framing.
fn check_header(name: &str, value: &str) -> Result<(), Error> {
    let refuse = |reason| {
        Err(Error::Header {
            name: name.escape_default().to_string(),
            reason,
        })
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return refuse("its name is not a token");
    }
    if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
        return refuse("its value holds control characters");
    }
    let ours = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
    ];
    if ours.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return refuse("bench sets it itself");
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests/target.rs"]
mod tests;
