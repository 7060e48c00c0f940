//! Reads files of prompts line by line, in bounded memory.

use super::collector::BadRow;
use super::{Error, MAX_ROW_BYTES};
use crate::scenario::limits;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

pub(super) fn open(file: &Path) -> Result<BufReader<File>, Error> {
    let failed = |error: &dyn Display| failed(file, error);
    if file.is_dir() {
        return Err(failed(&"it is a directory; name a file in it"));
    }
    // A pipe can block forever, and can be read only once.
    if file.metadata().is_ok_and(|what| !what.is_file()) {
        return Err(failed(
            &"it is a pipe or a device; write the prompts to a file and name that",
        ));
    }
    File::open(file)
        .map(BufReader::new)
        .map_err(|error| failed(&error))
}

/// The error of a file that cannot be read.
pub(super) fn failed(file: &Path, error: &dyn Display) -> Error {
    Error(format!(
        "failed to read the prompts in {}: {error}",
        file.display()
    ))
}

/// The error of a file without prompts.
pub(super) fn no_prompts(file: &Path) -> Error {
    Error(format!("{} contains no prompt", file.display()))
}

/// Passes the non-blank lines of a file to `take`, each with its location, until it wants no more.
pub(super) fn each_line(
    file: &Path,
    mut take: impl FnMut(&str, Result<&str, BadRow>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut reader = open(file)?;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let place = || format!("{}:{number}", file.display());
        let mut line = reader.by_ref().take(MAX_ROW_BYTES as u64 + 1);
        let count = line
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Error(format!("{}: failed to read: {error}", place())))?;
        if count == 0 {
            break;
        }
        if count > MAX_ROW_BYTES {
            return Err(Error(format!(
                "{}: this line is longer than {} MiB; expected one prompt per line",
                place(),
                MAX_ROW_BYTES >> 20
            )));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            BadRow(format!(
                "byte {} is not UTF-8; save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`",
                error.valid_up_to() + 1
            ))
        });
        let text = text.map(|text| text.trim_start_matches('\u{feff}').trim());
        let is_blank = matches!(text, Ok(""));
        if !is_blank && !take(&place(), text)? {
            break;
        }
    }
    Ok(())
}

/// The start of a text from a file, for a message. Control characters are escaped, because they would affect a
/// terminal.
pub(super) fn shortened(found: &str) -> String {
    let mut shown = String::new();
    for c in found.chars().take(60) {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Checks a number of tokens from a file.
pub(super) fn tokens(what: &str, wanted: Option<u64>) -> Result<u32, BadRow> {
    let most = limits::TOKENS;
    let allowed = wanted
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=most).contains(n));
    allowed.ok_or_else(|| {
        let found = wanted.map_or(String::new(), |n| format!(", found {n}"));
        BadRow(format!(
            "{what} must be a whole number from 1 to {most}{found}"
        ))
    })
}
