//! Reads prompts from files of several formats, in bounded memory and no further than needed. Also provides the words
//! and token counts of the model's tokenizer, which generated prompts need.

mod collector;
mod context;
pub(crate) mod conversations;
mod fields;
mod json;
mod lines;
mod messages;
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
use collector::{Collector, Tally, sort_by_time};
use fields::Api;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokens::Counter;
use trace::Replay;

/// Longest line or record of a file, in bytes.
const MAX_ROW_BYTES: usize = 16 << 20;
/// Largest amount of text in memory, in bytes.
const MAX_TEXT_BYTES: usize = 512 << 20;
/// Number of planned prompts whose lengths are compared with the tokenizer's count before anything starts.
const CHECKED_PROMPTS: u64 = 64;

/// A mistake in the prompts, with its location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Error(String);

/// Splits a text into tokens: their ids, and the byte range of each in the text.
pub(crate) type TokenSplitter = Box<dyn Fn(&str) -> Option<Vec<(u32, Range<usize>)>>>;

/// Splits texts in the way in which a model does. `None` if its tokenizer is not on this machine, or if this `bench`
/// was built without support for tokenizers.
#[must_use]
pub(crate) fn tokenizer(model: &Model, base: &Path, home: Option<&Path>) -> Option<TokenSplitter> {
    let directory = tokens::directory(model, base, home).ok()?;
    #[cfg(feature = "tokenizers")]
    return tokens::model::splitter(&directory);
    #[cfg(not(feature = "tokenizers"))]
    {
        let _ = directory;
        None
    }
}

/// Reads the prompts of a scenario in the directory `base`. Reads at most `most` prompts of a file.
///
/// # Errors
/// Returns the first mistake, with its file and line.
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
    let collector = match &scenario.prompts {
        Wanted::Trace(trace) => {
            let collector = Collector::new(most, trace.on_bad_row);
            return traced(&path(&trace.file), trace, collector, &model);
        }
        Wanted::Synthetic(synthetic) => {
            let source = Source::Synthetic(synthetic.clone());
            return generated(source, &model, most);
        }
        Wanted::Conversations(wanted) => return conversations(wanted, &path, most, &model),
        Wanted::Inline(prompts) => inline(prompts, most)?,
        Wanted::File(data) => {
            let mut collector = Collector::new(most, data.on_bad_row);
            row::rows(&path(&data.file), data, api(scenario), &mut collector)?;
            in_recorded_order(collector, scenario)?
        }
        Wanted::Csv(csv) => {
            let mut collector = Collector::new(most, csv.on_bad_row);
            table::column(&path(&csv.file), csv, api(scenario), &mut collector)?;
            in_recorded_order(collector, scenario)?
        }
        Wanted::Sharegpt(data) => {
            let mut collector = Collector::new(most, data.on_bad_row);
            let endpoint = scenario.request.endpoint;
            sharegpt::first_turns(&path(&data.file), data, endpoint, &mut collector)?;
            collector
        }
    };
    check_same_body(&collector, scenario)?;
    context::check_written(&collector, &model)?;
    let mut notes = collector.tally.notes();
    notes.extend(cut_off(&collector, scenario));
    Ok(Prompts {
        notes,
        ..Prompts::listed(collector.entries)
    })
}

fn api(scenario: &Scenario) -> Api {
    Api {
        endpoint: scenario.request.endpoint,
        stream: scenario.request.streams(),
    }
}

/// Prompts written in the scenario itself.
fn inline(prompts: &[String], most: usize) -> Result<Collector, Error> {
    let mut collector = Collector::new(most, OnBadRow::Error);
    for (i, prompt) in prompts.iter().enumerate() {
        let place = format_args!("prompts.inline[{i}]");
        collector.row(place, Ok(Entry::written(prompt.clone())))?;
    }
    Ok(collector)
}

/// Sorts prompts by their recorded time if every prompt has one.
fn in_recorded_order(mut collector: Collector, scenario: &Scenario) -> Result<Collector, Error> {
    if collector.entries.iter().all(|entry| entry.at.is_some()) {
        sort_by_time(&mut collector, ends_by_duration(scenario))?;
    }
    Ok(collector)
}

/// The loads that replay recorded times.
fn replays(scenario: &Scenario) -> Vec<Shape> {
    let phases = phases(&scenario.load).into_iter();
    let shapes = phases.map(|phase| phase.shape);
    shapes.filter(Shape::replays).collect()
}

/// Whether each replay has a duration, so that later rows are never due.
fn ends_by_duration(scenario: &Scenario) -> bool {
    let ends =
        |shape: &Shape| matches!(shape, Shape::Open { limit, .. } if limit.duration.is_some());
    replays(scenario).iter().all(ends)
}

/// The note on a replay that uses only a part of its file, although no setting ends it early.
fn cut_off(collector: &Collector, scenario: &Scenario) -> Option<String> {
    let ends = |shape: &Shape| matches!(shape, Shape::Open { limit, .. } if limit.duration.is_some() || limit.requests.is_some());
    let endless = replays(scenario).iter().any(|shape| !ends(shape));
    (endless && collector.is_full()).then(|| {
        format!(
            "only the first {} requests of the file were read and are replayed; end the phase with `requests` or `duration`",
            collector.entries.len()
        )
    })
}

/// Checks that prompts can be sent together in one request: they share the length of answers, body fields and kind.
fn check_same_body(collector: &Collector, scenario: &Scenario) -> Result<(), Error> {
    if scenario.request.prompts_per_request == 1 {
        return Ok(());
    }
    let Some(first) = collector.entries.first() else {
        return Ok(());
    };
    for (entry, place) in collector.entries.iter().zip(&collector.places) {
        let fixed = scenario.request.output_tokens.is_some();
        if !fixed && entry.output_tokens != first.output_tokens {
            return Err(Error(format!(
                "{place}: all prompts of one request get answers of the same length, but this prompt asks for a different one than the first; leave `prompts_per_request` out, or set `request: {{output_tokens: ...}}`"
            )));
        }
        if entry.body != first.body {
            return Err(Error(format!(
                "{place}: all prompts of one request share its body fields, but this prompt has different ones than the first; leave `prompts_per_request` out, or set the fields in `request: {{params: ...}}`"
            )));
        }
        if std::mem::discriminant(&entry.text) != std::mem::discriminant(&first.text) {
            return Err(Error(format!(
                "{place}: all prompts of one request have the same kind, text or token ids, but the kind of this prompt differs from the first; leave `prompts_per_request` out"
            )));
        }
    }
    Ok(())
}

/// Reads a trace and generates prompts of its lengths.
fn traced(
    file: &Path,
    trace: &TraceFile,
    mut collector: Collector,
    model: &tokens::ModelFiles<'_>,
) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let overhead = counter.overhead(model.scenario.request.endpoint)?;
    let limited = ends_by_duration(model.scenario);
    trace::read(file, trace, Replay { overhead, limited }, &mut collector)?;
    let mut notes = collector.tally.notes();
    notes.extend(cut_off(&collector, model.scenario));
    check_same_body(&collector, model.scenario)?;
    context::check_planned(collector.entries.iter().zip(&collector.places), model)?;
    let prompts = Prompts {
        notes,
        source: Source::Listed(collector.entries),
        words: counter.words()?,
        overhead,
    };
    counter.check_lengths(&prompts, model.scenario.request.endpoint)?;
    Ok(prompts)
}

/// Prepares the words and counts of a source of generated prompts.
fn generated(
    source: Source,
    model: &tokens::ModelFiles<'_>,
    most: usize,
) -> Result<Prompts, Error> {
    let counter = Counter::find(model)?;
    let prompts = Prompts {
        source,
        words: counter.words()?,
        overhead: counter.overhead(model.scenario.request.endpoint)?,
        notes: Vec::new(),
    };
    if let Source::Synthetic(synthetic) = &prompts.source {
        check_text_fits(synthetic, prompts.overhead)?;
        let entries = (0..most.min(100_000) as u64).map(|number| prompts.entry(number));
        let named = entries
            .enumerate()
            .map(|(i, entry)| (entry, format!("prompt {i} of prompts.synthetic")));
        context::check_planned(named, model)?;
    }
    counter.check_lengths(&prompts, model.scenario.request.endpoint)?;
    Ok(prompts)
}

/// Checks that the tokens which the server adds leave space for the text of every prompt, and for the shared prefix.
fn check_text_fits(wanted: &Synthetic, overhead: u32) -> Result<(), Error> {
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
            "prompts.synthetic.input_tokens: {} tokens leave no room for text: the server adds {overhead} (special tokens and the chat template); ask for more tokens",
            shortest.min(longest)
        )));
    }
    let prefix = wanted.shared_prefix_tokens;
    if prefix > 0 && longest - overhead <= prefix {
        return Err(Error(format!(
            "prompts.synthetic.shared_prefix_tokens: a shared prefix of {prefix} tokens leaves no other text in prompts of {longest} tokens, because the server adds {overhead}; make it shorter than {}",
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
    // Written messages need no words and no token counts.
    match is_written {
        true => Ok(Prompts {
            notes: tally.notes(),
            ..Prompts::of(source)
        }),
        false => generated(source, model, most),
    }
}
