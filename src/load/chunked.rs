//! The chunked transfer coding, decoded from bytes that come in any pieces. Extensions and trailers are tolerated and dropped.

/// Longest chunk-size line and longest trailer section, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// Where in the coding the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    Size,
    /// After them, before the line feed.
    Extension,
    /// In a chunk, with so many bytes left.
    Data(u64),
    /// After a chunk, before its line feed.
    DataEnd,
    /// In the trailers, at the beginning of a line or not.
    Trailer {
        line_start: bool,
    },
    Done,
}

/// A decoder of one body.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    size: u64,
    digits: u32,
    /// Bytes of the current line or of the trailers.
    line: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            state: State::Size,
            size: 0,
            digits: 0,
            line: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes `bytes` into `body`; returns how many were used, fewer than all only after the end of the body.
    pub(super) fn feed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<usize, String> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if let State::Data(left) = self.state {
                let here = usize::try_from(left).unwrap_or(usize::MAX);
                let here = here.min(bytes.len() - at);
                body.extend_from_slice(&bytes[at..at + here]);
                at += here;
                let left = left - here as u64;
                self.state = if left == 0 {
                    State::DataEnd
                } else {
                    State::Data(left)
                };
                continue;
            }
            self.state = self.step(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, String> {
        self.line += 1;
        if self.line > LONGEST_LINE {
            return Err("a chunk's size line or the trailers have no end".into());
        }
        let next = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.digits += 1;
                if self.digits > 15 {
                    return Err("a chunk's size is beyond all bounds".into());
                }
                self.size = self.size << 4 | u64::from(digit);
                State::Size
            }
            (State::Size, _) if self.digits == 0 => return Err(wrong("a chunk's size", byte)),
            (State::Size | State::Extension, b'\n') => self.sized(),
            (State::Size, b'\r' | b';' | b' ' | b'\t') | (State::Extension, _) => State::Extension,
            (State::Size, _) => return Err(wrong("a chunk's size", byte)),
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => {
                self.line = 0;
                State::Size
            }
            (State::DataEnd, _) => return Err(wrong("the end of a chunk", byte)),
            (State::Trailer { line_start: true }, b'\r') => State::Trailer { line_start: true },
            (State::Trailer { line_start: true }, b'\n') => State::Done,
            (State::Trailer { .. }, b'\n') => State::Trailer { line_start: true },
            (State::Trailer { .. }, _) => State::Trailer { line_start: false },
            (done @ (State::Data(_) | State::Done), _) => done,
        };
        Ok(next)
    }

    fn sized(&mut self) -> State {
        let size = std::mem::take(&mut self.size);
        (self.digits, self.line) = (0, 0);
        match size {
            0 => State::Trailer { line_start: true },
            n => State::Data(n),
        }
    }
}

fn wrong(place: &str, byte: u8) -> String {
    format!(
        "the chunked framing is wrong: {:?} in {place}",
        char::from(byte)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<(String, bool, usize), String> {
        let (mut chunked, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
        for piece in pieces {
            used += chunked.feed(piece, &mut body)?;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((body, chunked.is_done(), used))
    }

    #[test]
    fn chunks_are_joined_at_any_split() {
        let coded = b"3\r\nabc\r\n0A ;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\nrest";
        let whole = decode(&[coded]);
        assert_eq!(whole, Ok(("abc0123456789".into(), true, coded.len() - 4)));
        for at in 0..coded.len() {
            let (a, b) = coded.split_at(at);
            assert_eq!(decode(&[a, b]), whole, "split at {at}");
        }
    }

    #[test]
    fn an_unfinished_body_is_not_done() {
        for coded in [
            "3\r\nab",
            "3\r\nabc\r\n",
            "3\r\nabc\r\n0\r\n",
            "0\r\nA: b\r\n",
        ] {
            let done = decode(&[coded.as_bytes()]).map(|d| d.1);
            assert_eq!(done, Ok(false), "{coded:?}");
        }
    }

    #[test]
    fn wrong_framing_is_refused() {
        for coded in [
            "\r\n",
            "x\r\n",
            "3x\r\n",
            "-1\r\n",
            "3\r\nabcd",
            "3\r\nabc3\r\n",
        ] {
            assert!(decode(&[coded.as_bytes()]).is_err(), "{coded:?}");
        }
        assert!(decode(&[b"fffffffffffffffff\r\n"]).is_err());
        let endless = format!("3;{}", "x".repeat(LONGEST_LINE));
        assert!(decode(&[endless.as_bytes()]).is_err());
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(LONGEST_LINE / 4));
        assert!(decode(&[endless.as_bytes()]).is_err());
    }
}
