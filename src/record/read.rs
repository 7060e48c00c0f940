//! Reads a record, complete or truncated.

use super::journal::unseal;
use super::model::{Run, SCHEMA_VERSION};
use super::{
    EVENTS_FILE, Error, EventRow, Malformed, RUN_FILE, SAMPLES_FILE, SERVER_FILE, Sample,
    SampleRow, ServerRow,
};
use crate::files;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Most bytes of a `run.json` that are read.
const MOST_RUN: u64 = 256 << 20;
/// Longest line of a record's files that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// Reads the run in a report directory, or a `run.json` itself.
///
/// # Errors
/// When it does not exist, is not a record, or was written by a newer `bench`.
pub fn read(at: &Path) -> Result<Run, Error> {
    let path = if at.is_dir() {
        at.join(RUN_FILE)
    } else {
        at.to_owned()
    };
    let text = files::text(&path, MOST_RUN).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let bad = |why: Malformed| Error::Format {
        path: path.display().to_string(),
        why,
    };
    let value: Value = serde_json::from_str(&text).map_err(|e| bad(e.into()))?;
    match value.get("schema_version").and_then(Value::as_u64) {
        None => Err(bad(Malformed::NoVersion)),
        Some(found) if found > u64::from(SCHEMA_VERSION) => Err(Error::Newer {
            path,
            found,
            known: SCHEMA_VERSION,
        }),
        Some(_) => serde_json::from_value(value).map_err(|e| bad(e.into())),
    }
}

/// The rows of a report directory's `samples.jsonl`, in the order written.
///
/// # Errors
/// When it cannot be opened.
pub fn samples(dir: &Path) -> Result<Samples, Error> {
    Lines::open(dir.join(SAMPLES_FILE))
}

/// The rows of a report directory's `events.jsonl`, in the order written.
///
/// # Errors
/// When it cannot be opened.
pub fn events(dir: &Path) -> Result<Lines<EventRow>, Error> {
    Lines::open(dir.join(EVENTS_FILE))
}

/// The rows of a report directory's `server.jsonl`, in the order written.
///
/// # Errors
/// When it cannot be opened.
pub fn server(dir: &Path) -> Result<Lines<ServerRow>, Error> {
    Lines::open(dir.join(SERVER_FILE))
}

/// The rows of `samples.jsonl`.
pub type Samples = Lines<SampleRow>;

/// A type that one line of a record's files holds.
pub trait Row: Sized {
    /// Parses one line.
    ///
    /// # Errors
    /// When it is not such a row.
    fn parse(line: &[u8]) -> serde_json::Result<Self>;
}

impl Row for SampleRow {
    /// Parses in two passes: serde's `flatten` would first build a tree of every value, which takes
    /// three times as long. If the line begins as this tool writes it, the first pass is skipped.
    fn parse(line: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Owner<'a> {
            #[serde(borrow)]
            variant: Cow<'a, str>,
            #[serde(default = "super::first")]
            round: u32,
        }
        let (variant, round) = match leading(line) {
            Some(name) => (name.to_owned(), 1),
            None => {
                let owner: Owner<'_> = serde_json::from_slice(line)?;
                (owner.variant.into_owned(), owner.round)
            }
        };
        let sample: Sample = serde_json::from_slice(line)?;
        Ok(Self {
            variant,
            round,
            sample,
        })
    }
}

/// The variant's name, if it comes first, contains no escapes, and no round follows (the first
/// round is not written).
fn leading(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(b"{\"variant\":\"")?;
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let name = str::from_utf8(&rest[..end]).ok()?;
    let plain = rest[end] == b'"' && !rest[end + 1..].starts_with(b",\"round\"");
    plain.then_some(name)
}

impl Row for ServerRow {
    fn parse(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }
}

impl Row for EventRow {
    /// In two passes: a row with an event that is not known is still one.
    fn parse(line: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Named<'a> {
            at_ms: f64,
            #[serde(borrow, rename = "event")]
            _name: Cow<'a, str>,
        }
        let Named { at_ms, .. } = serde_json::from_slice(line)?;
        let event = serde_json::from_slice(line).ok();
        Ok(Self { at_ms, event })
    }
}

/// Iterates over rows. A truncated last line ends the iteration and is counted. An invalid line
/// before it is an error.
#[derive(Debug)]
pub struct Lines<T, R = BufReader<File>> {
    lines: R,
    path: PathBuf,
    buffer: Vec<u8>,
    line: u64,
    /// Bytes read so far.
    at: u64,
    torn: u64,
    /// Whether the lines of this file end with a checksum, judging by the first line. Lines of
    /// older records have none.
    sealed: Option<bool>,
    row: PhantomData<fn() -> T>,
}

impl<T: Row> Lines<T> {
    fn open(path: PathBuf) -> Result<Self, Error> {
        match files::open(&path) {
            Ok(file) => Ok(Self::new(BufReader::with_capacity(1 << 18, file), path)),
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

impl<T: Row, R: BufRead> Lines<T, R> {
    /// Reads rows from any reader. Errors name `path`.
    pub fn new(lines: R, path: PathBuf) -> Self {
        Self {
            lines,
            path,
            buffer: Vec::new(),
            line: 0,
            at: 0,
            torn: 0,
            sealed: None,
            row: PhantomData,
        }
    }

    /// Number of truncated lines so far: 0 or 1.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// The next line as parsed by `parse`, and the offset of its first byte.
    ///
    /// # Errors
    /// As for the iterator.
    pub fn next_by<U>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> serde_json::Result<U>,
    ) -> Result<Option<(u64, U)>, Error> {
        self.buffer.clear();
        let read = (&mut self.lines)
            .take(LONGEST)
            .read_until(b'\n', &mut self.buffer);
        let length = read.map_err(|source| self.unreadable(source))?;
        if length as u64 == LONGEST {
            let path = format!("{}:{}", self.path.display(), self.line + 1);
            let why = Malformed::TooLong(LONGEST);
            return Err(Error::Format { path, why });
        }
        if length == 0 {
            return Ok(None);
        }
        let began = self.at;
        self.at += length as u64;
        self.line += 1;
        let ended = self.buffer.ends_with(b"\n");
        match self.parsed(parse) {
            Ok(row) => Ok(Some((began, row))),
            // Only the end of the file can be truncated. After a crash of the system, zeros may
            // follow.
            Err(_) if !ended || self.at_end()? => {
                self.torn += 1;
                Ok(None)
            }
            Err(why) => {
                let path = format!("{}:{}", self.path.display(), self.line);
                Err(Error::Format { path, why })
            }
        }
    }

    fn parsed<U>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> serde_json::Result<U>,
    ) -> Result<U, Malformed> {
        let sealed = unseal(&mut self.buffer)?;
        if *self.sealed.get_or_insert(sealed) && !sealed {
            return Err(Malformed::Unsealed);
        }
        Ok(parse(&self.buffer)?)
    }

    fn at_end(&mut self) -> Result<bool, Error> {
        let rest = self.lines.fill_buf().map(<[u8]>::is_empty);
        rest.map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Read {
            path: self.path.clone(),
            source,
        }
    }
}

impl<T: Row, R: BufRead + Seek> Lines<T, R> {
    /// Continues at an offset at which a line begins. Errors then name no line number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn seek(&mut self, at: u64) -> Result<(), Error> {
        let there = self.lines.seek(SeekFrom::Start(at));
        self.at = there.map_err(|source| self.unreadable(source))?;
        Ok(())
    }
}

impl<T: Row, R: BufRead> Iterator for Lines<T, R> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_by(T::parse).transpose()?;
        Some(row.map(|(_, row)| row))
    }
}
