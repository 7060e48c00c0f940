//! Reading a record back, whole or cut short.

use super::model::{Run, SCHEMA_VERSION};
use super::{Error, RUN_FILE, SAMPLES_FILE, SampleRow};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// Reads the run in a report directory, or a `run.json` itself.
///
/// # Errors
/// When there is none, it is not a record, or a newer `bench` wrote it.
pub fn read(at: &Path) -> Result<Run, Error> {
    let path = if at.is_dir() {
        at.join(RUN_FILE)
    } else {
        at.to_owned()
    };
    let text = fs::read_to_string(&path).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let bad = |why: String| Error::Format {
        path: path.display().to_string(),
        why,
    };
    let value: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    match value.get("schema_version").and_then(Value::as_u64) {
        None => Err(bad(
            "it has no schema_version, so it is not a record of bench".to_owned(),
        )),
        Some(found) if found > u64::from(SCHEMA_VERSION) => Err(Error::Newer {
            path,
            found,
            known: SCHEMA_VERSION,
        }),
        Some(_) => serde_json::from_value(value).map_err(|e| bad(e.to_string())),
    }
}

/// The rows of a report directory's `samples.jsonl`, in the order written.
///
/// # Errors
/// When it can't be opened.
pub fn samples(dir: &Path) -> Result<Samples, Error> {
    let path = dir.join(SAMPLES_FILE);
    match File::open(&path) {
        Ok(file) => Ok(Samples {
            lines: BufReader::new(file),
            path,
            line: 0,
            torn: 0,
        }),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// Iterates over rows. A last line that was cut short ends it and is counted; a bad line before that is an error.
#[derive(Debug)]
pub struct Samples {
    lines: BufReader<File>,
    path: PathBuf,
    line: u64,
    torn: u64,
}

impl Samples {
    /// Lines that were cut short, so far: 0 or 1.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.torn
    }

    fn row(&mut self) -> Result<Option<SampleRow>, Error> {
        let mut line = Vec::new();
        let unreadable = |source: io::Error| Error::Read {
            path: self.path.clone(),
            source,
        };
        if self
            .lines
            .read_until(b'\n', &mut line)
            .map_err(unreadable)?
            == 0
        {
            return Ok(None);
        }
        self.line += 1;
        match serde_json::from_slice(&line) {
            Ok(row) => Ok(Some(row)),
            // Only the end of the file can be cut short; a crash of the system may leave zeros there.
            Err(_)
                if !line.ends_with(b"\n")
                    || self.lines.fill_buf().map_err(unreadable)?.is_empty() =>
            {
                self.torn += 1;
                Ok(None)
            }
            Err(e) => {
                let path = format!("{}:{}", self.path.display(), self.line);
                Err(Error::Format {
                    path,
                    why: e.to_string(),
                })
            }
        }
    }
}

impl Iterator for Samples {
    type Item = Result<SampleRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row().transpose()
    }
}
