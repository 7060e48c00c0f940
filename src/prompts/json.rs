//! Reads rows of JSON: one per line, or one list. Rows are read one at a time, because the published ShareGPT file is
//! one list of 600 MB.

use super::collector::BadRow;
use super::lines::{each_line, failed, open, shortened};
use super::{Error, MAX_ROW_BYTES};
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
    /// A JSON object, and the key that it has twice, if any.
    Object(Map<String, Value>, Option<String>),
    /// Any other value.
    Other(Value),
}

impl Row {
    /// The object of a row that must be one.
    pub(super) fn object(self, expected: &str) -> Result<Map<String, Value>, BadRow> {
        match self {
            Self::Object(map, None) => Ok(map),
            Self::Object(_, Some(key)) => Err(BadRow(format!(
                "the key `{}` is given twice; keep one of them",
                shortened(&key)
            ))),
            Self::Other(value) => Err(BadRow(format!(
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

/// Takes a row with its location. Returns whether more rows are wanted.
type TakeRow<'t> = &'t mut dyn FnMut(&str, Result<Row, BadRow>) -> Result<bool, Error>;

/// Passes the rows of a file to `take` until it wants no more. `expected` describes a row.
pub(super) fn each_row(file: &Path, expected: &str, take: TakeRow<'_>) -> Result<(), Error> {
    let mut reader = open(file)?;
    let head = reader.fill_buf().map_err(|error| failed(file, &error))?;
    let mark = "\u{feff}".as_bytes();
    let marked = head.starts_with(mark);
    let head = head.strip_prefix(mark).unwrap_or(head).trim_ascii_start();
    let is_list = head.first() == Some(&b'[');
    // An object over several lines has only `{` on the first line.
    let first_line = head.split(|byte| *byte == b'\n').next();
    let is_multi_line = first_line.is_some_and(|line| line.trim_ascii_end() == b"{");
    if !is_list && !is_multi_line {
        return each_line(file, |place, line| {
            take(place, line.and_then(|line| parse(expected, line)))
        });
    }
    if marked {
        reader.consume(mark.len());
    }
    let rows = MultiLineRows {
        file,
        is_list,
        line: Cell::new(1),
        left: Cell::new(MAX_ROW_BYTES),
    };
    rows.read(reader, expected, take)
}

fn parse(expected: &str, text: &str) -> Result<Row, BadRow> {
    serde_json::from_str(text).map_err(|error| {
        BadRow(format!(
            "expected {expected}, found {}: {error}",
            shortened(text)
        ))
    })
}

/// Reads rows that are not one per line.
struct MultiLineRows<'f> {
    file: &'f Path,
    is_list: bool,
    /// Number of the current line.
    line: Cell<usize>,
    /// Number of bytes that the current row may still have.
    left: Cell<usize>,
}

impl MultiLineRows<'_> {
    fn read(&self, reader: impl Read, expected: &str, take: TakeRow<'_>) -> Result<(), Error> {
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
        let mut json = serde_json::Deserializer::from_reader(CountingReader(self, reader));
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

    /// Reads a sequence of objects.
    fn stream<R: Read>(
        &self,
        json: &mut serde_json::Deserializer<serde_json::de::IoRead<R>>,
        taken: &mut dyn FnMut(usize, Box<RawValue>) -> bool,
    ) -> Result<(), serde_json::Error> {
        // `end` succeeds only at the end of the file.
        while json.end().is_err() {
            let (line, row) = ItemWithLine(self).deserialize(&mut *json)?;
            if !taken(line, row) {
                break;
            }
        }
        Ok(())
    }
}

/// Counts lines, and fails on a row that is too long. A surplus quote would make the rest of the file one row.
struct CountingReader<'s, R>(&'s MultiLineRows<'s>, R);

impl<R: Read> Read for CountingReader<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.0.left.get();
        if left == 0 {
            let why = format!(
                "this row is longer than {} MiB; is a quote or a bracket missing?",
                MAX_ROW_BYTES >> 20
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
    &'s MultiLineRows<'s>,
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
        while let Some((line, row)) = items.next_element_seed(ItemWithLine(self.0))? {
            if !(self.1)(line, row) {
                // An error is the only way to stop serde before the end of the list.
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// Reads one item as raw text, with the line on which it starts. Each item is parsed separately, so that an invalid row
/// does not affect the others. Published files contain half surrogate pairs and numbers out of range.
struct ItemWithLine<'s>(&'s MultiLineRows<'s>);

impl<'de> DeserializeSeed<'de> for ItemWithLine<'_> {
    type Value = (usize, Box<RawValue>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.left.set(MAX_ROW_BYTES);
        // Only the first byte of the item was read so far, so the line number is that of the item's start.
        let line = self.0.line.get();
        Ok((line, Box::<RawValue>::deserialize(deserializer)?))
    }
}
