//! Progress on a terminal. Finished steps scroll by as lines. Current activities are redrawn below them, one line each.

use super::{failures, line, time};
use crate::event::Event;
use crate::files;
use crate::measure::lifecycle::StageKind;
use std::io::{Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr as _;

/// Number of bytes that are read for the last line of a log.
const TAIL: u64 = 2_048;

/// The current activities, and the state of the screen.
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

/// An endpoint or topology that does not serve requests yet.
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
    /// Starts without activities. The logs of processes are in `logs/VARIANT/PROCESS.log`.
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

    /// Handles an event: prints its line, if it has one, and redraws the current activities.
    pub(crate) fn tell(&mut self, event: &Event, now: Instant, width: usize, to: &mut impl Write) {
        let mut out = self.erase();
        self.take(event, now);
        if !matches!(event, Event::PhaseProgress { .. } | Event::Waiting { .. })
            && let Some(news) = line(event)
        {
            out.push_str(&news);
            out.push('\n');
        }
        self.redraw(out, now, width, to);
    }

    /// Redraws the current activities.
    pub(crate) fn tick(&mut self, now: Instant, width: usize, to: &mut impl Write) {
        let out = self.erase();
        self.redraw(out, now, width, to);
    }

    /// Erases the drawn lines.
    pub(crate) fn end(&mut self, to: &mut impl Write) {
        let _ = to.write_all(self.erase().as_bytes());
    }

    /// The current activities, one line each. No line is longer than the screen.
    #[must_use]
    pub(crate) fn lines(&self, now: Instant, width: usize) -> Vec<String> {
        let seconds = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
        let mut lines: Vec<String> = Vec::new();
        for starting in &self.starting {
            let took = time(seconds(starting.since) * 1e3);
            let log = self.last_log_line(&starting.process);
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
        // Some terminals wrap a line that is exactly as long as the screen.
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

    /// The last line of a process's log, without characters that affect the terminal.
    fn last_log_line(&self, process: &str) -> String {
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
        // The first line of a log is the command, which is not progress.
        let last = last
            .filter(|line| !line.starts_with("$ "))
            .unwrap_or_default();
        plain(last)
    }

    fn erase(&mut self) -> String {
        "\u{1b}[1A\u{1b}[2K".repeat(std::mem::take(&mut self.drawn))
    }

    fn redraw(&mut self, mut out: String, now: Instant, width: usize, to: &mut impl Write) {
        let lines = self.lines(now, width);
        self.drawn = lines.len();
        for line in lines {
            out.push_str(&line);
            out.push('\n');
        }
        // A run does not fail if stderr is closed.
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

/// Removes terminal sequences, control characters and characters that change the text direction.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                // Skips to the letter that ends the sequence.
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

/// The start of a line that fits into `columns`. Wide characters take two columns, combining marks none.
fn cut(line: &str, columns: usize) -> &str {
    let ends = line.char_indices().map(|(at, c)| at + c.len_utf8());
    let fits = |end: &usize| line[..*end].width() <= columns;
    line[..ends.take_while(fits).last().unwrap_or(0)].trim_end()
}

#[cfg(test)]
#[path = "tests/live.rs"]
mod tests;
