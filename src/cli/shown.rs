//! What a person is shown of a run under way: redrawn on a terminal, lines elsewhere.

use super::{teller, width};
use crate::event::Event;
use crate::progress::{self, Live};
use crate::record::Redactor;
use std::io::{self, IsTerminal as _, Stderr, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often what is under way is drawn anew.
pub(super) const REDRAWN: Duration = Duration::from_millis(250);

pub(super) struct Shown {
    stderr: RedactingStderr,
    live: Option<Live>,
}

/// Writes to stderr without secrets. Each write must consist of whole lines.
struct RedactingStderr(Stderr, Redactor);

impl Write for RedactingStderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let shown = self.1.apply(&String::from_utf8_lossy(text));
        teller::progress(&shown);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shown {
    /// On stderr; logs of processes are looked for in `logs`.
    pub(super) fn new(logs: &Path, redactor: Redactor) -> Self {
        let stderr = std::io::stderr();
        let drawn = stderr.is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb");
        Self {
            live: drawn.then(|| Live::new(logs)),
            stderr: RedactingStderr(stderr, redactor),
        }
    }

    /// Shows an event that happened at `at`.
    pub(super) fn tell(&mut self, event: &Event, at: Instant) {
        match &mut self.live {
            Some(live) => live.tell(event, at, width(&self.stderr.0), &mut self.stderr),
            None => progress::tell(event, &mut self.stderr),
        }
    }

    /// Draws what is under way anew.
    pub(super) fn tick(&mut self) {
        if let Some(live) = &mut self.live {
            live.tick(Instant::now(), width(&self.stderr.0), &mut self.stderr);
        }
    }

    /// Takes away what is drawn.
    pub(super) fn end(&mut self) {
        if let Some(live) = &mut self.live {
            live.end(&mut self.stderr);
        }
    }
}
