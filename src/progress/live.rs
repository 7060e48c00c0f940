//! Progress on a terminal: what is done scrolls by as lines, what is under way is redrawn below them, a line each.

use super::{failures, line, time};
use crate::event::Event;
use crate::files;
use crate::measure::lifecycle::StageKind;
use std::io::{Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr as _;

/// Bytes looked at for a log's last line.
const TAIL: u64 = 2_048;

/// What is under way, and how it is drawn.
#[derive(Debug)]
pub(crate) struct Live {
    logs: PathBuf,
    variant: String,
    starting: Vec<Starting>,
    waiting: Option<Waiting>,
    phase: Option<Phase>,
    stopping: Option<Instant>,
    drawn: usize,
}

#[derive(Debug)]
struct Starting {
    process: String,
    since: Instant,
}

/// What does not serve yet.
#[derive(Debug)]
struct Waiting {
    whom: String,
    reason: String,
    since: Instant,
    limit: String,
}

#[derive(Debug)]
struct Phase {
    name: String,
    since: Instant,
    requests: Option<u64>,
    done: u64,
    failed: u64,
    ttft_p50_ms: Option<f64>,
}

impl Live {
    /// Nothing is under way; logs of processes are looked for in `logs/VARIANT/PROCESS.log`.
    #[must_use]
    pub(crate) fn new(logs: &Path) -> Self {
        Self {
            logs: logs.to_owned(),
            variant: String::new(),
            starting: Vec::new(),
            waiting: None,
            phase: None,
            stopping: None,
            drawn: 0,
        }
    }

    /// Tells an event: its line, where it is news, and what is under way from now on.
    pub(crate) fn tell(&mut self, event: &Event, now: Instant, width: usize, to: &mut impl Write) {
        let mut out = self.wiped();
        self.take(event, now);
        if !matches!(event, Event::PhaseProgress { .. } | Event::Waiting { .. })
            && let Some(news) = line(event)
        {
            out.push_str(&news);
            out.push('\n');
        }
        self.redraw(out, now, width, to);
    }

    /// Draws what is under way anew.
    pub(crate) fn tick(&mut self, now: Instant, width: usize, to: &mut impl Write) {
        let out = self.wiped();
        self.redraw(out, now, width, to);
    }

    /// Takes away what is drawn.
    pub(crate) fn end(&mut self, to: &mut impl Write) {
        let _ = to.write_all(self.wiped().as_bytes());
    }

    /// What is under way, a line each, none longer than the screen.
    #[must_use]
    pub(crate) fn lines(&self, now: Instant, width: usize) -> Vec<String> {
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        let mut lines: Vec<String> = Vec::new();
        for starting in &self.starting {
            let took = time(seconds(starting.since) * 1e3);
            let log = self.last_words(&starting.process);
            lines.push(format!("  … {} starting, {took}  {log}", starting.process));
        }
        if let Some(waiting) = &self.waiting {
            let took = time(seconds(waiting.since) * 1e3);
            let Waiting {
                whom,
                reason,
                limit,
                ..
            } = waiting;
            lines.push(format!(
                "  … waiting for {whom}, {took} of {limit}: {reason}"
            ));
        }
        if let Some(phase) = &self.phase {
            lines.push(phase.line(seconds(phase.since)));
        }
        if let Some(since) = self.stopping {
            lines.push(format!("  … stopping, {}", time(seconds(since) * 1e3)));
        }
        // A line as long as the screen would wrap on some.
        let most = width.saturating_sub(1).max(20);
        lines
            .iter()
            .map(|line| cut(line, most).to_owned())
            .collect()
    }

    fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::VariantStarted { variant, .. } => {
                self.variant.clone_from(variant);
                self.waiting = None;
            }
            Event::Waiting {
                whom,
                reason,
                waited_ms,
                limit_ms,
            } => {
                let waited = Duration::from_secs_f64(waited_ms.max(0.0) / 1e3);
                self.waiting = Some(Waiting {
                    whom: plain(whom),
                    reason: plain(reason),
                    since: now.checked_sub(waited).unwrap_or(now),
                    limit: time(*limit_ms),
                });
            }
            Event::ProcessStarted { process, .. } => self.starting.push(Starting {
                process: process.clone(),
                since: now,
            }),
            Event::StageReady { process, stage, .. } => match stage {
                StageKind::Completions => self.waiting = None,
                StageKind::Probe => self
                    .starting
                    .retain(|starting| starting.process != *process),
            },
            Event::ProcessExited { process, .. } => {
                self.starting
                    .retain(|starting| starting.process != *process);
            }
            Event::PhaseStarted {
                phase, requests, ..
            } => {
                self.starting.clear();
                self.waiting = None;
                self.phase = Some(Phase {
                    name: phase.clone(),
                    since: now,
                    requests: *requests,
                    done: 0,
                    failed: 0,
                    ttft_p50_ms: None,
                });
            }
            Event::PhaseProgress {
                done,
                failed,
                ttft_p50_ms,
                ..
            } => {
                if let Some(phase) = &mut self.phase {
                    (phase.done, phase.failed) = (*done, *failed);
                    phase.ttft_p50_ms = ttft_p50_ms.or(phase.ttft_p50_ms);
                }
            }
            Event::PhaseEnded { .. } => self.phase = None,
            Event::TeardownStarted { .. } => {
                self.starting.clear();
                self.waiting = None;
                self.phase = None;
                self.stopping = Some(now);
            }
            Event::TeardownEnded { .. } => self.stopping = None,
            Event::Signalled { .. } | Event::GivenUp { .. } | Event::Warning { .. } => {}
        }
    }

    /// The last line of a process's log, without what would steer the terminal.
    fn last_words(&self, process: &str) -> String {
        let path = self.logs.join(&self.variant).join(format!("{process}.log"));
        let read = || -> std::io::Result<String> {
            let mut file = files::open(&path)?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            file.take(TAIL).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        // The first line says how it was started, which is no news.
        let last = last
            .filter(|line| !line.starts_with("$ "))
            .unwrap_or_default();
        plain(last)
    }

    fn wiped(&mut self) -> String {
        "\u{1b}[1A\u{1b}[2K".repeat(std::mem::take(&mut self.drawn))
    }

    fn redraw(&mut self, mut out: String, now: Instant, width: usize, to: &mut impl Write) {
        let lines = self.lines(now, width);
        self.drawn = lines.len();
        for line in lines {
            out.push_str(&line);
            out.push('\n');
        }
        // A stderr that is gone is no reason to end a run.
        let _ = to.write_all(out.as_bytes());
        let _ = to.flush();
    }
}

impl Phase {
    fn line(&self, seconds: f64) -> String {
        let mut line = format!(
            "  … {} {}",
            self.name,
            super::progress(self.done, self.requests)
        );
        let rate = self.done as f64 / seconds;
        if self.done > 0 && rate.is_finite() {
            line += &format!("  {rate:.1}/s");
        }
        if let Some(ms) = self.ttft_p50_ms {
            line += &format!("  TTFT p50 {}", time(ms));
        }
        line += &failures(self.failed);
        if let Some(requests) = self.requests.filter(|_| self.done > 0 && rate.is_finite()) {
            let left = requests.saturating_sub(self.done) as f64 / rate;
            line += &format!("  {} left", time(left * 1e3));
        }
        line
    }
}

/// Without terminal sequences, controls and changes of direction.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                // Up to the letter that ends the sequence.
                chars.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if c == '\t' {
            out.push(' ');
        } else if !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        {
            out.push(c);
        }
    }
    out
}

/// The beginning of a line that fits into `columns`; wide characters take two, combining marks none.
fn cut(line: &str, columns: usize) -> &str {
    let ends = line.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = |end: &usize| line[..*end].width() <= columns;
    line[..ends.take_while(fits).last().unwrap_or(0)].trim_end()
}

#[cfg(test)]
#[path = "tests/live.rs"]
mod tests;
