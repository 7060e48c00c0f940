//! Reads CSV files with a header: one column contains prompts, others contain body fields.

use super::collector::{BadRow, Collector};
use super::fields::{Api, IGNORED, is_known, of, unknown_name};
use super::lines::{no_prompts, open, shortened};
use super::row::RowParts;
use super::{Error, MAX_ROW_BYTES};
use crate::plan::prompts::Entry;
use crate::scenario::mistake::nearest;
use crate::scenario::model::Csv;
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The location of a row, and whether it can be read.
type Line = (String, Result<(), BadRow>);

/// A CSV file that is being read.
pub(super) struct Table<'f> {
    file: &'f Path,
    reader: Reader<Bounded>,
    /// Names of the columns.
    names: Vec<String>,
    record: ByteRecord,
}

impl<'f> Table<'f> {
    pub(super) fn open(file: &'f Path) -> Result<Self, Error> {
        let mut reader = ReaderBuilder::new().from_reader(Bounded {
            file: open(file)?,
            left: MAX_ROW_BYTES,
        });
        let header = reader.byte_headers().cloned();
        let header = header.map_err(|error| broken(file, 1, &error))?;
        if header.is_empty() {
            return Err(no_prompts(file));
        }
        let bare = |cell: &[u8]| {
            let cell = String::from_utf8_lossy(cell);
            cell.trim_start_matches('\u{feff}').trim().to_owned()
        };
        let names: Vec<String> = header.iter().map(bare).collect();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) && !name.is_empty() {
                return Err(Error(format!(
                    "{}:1: two columns have the name `{}`; rename one of them",
                    file.display(),
                    shortened(name)
                )));
            }
        }
        Ok(Self {
            file,
            reader,
            names,
            record: ByteRecord::new(),
        })
    }

    /// Names of the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Position of a column.
    pub(super) fn find(&self, name: &str) -> Result<usize, Error> {
        self.position(name).ok_or_else(|| {
            let meant = nearest(name, self.names.iter().map(String::as_str));
            let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
            Error(format!(
                "{}:1: the column `{name}` does not exist; the columns are {}{meant}",
                self.file.display(),
                shortened(&self.names.join(", "))
            ))
        })
    }

    /// Position of a column. `None` if it does not exist.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The error of a header with an unknown column.
    pub(super) fn wrong_column(&self, BadRow(why): BadRow) -> Error {
        Error(format!("{}:1: {why}", self.file.display()))
    }

    /// Reads the next row. Returns its location and whether it can be read, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record);
        self.reader.get_mut().left = MAX_ROW_BYTES;
        let place = |line: u64| format!("{}:{line}", self.file.display());
        match more {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Ok(Some((place(line), Ok(()))))
            }
            Err(error) => match error.kind() {
                ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => {
                    let line = error.position().map_or(line, csv::Position::line);
                    let why = format!(
                        "this row has {len} cells, but the header has {expected_len}; quote cells that contain commas"
                    );
                    Ok(Some((place(line), Err(BadRow(why)))))
                }
                _ => Err(broken(self.file, line, &error)),
            },
        }
    }

    /// A cell of the current row.
    pub(super) fn cell(&self, column: usize) -> Result<&str, BadRow> {
        let cell = self.record.get(column).unwrap_or_default();
        std::str::from_utf8(cell).map_err(|_| {
            BadRow("this row is not UTF-8; save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`".into())
        })
    }
}

/// Limits the bytes that are read for one row. A surplus quote would make the rest of the file one row.
struct Bounded {
    file: BufReader<File>,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let why = format!(
                "this row is longer than {} MiB; is a quote missing?",
                MAX_ROW_BYTES >> 20
            );
            return Err(io::Error::other(why));
        }
        let most = into.len().min(self.left);
        let count = self.file.read(&mut into[..most])?;
        self.left -= count;
        Ok(count)
    }
}

fn broken(file: &Path, line: u64, error: &csv::Error) -> Error {
    let line = error.position().map_or(line, csv::Position::line);
    Error(format!("{}:{line}: {error}", file.display()))
}

/// Keys of a row that can be columns, in addition to body fields.
const COLUMNS: [&str; 4] = ["system", "output_tokens", "at", "body"];

/// Fields whose cells are always text, even if they look like JSON.
const TEXTS: [&str; 16] = [
    "system",
    "model",
    "user",
    "suffix",
    "instructions",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "cache_salt",
    "prompt_cache_key",
    "safety_identifier",
    "chat_template",
    "guided_regex",
    "guided_grammar",
    "truncation",
    "encoding_format",
];

/// Reads the prompts of one column.
pub(super) fn column(
    file: &Path,
    csv: &Csv,
    api: Api,
    collector: &mut Collector,
) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    let column = table.find(&csv.column)?;
    let used = used(&table, csv, api)?;
    while !collector.is_full()
        && let Some((place, readable)) = table.next()?
    {
        let entry = readable.and_then(|()| read(&table, column, &used, api));
        collector.row(place, entry)?;
    }
    collector.tally.check(file)
}

/// Positions and names of the other columns whose cells are part of a request. An index that pandas wrote is ignored.
fn used(table: &Table<'_>, csv: &Csv, api: Api) -> Result<Vec<(usize, String)>, Error> {
    let mut used = Vec::new();
    for (at, name) in table.names().iter().enumerate() {
        let is_ignored = csv.ignore.contains(name)
            || IGNORED.contains(&name.as_str())
            || ["custom_id", "", "Unnamed: 0"].contains(&name.as_str());
        if *name == csv.column || is_ignored {
            continue;
        }
        if !COLUMNS.contains(&name.as_str()) && !is_known(name) {
            let known = of(api.endpoint).chain(COLUMNS);
            return Err(table.wrong_column(unknown_name("column", name, known)));
        }
        used.push((at, name.clone()));
    }
    Ok(used)
}

fn read(
    table: &Table<'_>,
    column: usize,
    used: &[(usize, String)],
    api: Api,
) -> Result<Entry, BadRow> {
    let mut parts = RowParts::written(api, table.cell(column)?.to_owned());
    for (at, name) in used {
        let cell = table.cell(*at)?;
        if cell.trim().is_empty() {
            continue;
        }
        let value = value(name, cell);
        if COLUMNS.contains(&name.as_str()) {
            parts.key(name, value)?;
        } else {
            parts.field(name, value)?;
        }
    }
    parts.entry("")
}

/// The value of a cell: JSON if it is valid, otherwise text.
fn value(name: &str, cell: &str) -> Value {
    let is_text = TEXTS.contains(&name) || (name == "stop" && !cell.trim().starts_with('['));
    // pandas writes whole numbers with decimal points if the column has empty cells.
    let bare = cell.trim();
    let bare = bare.strip_suffix(".0").unwrap_or(bare);
    let json = || serde_json::from_str(bare).ok();
    (!is_text)
        .then(json)
        .flatten()
        .unwrap_or_else(|| cell.into())
}
