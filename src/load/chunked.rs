//! Decodes the chunked transfer coding from input of any fragmentation. Extensions and trailers are
//! accepted and dropped.

/// Longest chunk-size line and longest trailer section, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// Position of the next byte within the coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the hexadecimal digits of a chunk size.
    Size,
    /// After the digits, before the line feed.
    Extension,
    /// In the data of a chunk.
    Data,
    /// After the data, before its line feed.
    DataEnd,
    /// At the start of a trailer line.
    TrailerStart,
    /// Within a trailer line.
    Trailer,
    Done,
}

/// A decoder of one body.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// The chunk size read so far, then the bytes left of the chunk.
    size: u64,
    digits: u32,
    /// Bytes of the current size line or of the trailers.
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

    /// Decodes `bytes` into `body` and returns how many bytes it used. It leaves bytes unused only
    /// after the end of the body.
    pub(super) fn feed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<usize, String> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let here = usize::try_from(self.size).unwrap_or(usize::MAX);
                let here = here.min(bytes.len() - at);
                body.extend_from_slice(&bytes[at..at + here]);
                at += here;
                self.size -= here as u64;
                if self.size == 0 {
                    self.state = State::DataEnd;
                }
                continue;
            }
            self.line += 1;
            if self.line > LONGEST_LINE {
                return Err("a chunk's size line or the trailers are too long".into());
            }
            let byte = bytes[at];
            self.state = self
                .after(byte)
                .map_err(|malformed| framing_error(malformed, byte))?;
            at += 1;
        }
        Ok(at)
    }

    /// The state after a byte of the framing, or what is malformed.
    fn after(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.digits += 1;
                if self.digits > 15 {
                    return Err(Malformed::Digits);
                }
                self.size = self.size << 4 | u64::from(digit);
                State::Size
            }
            (State::Size, _) if self.digits == 0 => return Err(Malformed::Size),
            (State::Size | State::Extension, b'\n') => {
                (self.digits, self.line) = (0, 0);
                match self.size {
                    0 => State::TrailerStart,
                    _ => State::Data,
                }
            }
            (State::Size, b'\r' | b';' | b' ' | b'\t') | (State::Extension, _) => State::Extension,
            (State::Size, _) => return Err(Malformed::Size),
            (State::DataEnd, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => {
                self.line = 0;
                State::Size
            }
            (State::DataEnd, _) => return Err(Malformed::End),
            (State::TrailerStart, b'\r') => State::TrailerStart,
            (State::TrailerStart, b'\n') => State::Done,
            (State::Trailer, b'\n') => State::TrailerStart,
            (State::TrailerStart | State::Trailer, _) => State::Trailer,
            (State::Data | State::Done, _) => self.state,
        })
    }
}

/// What is malformed. One byte in size, because the decoder returns it for every byte of the framing.
#[derive(Debug, Clone, Copy)]
enum Malformed {
    Size,
    /// More digits than are accepted.
    Digits,
    End,
}

fn framing_error(malformed: Malformed, byte: u8) -> String {
    let place = match malformed {
        Malformed::Digits => return "a chunk's size is too large".into(),
        Malformed::Size => "a chunk's size",
        Malformed::End => "the end of a chunk",
    };
    let found = char::from(byte);
    format!("the chunked framing is wrong: {found:?} in {place}")
}

#[cfg(test)]
#[path = "tests/chunked.rs"]
mod tests;
