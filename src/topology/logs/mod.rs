//! Finds the lines of a dead process's log that explain its end.

pub(crate) mod causes;

pub(crate) use causes::Cause;

use crate::files;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Most lines shown if none explains the end.
const SHOWN: usize = 8;
/// Most lines shown, starting at the one that explains the end.
const REASON: usize = 3;
/// Most bytes shown of a line.
const LINE: usize = 300;
/// Most bytes read of a log, from its end.
const READ: u64 = 4 << 20;

/// Why a process ended, according to its log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// The known cause, if it is one of [`causes::CAUSES`].
    pub cause: Option<&'static Cause>,
    /// The lines that explain it best, oldest first. Empty if the log is empty.
    pub lines: Vec<String>,
}

/// Reads a log to explain why its process ended with `status`, or why it is not ready.
#[must_use]
pub(crate) fn explain(path: &Path, status: Option<&str>) -> Explanation {
    reasons(&tail(path).unwrap_or_default(), status)
}

/// Reads the end of a log.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = files::open(path)?;
    let skipped = file.metadata()?.len().saturating_sub(READ);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// As [`explain`], on text. The root cause comes first in a log; later messages are its
/// consequences in other processes and outer calls. The order is: the first known exception, the
/// first other known line that is not a warning, the exit status, the last known warning (typical
/// of retries until a timeout). If no cause is known, the first exception, panic or error is shown,
/// or the last lines.
#[must_use]
pub(crate) fn reasons(log: &str, status: Option<&str>) -> Explanation {
    let lines: Vec<String> = log
        .lines()
        .skip(usize::from(log.starts_with("$ ")))
        .map(plain)
        .filter(|line| !line.trim().is_empty())
        .collect();
    let exceptions = exceptions(&lines);
    let known = |at: &usize| Cause::of(&lines[*at]).is_some();
    let first = |wanted: &dyn Fn(&str) -> bool| lines.iter().position(|line| wanted(line));
    let certain = exceptions
        .iter()
        .copied()
        .find(known)
        .or_else(|| first(&|line| !is_mild(line) && Cause::of(line).is_some()));
    let of_status = status.and_then(Cause::of_status);
    let warning = || {
        lines
            .iter()
            .rposition(|line| is_warning(line) && Cause::of(line).is_some())
    };
    let unknown = || {
        let panic = || first(&|line| line.contains("panicked at"));
        exceptions
            .first()
            .copied()
            .or_else(panic)
            .or_else(|| first(&is_error))
    };
    let decisive = match of_status {
        Some(_) => certain,
        None => certain.or_else(warning).or_else(unknown),
    };
    let last = |n: usize| lines[lines.len().saturating_sub(n)..].iter();
    let shown: Vec<String> = match decisive {
        Some(at) => from(&lines[at..]),
        None if of_status.is_some() => last(REASON).map(|line| shorten(line)).collect(),
        None => last(SHOWN).map(|line| shorten(line)).collect(),
    };
    Explanation {
        cause: decisive.map_or(of_status, |at| Cause::of(&lines[at])),
        lines: shown,
    }
}

/// The line of each traceback's exception, which is the first unindented line after it. Exceptions
/// that were only logged as warnings are left out.
fn exceptions(lines: &[String]) -> Vec<usize> {
    let starts = (0..lines.len()).filter(|at| is_traceback(&lines[*at]) && !is_mild(&lines[*at]));
    starts
        .filter_map(|start| {
            let prefix = lines[start].find("Traceback").unwrap_or(0);
            (start + 1..lines.len()).find(|at| {
                lines[*at]
                    .get(prefix..)
                    .is_some_and(|rest| !rest.starts_with([' ', '\t', '^']) && rest.contains(':'))
            })
        })
        .collect()
}

/// The line of a reason and its continuation lines.
fn from(lines: &[String]) -> Vec<String> {
    let (reason, rest) = lines.split_at(1.min(lines.len()));
    let continued = rest
        .iter()
        .take(REASON - 1)
        .take_while(|line| !is_traceback(line) && !is_mild(line));
    reason
        .iter()
        .chain(continued)
        .map(|line| shorten(line))
        .collect()
}

fn is_traceback(line: &str) -> bool {
    line.contains("Traceback (most recent call last)")
}

fn is_warning(line: &str) -> bool {
    [" WARN ", " WARNING ", "\"level\":\"warn\""]
        .iter()
        .any(|level| line.contains(level))
}

/// Whether a line says itself that it is not an error.
fn is_mild(line: &str) -> bool {
    is_warning(line)
        || [" INFO ", " DEBUG ", " INFO:", "INFO:", "\"level\":\"info\""]
            .iter()
            .any(|level| line.contains(level))
}

fn is_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    !is_mild(line)
        && ["error", "fatal", "not defined", "cannot ", "failed"]
            .iter()
            .any(|word| lower.contains(word))
}

/// A line without colours and control characters.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A colour sequence: `ESC [` up to its final letter.
            let _ = chars.find(|c| c.is_ascii_alphabetic());
        } else if !c.is_control() || c == '\t' {
            text.push(c);
        }
    }
    text
}

fn shorten(line: &str) -> String {
    let end = line.floor_char_boundary(LINE);
    let cut = if end < line.len() { "…" } else { "" };
    format!("{}{cut}", &line[..end])
}

#[cfg(test)]
mod tests;
