//! Reading a dead process's log for the lines that say why.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Most lines shown.
const SHOWN: usize = 8;
/// Most bytes shown of a line.
const LINE: usize = 300;
/// Most of a log that is read, from its end.
const READ: u64 = 4 << 20;

/// The lines of a log that best say why its process ended, oldest first; empty when the log is.
#[must_use]
pub fn explain(path: &Path) -> Vec<String> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return Vec::new();
    };
    let length = file.metadata().map_or(0, |data| data.len());
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(length.saturating_sub(READ)))
        .and_then(|_| file.read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    reasons(&String::from_utf8_lossy(&bytes))
}

/// As [`explain`], on text.
#[must_use]
pub fn reasons(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log
        .lines()
        .skip(usize::from(log.starts_with("$ ")))
        .filter(|line| !line.trim().is_empty())
        .collect();
    let root = lines
        .iter()
        .position(|line| is_traceback(line))
        .and_then(|start| {
            // The first traceback of a chain is the root cause; its exception is the first unindented line after it.
            let prefix = lines[start].find("Traceback").unwrap_or(0);
            (start + 1..lines.len()).find(|at| {
                lines[*at]
                    .get(prefix..)
                    .is_some_and(|rest| !rest.starts_with([' ', '\t', '^']) && rest.contains(':'))
            })
        });
    let decisive = root.or_else(|| {
        lines.iter().position(|line| {
            let lower = line.to_lowercase();
            [
                "panicked at",
                "error:",
                "fatal",
                "no module named",
                "not defined",
                "address already in use",
            ]
            .iter()
            .any(|needle| lower.contains(needle))
        })
    });
    match decisive {
        Some(at) => lines[at..lines.len().min(at + 3)]
            .iter()
            .take_while(|line| !is_traceback(line))
            .map(|line| shorten(line))
            .collect(),
        None => lines[lines.len().saturating_sub(SHOWN)..]
            .iter()
            .map(|line| shorten(line))
            .collect(),
    }
}

fn is_traceback(line: &str) -> bool {
    line.contains("Traceback (most recent call last)")
}

fn shorten(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A colour sequence: `ESC [` up to its letter.
            let _ = chars.find(|c| c.is_ascii_alphabetic());
        } else if text.len() > LINE {
            text.push('…');
            break;
        } else if !c.is_control() {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests;
