//! Reads recorded traces: arrival times, lengths and shared prefixes of requests. Published formats:
//!
//! - Mooncake's JSONL (`timestamp` in ms, blocks of 512 tokens; <https://github.com/kvcache-ai/Mooncake>, FAST25)
//! - Bailian's JSONL (`timestamp` in s, blocks of 16; <https://github.com/alibaba-edu/qwen-bailian-usagetraces-anon>)
//! - Azure's CSV (dates and times; <https://github.com/Azure/AzurePublicDataset>, 2023 and 2024)
//! - BurstGPT's CSV (s; <https://github.com/HPMLL/BurstGPT>, with and without sessions)
//!
//! A row that contradicts its format is invalid, because its times or blocks would be misread silently.

mod hashed;
mod tabular;

use super::Error;
use super::collector::{BadRow, Collector, sort_by_time};
use super::lines::{each_line, no_prompts, shortened, tokens};
use crate::plan::prompts::{Entry, Segment, Text};
use crate::scenario::model::{OnBadRow, TraceFile, TraceFormat};
use std::path::Path;
use std::time::Duration;

/// Bit of seeds for text without a hash. Such text is not shared with other prompts.
const UNSHARED: u64 = 1 << 63;

/// Settings of the replay that affect how a trace is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay {
    /// Number of tokens that the server adds to each prompt.
    pub(super) overhead: u32,
    /// Whether a setting ends the replay before the trace ends.
    pub(super) limited: bool,
}

/// Reads a trace. The first request is due at zero.
pub(super) fn read(
    file: &Path,
    trace: &TraceFile,
    replay: Replay,
    collector: &mut Collector,
) -> Result<(), Error> {
    match recognise(file, trace)? {
        format @ (TraceFormat::Mooncake | TraceFormat::Bailian) => {
            hashed::read(file, trace, format, replay.overhead, collector)?;
        }
        TraceFormat::Azure => tabular::azure(file, trace, replay.overhead, collector)?,
        TraceFormat::Burstgpt => tabular::burstgpt(file, trace, replay.overhead, collector)?,
    }
    collector.tally.check(file)?;
    sort_by_time(collector, replay.limited)
}

/// The format that the scenario names, or else that of the first row.
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
            Err(BadRow(why)) if !skips => return Err(Error(format!("{place}: {why}"))),
            Err(_) => {}
        }
        // The first rows may be bad ones that are skipped.
        Ok(skips && found.is_none())
    })?;
    match (found, first) {
        (Some(Kind::Json), _) => hashed::recognise(file, &trace.ignore),
        (Some(Kind::Table(format)), _) => Ok(format),
        (None, None) => Err(no_prompts(file)),
        (None, Some((place, line))) => Err(Error(format!(
            "{place}: expected a row in Mooncake's or Bailian's format such as {{\"timestamp\": ..., \"input_length\": ..., \"output_length\": ...}}, Azure's header TIMESTAMP,ContextTokens,GeneratedTokens or BurstGPT's Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type; found {line}"
        ))),
    }
}

/// The kind of file that a first line indicates.
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

/// A time since the start of a trace.
fn time(seconds: f64) -> Result<Duration, BadRow> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| BadRow(format!("the time {seconds} s is out of range")))
}

fn entry(at: Duration, input: u64, output: u64, segments: Vec<Segment>) -> Result<Entry, BadRow> {
    Ok(Entry {
        input_tokens: Some(tokens("the length of a prompt", Some(input))?),
        output_tokens: Some(tokens("the length of an answer", Some(output))?),
        at: Some(at),
        ..Entry::of(Text::Generated(segments))
    })
}

/// Number of tokens of a prompt's text, without those that the server adds.
fn text_tokens(input: u64, overhead: u32) -> u32 {
    let input = u32::try_from(input).unwrap_or(u32::MAX);
    input.saturating_sub(overhead).max(1)
}
