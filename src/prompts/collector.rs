//! Collects the prompts of a file, and counts the rows that cannot be used or give no prompt.

use super::lines::no_prompts;
use super::{Error, MAX_TEXT_BYTES};
use crate::plan::prompts::{Entry, Text};
use crate::scenario::limits;
use crate::scenario::model::OnBadRow;
use indexmap::IndexMap;
use serde_json::Value;
use std::fmt::Display;
use std::path::Path;

/// Number of bad rows that a message quotes.
const QUOTED: usize = 3;

/// The reason why a row cannot be used. The reader of the file adds the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow(pub(super) String);

/// Counts of the rows of a file, by their use.
#[derive(Debug, Default)]
pub(super) struct Tally {
    on_bad_row: OnBadRow,
    /// Number of rows that gave a prompt.
    used: u64,
    bad: u64,
    /// The first bad rows, each with its location.
    quoted: Vec<String>,
    /// Number of valid rows that give no prompt, by reason.
    left_out: IndexMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn new(on_bad_row: OnBadRow) -> Self {
        Self {
            on_bad_row,
            ..Self::default()
        }
    }

    pub(super) fn used(&mut self) {
        self.used += 1;
    }

    /// Counts a valid row that gives no prompt.
    pub(super) fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Counts a bad row.
    ///
    /// # Errors
    /// Returns the mistake if bad rows are errors.
    pub(super) fn bad(&mut self, place: impl Display, BadRow(why): BadRow) -> Result<(), Error> {
        let message = format!("{place}: {why}");
        if self.on_bad_row == OnBadRow::Error {
            return Err(Error(message));
        }
        self.bad += 1;
        if self.quoted.len() < QUOTED {
            self.quoted.push(message);
        }
        Ok(())
    }

    /// Checks that at least one row gave a prompt.
    pub(super) fn check(&self, file: &Path) -> Result<(), Error> {
        if self.used > 0 {
            return Ok(());
        }
        let Error(nothing) = no_prompts(file);
        let notes = self.notes();
        Err(Error(match notes.as_slice() {
            [] => nothing,
            notes => format!("{nothing}: {}", notes.join("; ")),
        }))
    }

    /// Notes on rows that gave no prompt, for the plan and the record.
    pub(super) fn notes(&self) -> Vec<String> {
        let left_out: u64 = self.left_out.values().sum();
        let all = self.used + self.bad + left_out;
        let mut notes = Vec::new();
        if self.bad > 0 {
            let more = match self.bad - self.quoted.len() as u64 {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let quoted = self.quoted.join("; ");
            notes.push(format!(
                "{} of {all} rows are invalid and were skipped: {quoted}{more}",
                self.bad
            ));
        }
        for (why, count) in &self.left_out {
            notes.push(format!("{count} of {all} rows were left out: {why}"));
        }
        notes
    }
}

/// Collects the prompts of a file.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) entries: Vec<Entry>,
    /// Location of each entry.
    pub(super) places: Vec<String>,
    pub(super) tally: Tally,
    bytes: usize,
    most: usize,
}

impl Collector {
    /// Collects at most `most` prompts.
    pub(super) fn new(most: usize, on_bad_row: OnBadRow) -> Self {
        Self {
            most,
            tally: Tally::new(on_bad_row),
            ..Self::default()
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.most
    }

    /// Adds the result of a row. Returns whether more rows are wanted.
    pub(super) fn row(
        &mut self,
        place: impl Display,
        read: Result<Entry, BadRow>,
    ) -> Result<bool, Error> {
        match read.and_then(not_empty) {
            Err(bad) => self.tally.bad(place, bad)?,
            Ok(entry) => {
                self.bytes += bytes(&entry);
                check_bytes(&place, self.bytes)?;
                self.tally.used();
                self.entries.push(entry);
                self.places.push(place.to_string());
            }
        }
        Ok(!self.is_full())
    }
}

/// Checks that the text in memory does not exceed the limit.
pub(super) fn check_bytes(place: impl Display, bytes: usize) -> Result<(), Error> {
    if bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Error(format!(
        "{place}: the prompts up to here have {} MiB, but the limit is {} MiB; send fewer requests, or use a smaller file",
        bytes >> 20,
        MAX_TEXT_BYTES >> 20
    )))
}

/// Size of a prompt's text, in bytes.
fn bytes(entry: &Entry) -> usize {
    match &entry.text {
        Text::Written(text) => text.len(),
        Text::Tokens(tokens) => tokens.len() * size_of::<u32>(),
        Text::Messages(messages) => messages.iter().map(|m| m.to_string().len()).sum(),
        Text::Generated(_) => 0,
    }
}

fn not_empty(entry: Entry) -> Result<Entry, BadRow> {
    let blank = match &entry.text {
        Text::Written(text) => text.trim().is_empty(),
        Text::Tokens(tokens) => tokens.is_empty(),
        Text::Messages(messages) => messages.iter().all(|message| is_blank(&message["content"])),
        Text::Generated(_) => false,
    };
    if blank {
        return Err(BadRow(
            "this prompt is empty, and engines reject empty prompts; write some text or leave it out".into(),
        ));
    }
    Ok(entry)
}

/// Whether a message's content has no text and no other parts, such as images.
fn is_blank(content: &Value) -> bool {
    let is_blank = |text: &str| text.trim().is_empty();
    match content {
        Value::String(text) => is_blank(text),
        Value::Array(parts) => parts
            .iter()
            .all(|part| part["text"].as_str().is_some_and(is_blank)),
        _ => true,
    }
}

/// Sorts prompts by time and subtracts the time of the first. `limited` means that a setting ends the replay, so that
/// rows may be due later than a phase can last.
pub(super) fn sort_by_time(collector: &mut Collector, limited: bool) -> Result<(), Error> {
    let mut rows: Vec<_> = collector
        .entries
        .drain(..)
        .zip(collector.places.drain(..))
        .collect();
    rows.sort_by_key(|(entry, _)| entry.at);
    let first = rows.first().and_then(|(entry, _)| entry.at);
    let zero = first.unwrap_or_default();
    for (entry, place) in &mut rows {
        entry.at = entry.at.map(|at| at.saturating_sub(zero));
        if !limited && entry.at.is_some_and(|at| at > limits::PHASE.0) {
            return Err(Error(format!(
                "{place}: this request is due more than {} after the first, longer than a phase can last; end the phase with `requests` or `duration`, or correct the times: do they have the unit of the format?",
                limits::PHASE
            )));
        }
    }
    (collector.entries, collector.places) = rows.into_iter().unzip();
    Ok(())
}
