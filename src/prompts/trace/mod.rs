//! Recorded traces: when requests came, how long they were, and what they had in common. Published formats:
//!
//! - Mooncake's JSONL (`timestamp` in ms, blocks of 512 tokens; <https://github.com/kvcache-ai/Mooncake>, FAST25)
//! - Bailian's JSONL (`timestamp` in s, blocks of 16; <https://github.com/alibaba-edu/qwen-bailian-usagetraces-anon>)
//! - Azure's CSV (dates and times; <https://github.com/Azure/AzurePublicDataset>, 2023 and 2024)
//! - BurstGPT's CSV (s; <https://github.com/HPMLL/BurstGPT>, with and without sessions)
//!
//! A row that contradicts its format is bad: its times or blocks would be read wrongly without a word.

mod hashed;
mod tabular;

use super::Error;
use super::lines::{each_line, nothing, shortened, tokens};
use super::pile::{Bad, Pile, in_order};
use crate::plan::prompts::{Entry, Segment, Text};
use crate::scenario::model::{OnBadRow, TraceFile, TraceFormat};
use std::path::Path;
use std::time::Duration;

/// Seeds of what no hash stands for are in the upper half.
const OWN: u64 = 1 << 63;

/// What a trace is read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay {
    /// Tokens that the server adds to each prompt.
    pub(super) overhead: u32,
    /// Whether something else than the trace ends the replay.
    pub(super) limited: bool,
}

/// Reads a trace; the first request is due at zero.
pub(super) fn read(
    file: &Path,
    trace: &TraceFile,
    replay: Replay,
    pile: &mut Pile,
) -> Result<(), Error> {
    match recognise(file, trace)? {
        format @ (TraceFormat::Mooncake | TraceFormat::Bailian) => {
            hashed::read(file, trace, format, replay.overhead, pile)?;
        }
        TraceFormat::Azure => tabular::azure(file, trace, replay.overhead, pile)?,
        TraceFormat::Burstgpt => tabular::burstgpt(file, trace, replay.overhead, pile)?,
    }
    pile.tally.check(file)?;
    in_order(pile, replay.limited)
}

/// The format that the scenario names, else that of the first row.
fn recognise(file: &Path, trace: &TraceFile) -> Result<TraceFormat, Error> {
    if let Some(format) = trace.format {
        return Ok(format);
    }
    let skips = trace.on_bad_row == OnBadRow::Skip;
    let (mut first, mut found) = (None, None);
    each_line(file, |place, line| {
        match line {
            Ok(line) => {
                found = kind(line);
                first.get_or_insert((place.to_owned(), shortened(line)));
            }
            Err(Bad(why)) if !skips => return Err(Error(format!("{place}: {why}"))),
            Err(_) => {}
        }
        // Where bad rows are skipped, the first may be one.
        Ok(skips && found.is_none())
    })?;
    match (found, first) {
        (Some(Kind::Json), _) => hashed::recognise(file, &trace.ignore),
        (Some(Kind::Table(format)), _) => Ok(format),
        (None, None) => Err(nothing(file)),
        (None, Some((place, line))) => Err(Error(format!(
            "{place}: expected a row of Mooncake's or Bailian's such as {{\"timestamp\": ..., \"input_length\": ..., \"output_length\": ...}}, Azure's header TIMESTAMP,ContextTokens,GeneratedTokens or BurstGPT's Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type; found {line}"
        ))),
    }
}

/// What a line is the beginning of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Json,
    Table(TraceFormat),
}

fn kind(line: &str) -> Option<Kind> {
    if line.starts_with(['{', '[']) {
        return Some(Kind::Json);
    }
    let has = |name: &str| {
        let mut names = line.split(',').map(|name| name.trim_matches(['"', ' ']));
        names.any(|found| found.eq_ignore_ascii_case(name))
    };
    if has("ContextTokens") {
        Some(Kind::Table(TraceFormat::Azure))
    } else if has("Request tokens") {
        Some(Kind::Table(TraceFormat::Burstgpt))
    } else {
        None
    }
}

/// A moment since the beginning of a trace.
fn time(seconds: f64) -> Result<Duration, Bad> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Bad(format!("{seconds} s is no time of a trace")))
}

fn entry(at: Duration, input: u64, output: u64, segments: Vec<Segment>) -> Result<Entry, Bad> {
    Ok(Entry {
        input_tokens: Some(tokens("the length of a prompt", Some(input))?),
        output_tokens: Some(tokens("the length of an answer", Some(output))?),
        at: Some(at),
        ..Entry::of(Text::Drawn(segments))
    })
}

/// Tokens of a prompt that are text.
fn room(input: u64, overhead: u32) -> u32 {
    let input = u32::try_from(input).unwrap_or(u32::MAX);
    input.saturating_sub(overhead).max(1)
}
