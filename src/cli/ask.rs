//! Questions to a person on a terminal.

use std::io::{BufRead, Write};

/// Asks on one stream and reads answers from another.
pub(super) struct Asker<R, W> {
    from: R,
    to: W,
}

impl<R: BufRead, W: Write> Asker<R, W> {
    pub(super) fn new(from: R, to: W) -> Self {
        Self { from, to }
    }

    /// A line of text; an empty one is the default. Nothing when the answers end.
    pub(super) fn ask(&mut self, question: &str, default: &str) -> Option<String> {
        let _ = write!(self.to, "{question} [{default}] ");
        let _ = self.to.flush();
        let mut line = String::new();
        if self.from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let answer = line.trim();
        Some(if answer.is_empty() { default } else { answer }.to_owned())
    }

    /// One of several, by number or name; the first unless said. Asked again until it is one of them.
    pub(super) fn choose(&mut self, question: &str, choices: &[(String, String)]) -> Option<usize> {
        let _ = writeln!(self.to, "{question}");
        for (i, (name, help)) in choices.iter().enumerate() {
            let _ = writeln!(self.to, "  {} {name:<10} {help}", i + 1);
        }
        loop {
            let answer = self.ask("Number or name", &choices.first()?.0)?;
            let named = choices.iter().position(|(name, _)| *name == answer);
            let number = answer.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            match named.or(number).filter(|i| *i < choices.len()) {
                Some(choice) => return Some(choice),
                None => {
                    let _ = writeln!(self.to, "there is no `{answer}`");
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/ask.rs"]
mod tests;
