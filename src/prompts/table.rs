//! CSV files with a header: a column of prompts.

use super::{Error, LONGEST, Pile, nothing, open};
use crate::plan::prompts::Entry;
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// A CSV file under way.
pub(super) struct Table<'f> {
    file: &'f Path,
    reader: Reader<Bounded>,
    header: ByteRecord,
    record: ByteRecord,
}

impl<'f> Table<'f> {
    pub(super) fn open(file: &'f Path) -> Result<Self, Error> {
        let mut reader = ReaderBuilder::new().from_reader(Bounded {
            file: open(file)?,
            left: LONGEST,
        });
        let header = reader.byte_headers().cloned();
        let header = header.map_err(|error| wrong(file, 1, &error))?;
        if header.is_empty() {
            return Err(nothing(file));
        }
        Ok(Self {
            file,
            reader,
            header,
            record: ByteRecord::new(),
        })
    }

    /// Where a column is.
    pub(super) fn find(&self, name: &str) -> Result<usize, Error> {
        let bom = "\u{feff}".as_bytes();
        let bare =
            |cell: &[u8]| cell.strip_prefix(bom).unwrap_or(cell).trim_ascii() == name.as_bytes();
        self.header.iter().position(bare).ok_or_else(|| {
            let names = self
                .header
                .iter()
                .map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
            Error(format!(
                "{}:1: there is no column `{name}`; the columns are {}",
                self.file.display(),
                super::shortened(&names.collect::<Vec<_>>().join(", "))
            ))
        })
    }

    /// The next row's place; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<String>, Error> {
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| wrong(self.file, line, &error))?;
        let line = self.record.position().map_or(0, csv::Position::line);
        let place = format!("{}:{line}", self.file.display());
        self.reader.get_mut().left = LONGEST;
        Ok(more.then_some(place))
    }

    /// A cell of the row.
    pub(super) fn cell(&self, place: &str, column: usize) -> Result<&str, Error> {
        let cell = self.record.get(column).unwrap_or_default();
        std::str::from_utf8(cell).map_err(|_| {
            Error(format!(
                "{place}: this row is not UTF-8; save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`"
            ))
        })
    }
}

/// A file of which no more is read for one row than a row may have: one quote too many makes a row of all the rest.
struct Bounded {
    file: BufReader<File>,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let why = format!(
                "this row is longer than {} MiB; is a quote missing?",
                LONGEST >> 20
            );
            return Err(io::Error::other(why));
        }
        let most = into.len().min(self.left);
        let count = self.file.read(&mut into[..most])?;
        self.left -= count;
        Ok(count)
    }
}

fn wrong(file: &Path, line: u64, error: &csv::Error) -> Error {
    let line = error.position().map_or(line, csv::Position::line);
    let why = match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "this row has {len} cells, and the header has {expected_len}; quote cells that hold commas"
        ),
        _ => error.to_string(),
    };
    Error(format!("{}:{line}: {why}", file.display()))
}

/// One column's prompts.
pub(super) fn column(file: &Path, name: &str, pile: &mut Pile) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    let column = table.find(name)?;
    while !pile.is_full()
        && let Some(place) = table.next()?
    {
        let text = table.cell(&place, column)?.to_owned();
        pile.add(place, Entry::written(text))?;
    }
    if pile.entries.is_empty() {
        return Err(nothing(file));
    }
    Ok(())
}
