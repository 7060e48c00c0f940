//! Rows of JSON: one a line, or one list. The published ShareGPT file has 600 MB in one list, so that rows are taken one at a
//! time.

use super::lines::{each_line, failed, open, shortened};
use super::pile::Bad;
use super::{Error, LONGEST};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// One row.
#[derive(Debug)]
pub(super) enum Row {
    /// A JSON object, and the key that it has twice.
    Object(Map<String, Value>, Option<String>),
    /// Anything else.
    Other(Value),
}

impl Row {
    /// The object that a row must be.
    pub(super) fn object(self, expected: &str) -> Result<Map<String, Value>, Bad> {
        match self {
            Self::Object(map, None) => Ok(map),
            Self::Object(_, Some(key)) => Err(Bad(format!(
                "the key `{}` is given twice; keep one of them",
                shortened(&key)
            ))),
            Self::Other(value) => Err(Bad(format!(
                "expected {expected}, found {}",
                shortened(&value.to_string())
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Row, A::Error> {
        let (mut map, mut twice) = (Map::new(), None);
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if map.contains_key(&key) {
                twice = Some(key);
            } else {
                map.insert(key, value);
            }
        }
        Ok(Row::Object(map, twice))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Row::Other(Value::Array(list)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Row, E> {
        Ok(Row::Other(text.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Row, E> {
        Ok(Row::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Row, E> {
        Ok(Row::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Row, E> {
        Ok(Row::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Row, E> {
        Ok(Row::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Row, E> {
        Ok(Row::Other(Value::Null))
    }
}

/// Takes a row with its place; whether more are wanted.
type Take<'t> = &'t mut dyn FnMut(&str, Result<Row, Bad>) -> Result<bool, Error>;

/// Hands out the rows of a file until `take` wants no more. `expected` says what a row looks like.
pub(super) fn each_row(file: &Path, expected: &str, take: Take<'_>) -> Result<(), Error> {
    let mut reader = open(file)?;
    let head = reader.fill_buf().map_err(|error| failed(file, &error))?;
    let mark = "\u{feff}".as_bytes();
    let marked = head.starts_with(mark);
    let head = head.strip_prefix(mark).unwrap_or(head).trim_ascii_start();
    let is_list = head.first() == Some(&b'[');
    // An object that is spread over lines has nothing else on its first one.
    let first_line = head.split(|byte| *byte == b'\n').next();
    let is_spread = first_line.is_some_and(|line| line.trim_ascii_end() == b"{");
    if !is_list && !is_spread {
        return each_line(file, |place, line| {
            take(place, line.and_then(|line| parse(expected, line)))
        });
    }
    if marked {
        reader.consume(mark.len());
    }
    let spread = Spread {
        file,
        is_list,
        line: Cell::new(1),
        left: Cell::new(LONGEST),
    };
    spread.read(reader, expected, take)
}

fn parse(expected: &str, text: &str) -> Result<Row, Bad> {
    serde_json::from_str(text).map_err(|error| {
        Bad(format!(
            "expected {expected}, found {}: {error}",
            shortened(text)
        ))
    })
}

/// Rows that do not stand one a line.
struct Spread<'f> {
    file: &'f Path,
    is_list: bool,
    /// The line that is being read.
    line: Cell<usize>,
    /// Bytes that the row under way may still have.
    left: Cell<usize>,
}

impl Spread<'_> {
    fn read(&self, reader: impl Read, expected: &str, take: Take<'_>) -> Result<(), Error> {
        let mut outcome = Ok(());
        let stopped = Cell::new(false);
        let mut number = 0_u64;
        let mut taken = |line: usize, row: Box<RawValue>| {
            number += 1;
            let which = if self.is_list {
                format!(" (row {number})")
            } else {
                String::new()
            };
            let place = format!("{}:{line}{which}", self.file.display());
            let more = take(&place, parse(expected, row.get())).unwrap_or_else(|error| {
                outcome = Err(error);
                false
            });
            stopped.set(!more);
            more
        };
        let mut json = serde_json::Deserializer::from_reader(Counted(self, reader));
        let read = if self.is_list {
            Items(self, &mut taken)
                .deserialize(&mut json)
                .and_then(|()| json.end())
        } else {
            self.stream(&mut json, &mut taken)
        };
        outcome?;
        if stopped.get() {
            return Ok(());
        }
        read.map_err(|error| {
            let place = format!("{}:{}", self.file.display(), error.line().max(1));
            Error(format!("{place}: expected {expected}: {error}"))
        })
    }

    /// One object after the other.
    fn stream<R: Read>(
        &self,
        json: &mut serde_json::Deserializer<serde_json::de::IoRead<R>>,
        taken: &mut dyn FnMut(usize, Box<RawValue>) -> bool,
    ) -> Result<(), serde_json::Error> {
        // At the end of the file there is nothing more to expect.
        while json.end().is_err() {
            let (line, row) = At(self).deserialize(&mut *json)?;
            if !taken(line, row) {
                break;
            }
        }
        Ok(())
    }
}

/// Counts lines, and ends a row that is too long: one quote too many makes a row of all the rest.
struct Counted<'s, R>(&'s Spread<'s>, R);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.0.left.get();
        if left == 0 {
            let why = format!(
                "this row is longer than {} MiB; is a quote or a bracket missing?",
                LONGEST >> 20
            );
            return Err(io::Error::other(why));
        }
        let most = into.len().min(left);
        let count = self.1.read(&mut into[..most])?;
        let lines = into[..count].iter().filter(|byte| **byte == b'\n').count();
        self.0.line.set(self.0.line.get() + lines);
        self.0.left.set(left - count);
        Ok(count)
    }
}

/// Reads a list item by item.
struct Items<'s, 't>(
    &'s Spread<'s>,
    &'t mut dyn FnMut(usize, Box<RawValue>) -> bool,
);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some((line, row)) = items.next_element_seed(At(self.0))? {
            if !(self.1)(line, row) {
                // The rest need not be read.
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// Reads one item, with the line that it begins on. It is parsed apart, so that half a surrogate pair or a number beyond all
/// bounds in one row, as published files have them, leaves the others readable.
struct At<'s>(&'s Spread<'s>);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = (usize, Box<RawValue>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.left.set(LONGEST);
        // The item's first byte has been looked at, and nothing behind it.
        let line = self.0.line.get();
        Ok((line, Box::<RawValue>::deserialize(deserializer)?))
    }
}
