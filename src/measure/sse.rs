//! Parses server-sent events from input of any fragmentation. It knows neither JSON nor time: each
//! event has the offset at which it ended, and the recorded reads give the time.

use memchr::memchr2;
use std::ops::Range;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event:` field; empty if absent.
    pub name: &'a [u8],
    /// Its `data:` lines, joined by line feeds. Empty for a named event without data, which the
    /// standard drops but servers send to report errors.
    pub data: &'a [u8],
    /// Its last comment line without the colon; empty if absent. Dynamo puts the message of an
    /// error event there.
    pub comment: &'a [u8],
    /// Offset in the stream after the last byte of the event.
    pub end: usize,
}

/// An event or a line is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// An incremental parser of `text/event-stream`.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// Bytes consumed so far.
    offset: usize,
    /// The beginning of an incomplete line.
    line: Vec<u8>,
    name: Vec<u8>,
    /// Data lines of the current event, each followed by a line feed.
    data: Vec<u8>,
    comment: Vec<u8>,
    after_cr: bool,
    begun: bool,
}

impl Parser {
    /// Creates a parser that rejects events longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            offset: 0,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            comment: Vec::new(),
            after_cr: false,
            begun: false,
        }
    }

    /// Parses the next bytes and passes every completed event to `sink`. An event with one data
    /// line that is completely in `bytes` is not copied.
    ///
    /// # Errors
    /// When an event is too long. The parser is unusable afterwards.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) -> Result<(), TooLong> {
        let base = self.offset;
        self.offset += bytes.len();
        let mut at = 0;
        // Range in `bytes` of the event's only data line so far, if it need not be copied.
        let mut lent: Option<Range<usize>> = None;
        while at < bytes.len() {
            if std::mem::take(&mut self.after_cr) && bytes[at] == b'\n' {
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let Some(len) = memchr2(b'\n', b'\r', rest) else {
                self.room(rest.len())?;
                self.line.extend_from_slice(rest);
                break;
            };
            self.room(len)?;
            self.after_cr = rest[len] == b'\r';
            let start = at;
            at += len + 1;
            let joined = if self.line.is_empty() {
                None
            } else {
                self.line.extend_from_slice(&rest[..len]);
                Some(std::mem::take(&mut self.line))
            };
            let line = self.without_bom(joined.as_deref().unwrap_or(&rest[..len]));
            match field(line) {
                Field::Blank => self.dispatch(lent.take().map(|r| &bytes[r]), base + at, sink),
                Field::Name(name) => {
                    self.name.clear();
                    self.name.extend_from_slice(name);
                }
                Field::Data(data) => {
                    if let Some(first) = lent.take() {
                        self.keep(&bytes[first]);
                    }
                    if joined.is_none() && self.data.is_empty() {
                        lent = Some(start + len - data.len()..start + len);
                    } else {
                        self.keep(data);
                    }
                }
                Field::Comment(comment) => {
                    self.comment.clear();
                    self.comment.extend_from_slice(comment);
                }
                Field::Other => {}
            }
        }
        if let Some(first) = lent {
            self.keep(&bytes[first]);
        }
        Ok(())
    }

    /// The data of an event without its closing blank line. The standard drops it at the end of a
    /// stream.
    #[must_use]
    pub fn unfinished(&self) -> Option<&[u8]> {
        match field(&self.line) {
            Field::Data(data) => Some(data),
            _ => self.data.strip_suffix(b"\n"),
        }
    }

    fn dispatch(&mut self, lent: Option<&[u8]>, end: usize, sink: &mut impl FnMut(Event<'_>)) {
        let data = lent.or(self.data.strip_suffix(b"\n"));
        let name = self.name.as_slice();
        if data.is_some() || !name.is_empty() {
            sink(Event {
                name,
                data: data.unwrap_or_default(),
                comment: &self.comment,
                end,
            });
        }
        self.name.clear();
        self.data.clear();
        self.comment.clear();
    }

    fn room(&self, more: usize) -> Result<(), TooLong> {
        if self.line.len() + self.data.len() + more > self.limit {
            return Err(TooLong { limit: self.limit });
        }
        Ok(())
    }

    fn without_bom<'l>(&mut self, line: &'l [u8]) -> &'l [u8] {
        if std::mem::replace(&mut self.begun, true) {
            return line;
        }
        line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
    }

    fn keep(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
        self.data.push(b'\n');
    }
}

enum Field<'a> {
    Blank,
    Name(&'a [u8]),
    Data(&'a [u8]),
    Comment(&'a [u8]),
    /// `id`, `retry`, or an unknown field.
    Other,
}

fn field(line: &[u8]) -> Field<'_> {
    if line.is_empty() {
        return Field::Blank;
    }
    let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match &line[..colon] {
        b"" => Field::Comment(value),
        b"data" => Field::Data(value),
        b"event" => Field::Name(value),
        _ => Field::Other,
    }
}

#[cfg(test)]
#[path = "tests/sse.rs"]
mod tests;
