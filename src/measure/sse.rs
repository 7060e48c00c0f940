//! Server-sent events out of bytes that come in any pieces. Knows nothing of JSON or of time: each event carries the
//! offset at which it ended, and whoever noted the reads knows when that was.

use memchr::memchr2;
use std::ops::Range;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event:` field; empty where it had none.
    pub name: &'a [u8],
    /// Its `data:` lines, joined by line feeds; empty for a named event without any, which the standard drops but servers
    /// send to report errors.
    pub data: &'a [u8],
    /// Its last comment line without the colon; empty where it had none. Dynamo gives the message of an error event there.
    pub comment: &'a [u8],
    /// Offset in the stream just after the byte that ended the event.
    pub end: usize,
}

/// An event or a line longer than the parser was told to hold.
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
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    name: Vec<u8>,
    /// Data lines of the event that has not ended, each followed by a line feed.
    data: Vec<u8>,
    comment: Vec<u8>,
    after_cr: bool,
    begun: bool,
}

impl Parser {
    /// A parser that refuses events longer than `limit` bytes.
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

    /// Takes the next bytes and hands every event that they complete to `sink`. An event with one data line that lies
    /// whole in `bytes` is not copied.
    ///
    /// # Errors
    /// When an event is too long; the parser is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) -> Result<(), TooLong> {
        let base = self.offset;
        self.offset += bytes.len();
        let mut at = 0;
        // Where in `bytes` the event's only data line so far lies, when it need not be copied.
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

    /// The data of an event whose closing blank line has not come. The standard drops it at the end of a stream.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Seen = (String, String, usize);

    fn parse(pieces: &[&[u8]]) -> Vec<Seen> {
        let mut parser = Parser::new(1 << 20);
        let mut seen = Vec::new();
        for piece in pieces {
            parser
                .push(piece, &mut |e| {
                    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                    seen.push((text(e.name), text(e.data), e.end));
                })
                .expect("events are short");
        }
        seen
    }

    fn data(stream: &str) -> Vec<String> {
        parse(&[stream.as_bytes()])
            .into_iter()
            .map(|e| e.1)
            .collect()
    }

    #[test]
    fn events_are_told_apart() {
        assert_eq!(data("data: a\n\ndata:b\n\n"), ["a", "b"]);
        assert_eq!(
            data("data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
            ["a", "b", "c"]
        );
        assert_eq!(data("data: a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
        assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
        assert_eq!(data(": ping\n\nid: 7\nretry: 1\ndata: a\n\n"), ["a"]);
        assert_eq!(data("data:\n\n"), [""]);
        assert_eq!(data("event: error\n\ndata: a\n"), [""]);
    }

    #[test]
    fn names_belong_to_one_event() {
        let seen = parse(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
        assert_eq!(seen[0], ("error".into(), "a".into(), 22));
        assert_eq!(seen[1], (String::new(), "b".into(), 31));
    }

    #[test]
    fn a_comment_belongs_to_the_event_around_it() {
        let mut seen = Vec::new();
        let text = b": alone\n\nevent: error\n: lost\n\ndata: a\n\n";
        let mut note = |event: Event<'_>| seen.push((event.name.to_vec(), event.comment.to_vec()));
        Parser::new(100).push(text, &mut note).expect("short");
        let named = (b"error".to_vec(), b"lost".to_vec());
        assert_eq!(seen, [named, (Vec::new(), Vec::new())]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::new(100);
        let push = |p: &mut Parser, b: &[u8]| p.push(b, &mut |_| {});
        assert_eq!(push(&mut parser, &[b'x'; 60]), Ok(()));
        assert_eq!(push(&mut parser, &[b'x'; 60]), Err(TooLong { limit: 100 }));
        let mut parser = Parser::new(100);
        let lines = b"data: 0123456789\n".repeat(20);
        assert_eq!(push(&mut parser, &lines), Err(TooLong { limit: 100 }));
    }

    #[test]
    fn what_is_left_at_the_end_can_be_seen() {
        let mut parser = Parser::new(100);
        assert_eq!(parser.unfinished(), None);
        parser
            .push(b"data: a\n\ndata: [DO", &mut |_| {})
            .expect("short");
        assert_eq!(parser.unfinished(), Some(&b"[DO"[..]));
        parser.push(b"NE]\n", &mut |_| {}).expect("short");
        assert_eq!(parser.unfinished(), Some(&b"[DONE]"[..]));
        parser.push(b"\n", &mut |_| {}).expect("short");
        assert_eq!(parser.unfinished(), None);
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just("data: {\"a\": \"\u{e9}\"}"),
            Just("data:"),
            Just("event: note"),
            Just(": comment"),
            Just("nonsense"),
            Just("\n"),
            Just("\r\n"),
            Just("\r"),
            Just("\n\n"),
            Just("\u{feff}"),
        ];
        proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(stream in stream()) {
            let whole = parse(&[&stream]);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&parse(&bytes), &whole);
            for at in 0..=stream.len() {
                let (a, b) = stream.split_at(at);
                prop_assert_eq!(&parse(&[a, b]), &whole);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let ends: Vec<usize> = parse(&[&bytes]).into_iter().map(|e| e.2).collect();
            prop_assert!(ends.is_sorted() && ends.iter().all(|e| *e <= bytes.len()));
        }
    }
}
