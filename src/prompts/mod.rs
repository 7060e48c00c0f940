//! Prompts from where they are: files of several formats, read no further than needed and held in bounded memory, and
//! what is needed to draw them, the words and the counts of the model's own tokenizer.

mod context;
mod sharegpt;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod trace;

use crate::plan::prompts::{Entry, Source, Talk, Text};
use crate::plan::{Prompts, locate};
use crate::scenario::limits;
use crate::scenario::model::{
    Conversations, Length, Model, Prompts as Wanted, Scenario, Spread, Synthetic,
};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokens::Counter;

/// Longest line or record of a file, in bytes.
const LONGEST: usize = 16 << 20;
/// Most text that is held, in bytes.
const MOST_BYTES: usize = 512 << 20;
/// Planned prompts that are held against the tokenizer's count before anything starts.
const PROBED: u64 = 64;

/// What is wrong with the prompts, its place included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Cuts a text into tokens: their numbers, and the bytes of the text that each stands for.
pub type Cutter = Box<dyn Fn(&str) -> Option<Vec<(u32, Range<usize>)>>>;

/// What cuts texts as a model does, where its tokenizer is on this machine and this `bench` was built to read it.
#[must_use]
pub fn tokenizer(model: &Model, base: &Path, home: Option<&Path>) -> Option<Cutter> {
    let directory = tokens::directory(model, base, home).ok()?;
    #[cfg(feature = "tokenizers")]
    return tokens::model::cutter(&directory);
    #[cfg(not(feature = "tokenizers"))]
    {
        let _ = directory;
        None
    }
}

/// Reads the prompts of a scenario whose own directory is `base`; of a file, no more than `most`.
///
/// # Errors
/// The first thing that is wrong, with its file and line.
pub fn read(
    scenario: &Scenario,
    base: &Path,
    home: Option<&Path>,
    most: u64,
) -> Result<Prompts, Error> {
    let path = |file: &str| locate(file, base, home);
    let model = tokens::Place {
        scenario,
        base,
        home,
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut pile = Pile {
        most,
        ..Pile::default()
    };
    match &scenario.prompts {
        Wanted::Inline(prompts) => {
            for (i, prompt) in prompts.iter().enumerate() {
                pile.add(
                    format_args!("prompts.inline[{i}]"),
                    Entry::written(prompt.clone()),
                )?;
            }
        }
        Wanted::File(file) => lines(&path(file), &mut pile)?,
        Wanted::Csv(csv) => table::column(&path(&csv.file), &csv.column, &mut pile)?,
        Wanted::Sharegpt(file) => sharegpt::first_turns(&path(file), &mut pile)?,
        Wanted::Trace(file) => return traced(&path(file), pile, &model),
        Wanted::Synthetic(synthetic) => {
            let source = Source::Synthetic(synthetic.clone());
            return drawn(source, &model, most);
        }
        Wanted::Conversations(wanted) => {
            let talk = talk(wanted, &path, pile)?;
            let is_written = !talk.written.is_empty();
            let source = Source::Conversations(talk);
            // Nothing is drawn then, and so nothing counted.
            return match is_written {
                true => Ok(Prompts::of(source)),
                false => drawn(source, &model, most),
            };
        }
    }
    check_lengths(&pile, scenario)?;
    context::check_written(&pile, &model)?;
    Ok(Prompts::listed(pile.entries))
}

/// What has been read of a file.
#[derive(Debug, Default)]
struct Pile {
    entries: Vec<Entry>,
    /// Where each stands.
    places: Vec<String>,
    bytes: usize,
    most: usize,
}

impl Pile {
    fn is_full(&self) -> bool {
        self.entries.len() >= self.most
    }

    fn add(&mut self, place: impl Display, entry: Entry) -> Result<(), Error> {
        if let Text::Written(text) = &entry.text {
            if text.trim().is_empty() {
                return Err(Error(format!(
                    "{place}: this prompt is empty, and engines refuse empty prompts; write some text or leave it out"
                )));
            }
            self.bytes += text.len();
        }
        if self.bytes > MOST_BYTES {
            return Err(Error(format!(
                "{place}: the prompts up to here are {} MiB, and at most {} MiB are held; send fewer requests, or use a smaller file",
                self.bytes >> 20,
                MOST_BYTES >> 20
            )));
        }
        self.entries.push(entry);
        self.places.push(place.to_string());
        Ok(())
    }
}

fn open(file: &Path) -> Result<BufReader<File>, Error> {
    let failed = |error: &dyn Display| {
        Error(format!(
            "failed to read the prompts in {}: {error}",
            file.display()
        ))
    };
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

fn nothing(file: &Path) -> Error {
    Error(format!("{} holds no prompt", file.display()))
}

/// The lines of a file that are not blank, with their numbers, until `take` wants no more.
fn each_line(
    file: &Path,
    mut take: impl FnMut(usize, &str) -> Result<bool, Error>,
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
            Error(format!(
                "{}: byte {} is not UTF-8; save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`",
                place(),
                error.valid_up_to() + 1
            ))
        })?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() && !take(number, text)? {
            break;
        }
    }
    Ok(())
}

/// The beginning of what was found, for a message; what would do something to a terminal is written out.
fn shortened(found: &str) -> String {
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
fn tokens(place: &str, what: &str, wanted: Option<u64>) -> Result<u32, Error> {
    let most = limits::TOKENS;
    let allowed = wanted
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=most).contains(n));
    allowed.ok_or_else(|| {
        let found = wanted.map_or(String::new(), |n| format!(", found {n}"));
        Error(format!(
            "{place}: {what} must be a whole number from 1 to {most}{found}"
        ))
    })
}

/// Sorts by time and begins at zero.
fn in_order(pile: &mut Pile) -> Result<(), Error> {
    let mut rows: Vec<_> = pile.entries.drain(..).zip(pile.places.drain(..)).collect();
    rows.sort_by_key(|(entry, _)| entry.at);
    let first = rows.first().and_then(|(entry, _)| entry.at);
    let zero = first.unwrap_or_default();
    for (entry, place) in &mut rows {
        entry.at = entry.at.map(|at| at.saturating_sub(zero));
        if entry.at.is_some_and(|at| at > limits::PHASE.0) {
            return Err(Error(format!(
                "{place}: this is due more than {} after the first, and no phase lasts as long; are the times in the unit that the format has?",
                limits::PHASE
            )));
        }
    }
    (pile.entries, pile.places) = rows.into_iter().unzip();
    Ok(())
}

/// A JSONL file of `{"prompt": "..."}` or `"..."` lines.
fn lines(file: &Path, pile: &mut Pile) -> Result<(), Error> {
    each_line(file, |number, line| {
        let place = format!("{}:{number}", file.display());
        let expected = || {
            Error(format!(
                "{place}: expected a line such as {{\"prompt\": \"...\"}} or \"...\", found {}",
                shortened(line)
            ))
        };
        let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
            let Error(expected) = expected();
            Error(format!("{expected}: {error}"))
        })?;
        let text = value.as_str().or_else(|| value["prompt"].as_str());
        let mut entry = Entry::written(text.ok_or_else(expected)?.to_owned());
        if let Some(wanted) = value.get("output_tokens") {
            entry.output_tokens = Some(tokens(&place, "`output_tokens`", wanted.as_u64())?);
        }
        if let Some(at) = value.get("at") {
            let at = at
                .as_f64()
                .and_then(|at| Duration::try_from_secs_f64(at).ok());
            entry.at = Some(at.ok_or_else(|| {
                Error(format!(
                    "{place}: `at` must be seconds since the first request"
                ))
            })?);
        }
        pile.add(place, entry)?;
        Ok(!pile.is_full())
    })?;
    if pile.entries.is_empty() {
        return Err(nothing(file));
    }
    if pile.entries.iter().all(|entry| entry.at.is_some()) {
        in_order(pile)?;
    }
    Ok(())
}

/// Several prompts in one request get answers of one length.
fn check_lengths(pile: &Pile, scenario: &Scenario) -> Result<(), Error> {
    if scenario.request.prompts_per_request == 1 || scenario.request.output_tokens.is_some() {
        return Ok(());
    }
    let length = |entry: &Entry| entry.output_tokens;
    let first = pile.entries.first().and_then(length);
    let mut all = pile.entries.iter().zip(&pile.places);
    match all.find(|(entry, _)| length(entry) != first) {
        None => Ok(()),
        Some((_, place)) => Err(Error(format!(
            "{place}: several prompts in one request get answers of one length, and this one asks for another than the first; leave `prompts_per_request` out, or set `request: {{output_tokens: ...}}`"
        ))),
    }
}

/// A trace, whose prompts are drawn to its lengths.
fn traced(file: &Path, mut pile: Pile, model: &tokens::Place<'_>) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let overhead = counter.overhead(model.scenario.request.endpoint)?;
    trace::read(file, overhead, &mut pile)?;
    check_lengths(&pile, model.scenario)?;
    context::check_planned(pile.entries.iter().zip(&pile.places), model)?;
    let prompts = Prompts {
        source: Source::Listed(pile.entries),
        words: counter.words()?,
        overhead,
    };
    counter.probe(&prompts, model.scenario.request.endpoint)?;
    Ok(prompts)
}

fn drawn(source: Source, model: &tokens::Place<'_>, most: usize) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let prompts = Prompts {
        source,
        words: counter.words()?,
        overhead: counter.overhead(model.scenario.request.endpoint)?,
    };
    if let Source::Synthetic(synthetic) = &prompts.source {
        check_room(synthetic, prompts.overhead)?;
        let entries = (0..most.min(100_000) as u64).map(|number| prompts.entry(number));
        let named = entries
            .enumerate()
            .map(|(i, entry)| (entry, format!("prompt {i} of prompts.synthetic")));
        context::check_planned(named, model)?;
    }
    counter.probe(&prompts, model.scenario.request.endpoint)?;
    Ok(prompts)
}

/// Whether what the server adds leaves room for the text of every prompt, and for a prefix in the longest.
fn check_room(wanted: &Synthetic, overhead: u32) -> Result<(), Error> {
    let (shortest, longest) = match &wanted.input_tokens {
        Length::Fixed(tokens) => (*tokens, *tokens),
        Length::Spread(Spread {
            mean: Some(mean),
            min: None,
            max,
            ..
        }) if *mean <= f64::from(overhead) => (*mean as u32, max.unwrap_or(u32::MAX)),
        Length::Spread(spread) => (
            spread.min.unwrap_or(u32::MAX),
            spread.max.unwrap_or(u32::MAX),
        ),
    };
    if shortest.min(longest) <= overhead {
        return Err(Error(format!(
            "prompts.synthetic.input_tokens: {} tokens leave no room for text: the server itself adds {overhead} (special tokens and the chat's template); ask for more than that",
            shortest.min(longest)
        )));
    }
    let prefix = wanted.shared_prefix_tokens;
    if prefix > 0 && longest - overhead <= prefix {
        return Err(Error(format!(
            "prompts.synthetic.shared_prefix_tokens: a prefix of {prefix} tokens leaves prompts of {longest} nothing of their own, for the server itself adds {overhead}; make it shorter than {}",
            longest - overhead
        )));
    }
    Ok(())
}

fn talk(wanted: &Conversations, path: &dyn Fn(&str) -> PathBuf, pile: Pile) -> Result<Talk, Error> {
    let written = match &wanted.sharegpt {
        Some(file) => sharegpt::all_turns(&path(file), pile.most, wanted.turns)?,
        None => Vec::new(),
    };
    Ok(Talk {
        written,
        turns: wanted.turns,
        think_time: wanted.think_time.0,
        input_tokens: wanted.input_tokens.clone().unwrap_or(Length::Fixed(1)),
        output_tokens: wanted.output_tokens.clone(),
        seed: wanted.seed,
    })
}
