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
mod tests {
    use super::*;

    #[test]
    fn the_first_exception_of_a_chain_is_the_reason() {
        let log = "INFO starting\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: the real cause\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nRuntimeError: engine failed\n";
        assert_eq!(reasons(log)[0], "ValueError: the real cause");
    }

    #[test]
    fn a_prefixed_traceback_is_read_at_its_indentation() {
        let log = "(EngineCore pid=7) ERROR 11-01 Traceback (most recent call last):\n(EngineCore pid=7) ERROR 11-01   File \"x.py\", line 3, in y\n(EngineCore pid=7) ERROR 11-01     raise ValueError(\nx\n(EngineCore pid=7) ERROR 11-01 ValueError: no memory: 3 GiB\n";
        assert!(reasons(log)[0].ends_with("ValueError: no memory: 3 GiB"));
    }

    #[test]
    fn without_a_known_mark_the_last_lines_are_shown() {
        let log: String = (0..20).map(|n| format!("line {n}\n")).collect();
        let shown = reasons(&log);
        assert_eq!(shown.len(), SHOWN);
        assert_eq!(shown[SHOWN - 1], "line 19");
    }

    #[test]
    fn python_that_lacks_a_module_says_so() {
        let log = "$ python -m vllm\n/usr/bin/python3: Error while finding module specification for 'vllm.entrypoints' (ModuleNotFoundError: No module named 'vllm')\n";
        assert!(reasons(log)[0].contains("No module named 'vllm'"));
    }
}
