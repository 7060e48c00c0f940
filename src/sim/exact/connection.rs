//! One connection to the oracle: reads a request, sends an answer token by token.

use super::answer::Answer;
use super::{Timetable, Truth, now};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

/// Longest request, in bytes.
const LONGEST: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    answer: Option<Answer>,
}

/// The result of reading.
pub(super) enum Heard {
    /// Not a whole request yet.
    Incomplete,
    /// A request.
    Request(Asked),
    /// The client closed the connection, or did not speak HTTP.
    Closed,
}

/// The content of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether it is a completion. Every other request gets the list of models.
    pub(super) is_completion: bool,
    pub(super) is_chat: bool,
    pub(super) streams: bool,
    pub(super) tokens: Option<u32>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            answer: None,
        }
    }

    pub(super) fn hear(&mut self) -> Heard {
        let mut some = [0; 16 << 10];
        loop {
            match self.stream.read(&mut some) {
                Ok(0) => return Heard::Closed,
                Ok(n) => self.heard.extend_from_slice(&some[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Heard::Closed,
            }
        }
        match request(&self.heard) {
            Ok(Some(asked)) => {
                self.heard.clear();
                Heard::Request(asked)
            }
            Ok(None) if self.heard.len() <= LONGEST => Heard::Incomplete,
            _ => Heard::Closed,
        }
    }

    /// Begins an answer. Returns when its first bytes are due.
    pub(super) fn begin(&mut self, number: u64, at: u64, asked: &Asked, table: &Timetable) -> u64 {
        let answer = Answer::new(number, at, asked, table);
        let first = answer.due().unwrap_or(at);
        self.answer = Some(answer);
        first
    }

    /// Sends what is due. Returns when more is due.
    pub(super) fn tell(&mut self, number: u64) -> io::Result<Option<u64>> {
        let Some(answer) = self.answer.as_mut().filter(|a| a.truth.request == number) else {
            return Ok(None);
        };
        let Some((bytes, is_token)) = answer.next() else {
            return Ok(None);
        };
        let before = now();
        self.stream.write_all(&bytes)?;
        if is_token {
            answer.truth.sends.push((before, now()));
        }
        Ok(answer.due())
    }

    /// The ground truth about an answer that was sent completely.
    pub(super) fn told(&mut self, number: u64) -> Option<Truth> {
        let answer = self.answer.take_if(|a| a.truth.request == number)?;
        answer.is_completion.then_some(answer.truth)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The request in `bytes`, if it is complete.
fn request(bytes: &[u8]) -> Result<Option<Asked>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = parsed.parse(bytes).map_err(drop) else {
        return if bytes.len() > LONGEST {
            Err(())
        } else {
            Ok(None)
        };
    };
    let length = parsed.headers.iter();
    let mut length = length.filter(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length
        .next()
        .and_then(|h| std::str::from_utf8(h.value).ok());
    let length: usize = length.map_or(Ok(0), str::parse).map_err(drop)?;
    let Some(body) = bytes.get(head..head + length) else {
        return Ok(None);
    };
    let path = parsed.path.unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let number = |key| body.get(key).and_then(serde_json::Value::as_u64);
    let tokens = number("max_tokens").or(number("max_completion_tokens"));
    Ok(Some(Asked {
        is_completion: parsed.method == Some("POST") && path.ends_with("/completions"),
        is_chat: path.ends_with("/chat/completions"),
        streams: body.get("stream").and_then(serde_json::Value::as_bool) == Some(true),
        tokens: tokens
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n > 0),
    }))
}
