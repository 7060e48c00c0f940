//! HTTP/1.1 as bytes: serialises a request, and parses an answer from whatever pieces the socket
//! delivers. No sockets, no clock.

use super::chunked::Chunked;
use super::target::Target;
use std::sync::Arc;

/// Longest head of an answer, in bytes.
pub const MAX_HEAD: usize = 64 << 10;
/// Longest body of an answer, in bytes.
pub const MAX_BODY: usize = 16 << 20;
/// Bytes that are kept of a body beyond the limit.
const KEPT_BODY: usize = 64 << 10;
/// Most headers of an answer.
const MAX_HEADERS: usize = 128;
/// Most interim answers (1xx) before the final one.
const MAX_INTERIM: u32 = 16;

/// Serialises one POST with its own headers besides those of the target.
#[must_use]
pub fn request(
    target: &Target,
    (path, stream): (&str, bool),
    own: &[(String, String)],
    body: &[u8],
) -> Vec<u8> {
    let given = |name: &str| {
        let mut names = target.headers.iter().chain(own).map(|(n, _)| n);
        names.any(|n| n.eq_ignore_ascii_case(name))
    };
    let accept = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let agent = concat!("bench/", env!("CARGO_PKG_VERSION"));
    let defaults = [
        ("user-agent", agent),
        ("content-type", "application/json"),
        ("accept", accept),
    ];
    let mut head = format!("POST {}{path} HTTP/1.1\r\n", target.prefix);
    let mut header = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    };
    header("host", &target.host);
    for (name, value) in defaults {
        if !given(name) {
            header(name, value);
        }
    }
    for (name, value) in target.headers.iter().chain(own) {
        header(name, value);
    }
    header("content-length", &body.len().to_string());
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// How the end of an answer's body is determined.
#[derive(Debug)]
enum Framing {
    /// The head is not complete.
    Head,
    /// This many bytes are left.
    Length(u64),
    Chunked(Chunked),
    /// By the end of the connection.
    UntilClose,
    Done,
}

/// An answer while it arrives.
#[derive(Debug)]
pub struct Response {
    /// The status, once the head is complete.
    pub status: Option<u16>,
    /// The headers, names in lower case.
    pub headers: Arc<[(String, String)]>,
    /// The decoded body so far.
    pub body: Vec<u8>,
    head: Vec<u8>,
    interim: u32,
    framing: Framing,
    keep_alive: bool,
    /// Whether bytes arrived after the end of the answer, so that the connection is out of step.
    surplus: bool,
}

impl Default for Response {
    fn default() -> Self {
        Self::new()
    }
}

impl Response {
    /// An answer of which nothing arrived yet.
    #[must_use]
    pub fn new() -> Self {
        Self::within(Vec::new())
    }

    /// As [`new`](Self::new), with this empty vector as the buffer of the body.
    pub(super) fn within(body: Vec<u8>) -> Self {
        Self {
            status: None,
            headers: [].into(),
            body,
            head: Vec::new(),
            interim: 0,
            framing: Framing::Head,
            keep_alive: false,
            surplus: false,
        }
    }

    /// Whether the answer is complete according to its framing.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.framing, Framing::Done)
    }

    /// Whether the connection can carry another request after this answer.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.is_done() && self.keep_alive && !self.surplus
    }

    /// Parses the next bytes.
    ///
    /// # Errors
    /// Why the bytes are not a valid answer, or that they exceed [`MAX_HEAD`] or [`MAX_BODY`]. The
    /// connection is unusable afterwards.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while matches!(self.framing, Framing::Head) && !bytes.is_empty() {
            bytes = self.feed_head(bytes)?;
        }
        let used = match &mut self.framing {
            Framing::Head => 0,
            Framing::Done => {
                self.surplus |= !bytes.is_empty();
                bytes.len()
            }
            Framing::UntilClose => {
                self.body.extend_from_slice(bytes);
                bytes.len()
            }
            Framing::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX);
                let here = here.min(bytes.len());
                self.body.extend_from_slice(&bytes[..here]);
                *left -= here as u64;
                if *left == 0 {
                    self.framing = Framing::Done;
                }
                here
            }
            Framing::Chunked(chunked) => {
                let used = chunked.feed(bytes, &mut self.body)?;
                if chunked.is_done() {
                    self.framing = Framing::Done;
                }
                used
            }
        };
        self.surplus |= used < bytes.len();
        if self.body.len() > MAX_BODY {
            self.body.truncate(KEPT_BODY);
            self.body.shrink_to_fit();
            return Err(format!("the body is longer than {} MiB", MAX_BODY >> 20));
        }
        Ok(())
    }

    /// Records that the server closed the connection.
    ///
    /// # Errors
    /// When the answer is incomplete.
    pub fn closed(&mut self) -> Result<(), String> {
        match &self.framing {
            Framing::Done => Ok(()),
            Framing::UntilClose => {
                self.framing = Framing::Done;
                Ok(())
            }
            Framing::Head if self.head.is_empty() && self.status.is_none() => {
                Err("the server closed the connection without an answer".into())
            }
            Framing::Head => Err("the server closed the connection within the head".into()),
            Framing::Length(left) => Err(format!(
                "the server closed the connection {left} bytes before the end of the body"
            )),
            Framing::Chunked(_) => {
                Err("the server closed the connection before the last chunk of the body".into())
            }
        }
    }

    /// Parses bytes of the head and returns the bytes after it.
    fn feed_head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], String> {
        // The blank line may be split between two reads: search again from 3 bytes before the new
        // ones.
        let known = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head, known.saturating_sub(3)) else {
            if self.head.len() > MAX_HEAD {
                return Err(format!("the head is longer than {} KiB", MAX_HEAD >> 10));
            }
            return Ok(&[]);
        };
        if end > MAX_HEAD {
            return Err(format!("the head is longer than {} KiB", MAX_HEAD >> 10));
        }
        let head = std::mem::take(&mut self.head);
        self.read_head(&head[..end])?;
        Ok(&bytes[end - known..])
    }

    fn read_head(&mut self, head: &[u8]) -> Result<(), String> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err("the head is not HTTP/1".into()),
            Err(error) => return Err(format!("the head is not HTTP/1: {error}")),
        }
        let status = parsed.code.unwrap_or(0);
        match status {
            101 => return Err("the server switched to another protocol".into()),
            // An interim answer: the final one is still to come.
            100..200 if self.interim < MAX_INTERIM => {
                self.interim += 1;
                return Ok(());
            }
            100..200 => return Err("too many interim answers (1xx)".into()),
            _ => {}
        }
        let owned = parsed.headers.iter().map(|h| {
            let value = String::from_utf8_lossy(h.value).into_owned();
            (h.name.to_ascii_lowercase(), value)
        });
        self.headers = owned.collect();
        self.status = Some(status);
        self.keep_alive = self.allows_keep_alive(parsed.version == Some(1));
        self.framing = self.framing_of(status)?;
        self.keep_alive &= !matches!(self.framing, Framing::UntilClose);
        Ok(())
    }

    fn framing_of(&self, status: u16) -> Result<Framing, String> {
        if matches!(status, 204 | 304) {
            return Ok(Framing::Done);
        }
        let codings: Vec<&str> = self.list("transfer-encoding").collect();
        match codings.as_slice() {
            [] => {}
            [one] if one.eq_ignore_ascii_case("chunked") => {
                return Ok(Framing::Chunked(Chunked::new()));
            }
            _ => {
                let codings = codings.join(", ");
                return Err(format!("the transfer encoding `{codings}` is not known"));
            }
        }
        let mut lengths = self.list("content-length");
        let Some(first) = lengths.next() else {
            return Ok(Framing::UntilClose);
        };
        if lengths.any(|other| other != first) {
            return Err("the answer has two lengths".into());
        }
        let digits = first.bytes().all(|b| b.is_ascii_digit());
        match first.parse::<u64>() {
            Ok(0) => Ok(Framing::Done),
            Ok(n) if digits && n <= MAX_BODY as u64 => Ok(Framing::Length(n)),
            Ok(_) if digits => Err(format!("the body is longer than {} MiB", MAX_BODY >> 20)),
            _ => Err(format!("the content length `{first}` is not a number")),
        }
    }

    fn allows_keep_alive(&self, http_1_1: bool) -> bool {
        let says = |word: &str| {
            self.list("connection")
                .any(|t| t.eq_ignore_ascii_case(word))
        };
        // RFC 9112, 6.3: a message with both fields may be an attempt at request smuggling, so the
        // connection is not reused.
        let mixed = self.list("transfer-encoding").next().is_some()
            && self.list("content-length").next().is_some();
        !says("close") && (http_1_1 || says("keep-alive")) && !mixed
    }

    /// The values of a header that is a comma-separated list.
    fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(n, _)| n == name);
        let values = named.flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|v| !v.is_empty())
    }
}

/// The offset after the blank line that ends the head. Searches from `from`.
fn head_end(head: &[u8], from: usize) -> Option<usize> {
    let tail = &head[from..];
    let feeds = tail.iter().enumerate().filter(|(_, b)| **b == b'\n');
    for (at, _) in feeds {
        let rest = &tail[at + 1..];
        for blank in [&b"\r\n"[..], b"\n"] {
            if rest.starts_with(blank) {
                return Some(from + at + 1 + blank.len());
            }
        }
    }
    None
}

#[cfg(test)]
#[path = "tests/http.rs"]
mod tests;
