//! What has been read of a file: its prompts, the rows that cannot be used, and what was left out.

use super::lines::nothing;
use super::{Error, MOST_BYTES};
use crate::plan::prompts::{Entry, Text};
use crate::scenario::limits;
use crate::scenario::model::OnBadRow;
use indexmap::IndexMap;
use serde_json::Value;
use std::fmt::Display;
use std::path::Path;

/// Bad rows that a message quotes.
const QUOTED: usize = 3;

/// Why a row cannot be used. Its place is added by the reader of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad(pub(super) String);

/// What became of the rows of a file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    on_bad_row: OnBadRow,
    /// Rows that gave a prompt.
    used: u64,
    bad: u64,
    /// The first bad rows, each with its place.
    quoted: Vec<String>,
    /// Rows that are good and give no prompt, by the reason.
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

    /// Notes a row that is good and gives no prompt.
    pub(super) fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Notes a bad row.
    ///
    /// # Errors
    /// Where bad rows are mistakes.
    pub(super) fn bad(&mut self, place: impl Display, Bad(why): Bad) -> Result<(), Error> {
        let told = format!("{place}: {why}");
        if self.on_bad_row == OnBadRow::Error {
            return Err(Error(told));
        }
        self.bad += 1;
        if self.quoted.len() < QUOTED {
            self.quoted.push(told);
        }
        Ok(())
    }

    /// That a file whose rows gave no prompt at all is of no use.
    pub(super) fn check(&self, file: &Path) -> Result<(), Error> {
        if self.used > 0 {
            return Ok(());
        }
        let Error(nothing) = nothing(file);
        let notes = self.notes();
        Err(Error(match notes.as_slice() {
            [] => nothing,
            notes => format!("{nothing}: {}", notes.join("; ")),
        }))
    }

    /// What became of rows that gave no prompt, for the plan and the record.
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
                "{} of {all} rows are bad and were skipped: {quoted}{more}",
                self.bad
            ));
        }
        for (why, count) in &self.left_out {
            notes.push(format!("{count} of {all} rows were left out: {why}"));
        }
        notes
    }
}

/// What has been read of a file.
#[derive(Debug, Default)]
pub(super) struct Pile {
    pub(super) entries: Vec<Entry>,
    /// Where each stands.
    pub(super) places: Vec<String>,
    pub(super) tally: Tally,
    bytes: usize,
    most: usize,
}

impl Pile {
    /// Of at most so many prompts.
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

    /// Takes what a row gave; whether more rows are wanted.
    pub(super) fn row(
        &mut self,
        place: impl Display,
        read: Result<Entry, Bad>,
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

/// That no more text is held than there is room for.
pub(super) fn check_bytes(place: impl Display, bytes: usize) -> Result<(), Error> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(Error(format!(
        "{place}: the prompts up to here are {} MiB, and at most {} MiB are held; send fewer requests, or use a smaller file",
        bytes >> 20,
        MOST_BYTES >> 20
    )))
}

/// The text of a prompt, in bytes.
fn bytes(entry: &Entry) -> usize {
    match &entry.text {
        Text::Written(text) => text.len(),
        Text::Tokens(tokens) => tokens.len() * size_of::<u32>(),
        Text::Messages(messages) => messages.iter().map(|m| m.to_string().len()).sum(),
        Text::Drawn(_) => 0,
    }
}

fn not_empty(entry: Entry) -> Result<Entry, Bad> {
    let blank = match &entry.text {
        Text::Written(text) => text.trim().is_empty(),
        Text::Tokens(tokens) => tokens.is_empty(),
        Text::Messages(messages) => messages.iter().all(|message| is_blank(&message["content"])),
        Text::Drawn(_) => false,
    };
    if blank {
        return Err(Bad(
            "this prompt is empty, and engines refuse empty prompts; write some text or leave it out".into(),
        ));
    }
    Ok(entry)
}

/// Whether a message's content says nothing. Parts that are no text, such as images, say something.
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

/// Sorts by time and begins at zero. `limited` says whether something else ends the replay, so that rows may be due later than
/// a phase lasts.
pub(super) fn in_order(pile: &mut Pile, limited: bool) -> Result<(), Error> {
    let mut rows: Vec<_> = pile.entries.drain(..).zip(pile.places.drain(..)).collect();
    rows.sort_by_key(|(entry, _)| entry.at);
    let first = rows.first().and_then(|(entry, _)| entry.at);
    let zero = first.unwrap_or_default();
    for (entry, place) in &mut rows {
        entry.at = entry.at.map(|at| at.saturating_sub(zero));
        if !limited && entry.at.is_some_and(|at| at > limits::PHASE.0) {
            return Err(Error(format!(
                "{place}: this is due more than {} after the first, and no phase lasts as long; end the phase with `requests` or `duration`, or correct the times: are they in the unit that the format has?",
                limits::PHASE
            )));
        }
    }
    (pile.entries, pile.places) = rows.into_iter().unzip();
    Ok(())
}
