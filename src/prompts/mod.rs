//! Prompts from where they are: files of several formats, read no further than needed and held in bounded memory, and
//! what is needed to draw them, the words and the counts of the model's own tokenizer.

mod context;
pub(crate) mod conversations;
mod fields;
mod json;
mod lines;
mod messages;
mod pile;
mod row;
mod sharegpt;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod trace;

use crate::plan::prompts::{ConversationSpec, Entry, Source};
use crate::plan::{Prompts, Shape, locate, phases};
use crate::scenario::model::{
    Conversations, Length, Model, OnBadRow, Prompts as Wanted, Scenario, Spread, Synthetic,
    TraceFile,
};
use fields::Api;
use pile::{Pile, Tally, in_order};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokens::Counter;
use trace::Replay;

/// Longest line or record of a file, in bytes.
const LONGEST: usize = 16 << 20;
/// Most text that is held, in bytes.
const MOST_BYTES: usize = 512 << 20;
/// Planned prompts that are held against the tokenizer's count before anything starts.
const PROBED: u64 = 64;

/// What is wrong with the prompts, its place included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

/// Cuts a text into tokens: their numbers, and the bytes of the text that each stands for.
pub(crate) type Cutter = Box<dyn Fn(&str) -> Option<Vec<(u32, Range<usize>)>>>;

/// What cuts texts as a model does, where its tokenizer is on this machine and this `bench` was built to read it.
#[must_use]
pub(crate) fn tokenizer(model: &Model, base: &Path, home: Option<&Path>) -> Option<Cutter> {
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
pub(crate) fn read(
    scenario: &Scenario,
    base: &Path,
    home: Option<&Path>,
    most: u64,
) -> Result<Prompts, Error> {
    let path = |file: &str| locate(file, base, home);
    let model = tokens::ModelFiles {
        scenario,
        base,
        home,
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let pile = |on_bad_row: OnBadRow| Pile::new(most, on_bad_row);
    let api = Api {
        endpoint: scenario.request.endpoint,
        stream: scenario.request.streams(),
    };
    let pile = match &scenario.prompts {
        Wanted::Inline(prompts) => {
            let mut pile = pile(OnBadRow::Error);
            for (i, prompt) in prompts.iter().enumerate() {
                let place = format_args!("prompts.inline[{i}]");
                pile.row(place, Ok(Entry::written(prompt.clone())))?;
            }
            pile
        }
        Wanted::File(data) => {
            let mut pile = pile(data.on_bad_row);
            row::rows(&path(&data.file), data, api, &mut pile)?;
            if pile.entries.iter().all(|entry| entry.at.is_some()) {
                in_order(&mut pile, ends_by_duration(scenario))?;
            }
            pile
        }
        Wanted::Csv(csv) => {
            let mut pile = pile(csv.on_bad_row);
            table::column(&path(&csv.file), csv, api, &mut pile)?;
            if pile.entries.iter().all(|entry| entry.at.is_some()) {
                in_order(&mut pile, ends_by_duration(scenario))?;
            }
            pile
        }
        Wanted::Sharegpt(data) => {
            let mut pile = pile(data.on_bad_row);
            sharegpt::first_turns(&path(&data.file), data, api.endpoint, &mut pile)?;
            pile
        }
        Wanted::Trace(trace) => {
            let pile = pile(trace.on_bad_row);
            return traced(&path(&trace.file), trace, pile, &model);
        }
        Wanted::Synthetic(synthetic) => {
            let source = Source::Synthetic(synthetic.clone());
            return drawn(source, &model, most);
        }
        Wanted::Conversations(wanted) => return conversations(wanted, &path, most, &model),
    };
    check_alike(&pile, scenario)?;
    context::check_written(&pile, &model)?;
    let mut notes = pile.tally.notes();
    notes.extend(cut_off(&pile, scenario));
    Ok(Prompts {
        notes,
        ..Prompts::listed(pile.entries)
    })
}

/// Phases that send each request when it was due.
fn replays(scenario: &Scenario) -> Vec<Shape> {
    let phases = phases(&scenario.load).into_iter();
    let shapes = phases.map(|phase| phase.shape);
    shapes.filter(Shape::replays).collect()
}

/// Whether each replay ends by its duration, so that later rows are never due.
fn ends_by_duration(scenario: &Scenario) -> bool {
    let ends =
        |shape: &Shape| matches!(shape, Shape::Open { limit, .. } if limit.duration.is_some());
    replays(scenario).iter().all(ends)
}

/// That a replay which nothing else ends may end before its file does.
fn cut_off(pile: &Pile, scenario: &Scenario) -> Option<String> {
    let ends = |shape: &Shape| matches!(shape, Shape::Open { limit, .. } if limit.duration.is_some() || limit.requests.is_some());
    let endless = replays(scenario).iter().any(|shape| !ends(shape));
    (endless && pile.is_full()).then(|| {
        format!(
            "the first {} requests are replayed and no more of the file was read; end the phase with `requests` or `duration`",
            pile.entries.len()
        )
    })
}

/// Several prompts in one request share its body: the length of answers, body fields and the kind of prompt.
fn check_alike(pile: &Pile, scenario: &Scenario) -> Result<(), Error> {
    if scenario.request.prompts_per_request == 1 {
        return Ok(());
    }
    let Some(first) = pile.entries.first() else {
        return Ok(());
    };
    for (entry, place) in pile.entries.iter().zip(&pile.places) {
        let fixed = scenario.request.output_tokens.is_some();
        if !fixed && entry.output_tokens != first.output_tokens {
            return Err(Error(format!(
                "{place}: several prompts in one request get answers of one length, and this one asks for another than the first; leave `prompts_per_request` out, or set `request: {{output_tokens: ...}}`"
            )));
        }
        if entry.body != first.body {
            return Err(Error(format!(
                "{place}: several prompts in one request share its body fields, and this one has others than the first; leave `prompts_per_request` out, or set the fields in `request: {{params: ...}}`"
            )));
        }
        if std::mem::discriminant(&entry.text) != std::mem::discriminant(&first.text) {
            return Err(Error(format!(
                "{place}: several prompts in one request are of one kind, and this one is not text or numbers of tokens as the first is; leave `prompts_per_request` out"
            )));
        }
    }
    Ok(())
}

/// A trace, whose prompts are drawn to its lengths.
fn traced(
    file: &Path,
    trace: &TraceFile,
    mut pile: Pile,
    model: &tokens::ModelFiles<'_>,
) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let overhead = counter.overhead(model.scenario.request.endpoint)?;
    let limited = ends_by_duration(model.scenario);
    trace::read(file, trace, Replay { overhead, limited }, &mut pile)?;
    let mut notes = pile.tally.notes();
    notes.extend(cut_off(&pile, model.scenario));
    check_alike(&pile, model.scenario)?;
    context::check_planned(pile.entries.iter().zip(&pile.places), model)?;
    let prompts = Prompts {
        notes,
        source: Source::Listed(pile.entries),
        words: counter.words()?,
        overhead,
    };
    counter.probe(&prompts, model.scenario.request.endpoint)?;
    Ok(prompts)
}

fn drawn(source: Source, model: &tokens::ModelFiles<'_>, most: usize) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let prompts = Prompts {
        source,
        words: counter.words()?,
        overhead: counter.overhead(model.scenario.request.endpoint)?,
        notes: Vec::new(),
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

fn conversations(
    wanted: &Conversations,
    path: &dyn Fn(&str) -> PathBuf,
    most: usize,
    model: &tokens::ModelFiles<'_>,
) -> Result<Prompts, Error> {
    let (written, tally) = match &wanted.sharegpt {
        Some(data) => sharegpt::all_turns(&path(&data.file), data, most, wanted.turns)?,
        None => (Vec::new(), Tally::default()),
    };
    let is_written = !written.is_empty();
    let source = Source::Conversations(ConversationSpec {
        written,
        turns: wanted.turns,
        think_time: wanted.think_time.0,
        input_tokens: wanted.input_tokens.clone().unwrap_or(Length::Fixed(1)),
        output_tokens: wanted.output_tokens.clone(),
        seed: wanted.seed,
    });
    // Nothing is drawn then, and so nothing counted.
    match is_written {
        true => Ok(Prompts {
            notes: tally.notes(),
            ..Prompts::of(source)
        }),
        false => drawn(source, model, most),
    }
}
