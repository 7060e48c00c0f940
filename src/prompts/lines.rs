//! Files of prompts, line by line, in bounded memory.

use super::pile::Bad;
use super::{Error, LONGEST};
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
    // A pipe would be waited for without end, and could be read once only.
    if file.metadata().is_ok_and(|what| !what.is_file()) {
        return Err(failed(
            &"it is a pipe or a device; write the prompts to a file and name that",
        ));
    }
    File::open(file)
        .map(BufReader::new)
        .map_err(|error| failed(&error))
}

/// That a file cannot be read, and why.
pub(super) fn failed(file: &Path, error: &dyn Display) -> Error {
    Error(format!(
        "failed to read the prompts in {}: {error}",
        file.display()
    ))
}

pub(super) fn nothing(file: &Path) -> Error {
    Error(format!("{} holds no prompt", file.display()))
}

/// The lines of a file that are not blank, each with its place, until `take` wants no more.
pub(super) fn each_line(
    file: &Path,
    mut take: impl FnMut(&str, Result<&str, Bad>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut reader = open(file)?;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let place = || format!("{}:{number}", file.display());
        let mut line = reader.by_ref().take(LONGEST as u64 + 1);
        let count = line
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Error(format!("{}: failed to read: {error}", place())))?;
        if count == 0 {
            break;
        }
        if count > LONGEST {
            return Err(Error(format!(
                "{}: this line is longer than {} MiB; expected one prompt a line",
                place(),
                LONGEST >> 20
            )));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            Bad(format!(
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

/// The beginning of what was found, for a message; what would do something to a terminal is written out.
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

/// A number of tokens that a file asks for.
pub(super) fn tokens(what: &str, wanted: Option<u64>) -> Result<u32, Bad> {
    let most = limits::TOKENS;
    let allowed = wanted
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=most).contains(n));
    allowed.ok_or_else(|| {
        let found = wanted.map_or(String::new(), |n| format!(", found {n}"));
        Bad(format!(
            "{what} must be a whole number from 1 to {most}{found}"
        ))
    })
}
