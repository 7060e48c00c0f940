//! Recorded traces: when requests came, how long they were, and what they had in common. Two published formats:
//! Mooncake's JSONL (`timestamp` in ms, `input_length`, `output_length`, `hash_ids` of blocks of 512 tokens;
//! <https://github.com/kvcache-ai/Mooncake>, FAST25) and Azure's CSV (`TIMESTAMP,ContextTokens,GeneratedTokens`;
//! <https://github.com/Azure/AzurePublicDataset>, 2023 and 2024).

use super::table::Table;
use super::{Error, Pile, each_line, in_order, nothing, shortened, tokens};
use crate::plan::prompts::{Entry, Part, Text};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// Tokens that one of Mooncake's hashes stands for.
const BLOCK: u32 = 512;
/// Seeds of what no hash stands for are in the upper half.
const OWN: u64 = 1 << 63;

#[derive(Deserialize)]
struct Row {
    timestamp: f64,
    input_length: u32,
    output_length: u32,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

/// Reads a trace; the first request is due at zero. `overhead` is what the server adds to each prompt, in tokens.
pub(super) fn read(file: &Path, overhead: u32, pile: &mut Pile) -> Result<(), Error> {
    let mut first = String::new();
    each_line(file, |_, line| {
        first = line.to_owned();
        Ok(false)
    })?;
    if first.is_empty() {
        return Err(nothing(file));
    }
    if first.starts_with('{') {
        mooncake(file, overhead, pile)?;
    } else if first.to_ascii_lowercase().contains("contexttokens") {
        azure(file, overhead, pile)?;
    } else {
        return Err(Error(format!(
            "{}:1: expected Mooncake's {{\"timestamp\": ..., \"input_length\": ..., \"output_length\": ...}} or Azure's header TIMESTAMP,ContextTokens,GeneratedTokens, found {}",
            file.display(),
            shortened(&first)
        )));
    }
    if pile.entries.is_empty() {
        return Err(nothing(file));
    }
    in_order(pile)
}

fn mooncake(file: &Path, overhead: u32, pile: &mut Pile) -> Result<(), Error> {
    each_line(file, |number, line| {
        let place = format!("{}:{number}", file.display());
        let row: Row = serde_json::from_str(line).map_err(|error| {
            let error = error.to_string();
            let (why, _) = error.split_once(" at line").unwrap_or((&error, ""));
            Error(format!("{place}: {why}; found {}", shortened(line)))
        })?;
        let at = time(&place, row.timestamp / 1e3)?;
        let own = OWN | number as u64;
        let parts = blocks(&row, own, overhead);
        pile.add(
            &place,
            entry(&place, at, row.input_length, row.output_length, parts)?,
        )?;
        Ok(!pile.is_full())
    })
}

fn azure(file: &Path, overhead: u32, pile: &mut Pile) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    let columns = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
    let [when, context, generated] = columns.map(|name| table.find(name));
    let (when, context, generated) = (when?, context?, generated?);
    let mut number = 0;
    let mut zero = None;
    while !pile.is_full()
        && let Some(place) = table.next()?
    {
        let seconds = instant(&place, table.cell(&place, when)?)?;
        let at = time(&place, seconds - *zero.get_or_insert(seconds) + FAR)?;
        let count = |column| {
            let cell = table.cell(&place, column)?.trim();
            cell.parse::<u32>().map_err(|_| {
                Error(format!(
                    "{place}: expected a number of tokens, found {}",
                    shortened(cell)
                ))
            })
        };
        let (input, output) = (count(context)?, count(generated)?);
        let part = Part {
            seed: OWN | number,
            tokens: input.saturating_sub(overhead).max(1),
        };
        pile.add(&place, entry(&place, at, input, output, vec![part])?)?;
        number += 1;
    }
    Ok(())
}

/// Rows that come before the first one in the file are at most so far before it, in seconds.
const FAR: f64 = 86_400.0;

/// A trace's date and time in seconds: `2023-11-16 18:17:03.9799600`, with or without an offset.
fn instant(place: &str, cell: &str) -> Result<f64, Error> {
    let text = cell.trim();
    let stamp = text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok();
    let utc = |at: jiff::civil::DateTime| at.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let stamp = stamp.or_else(|| civil().and_then(utc).map(|at| at.timestamp()));
    let stamp = stamp.ok_or_else(|| {
        Error(format!(
            "{place}: expected a time such as 2023-11-16 18:17:03.9799600, found {}",
            shortened(text)
        ))
    })?;
    Ok(stamp.as_nanosecond() as f64 / 1e9)
}

fn time(place: &str, seconds: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error(format!("{place}: {seconds} s is no time of a trace")))
}

fn entry(
    place: &str,
    at: Duration,
    input: u32,
    output: u32,
    parts: Vec<Part>,
) -> Result<Entry, Error> {
    Ok(Entry {
        text: Text::Drawn(parts),
        input_tokens: Some(tokens(place, "the length of a prompt", Some(input.into()))?),
        output_tokens: Some(tokens(
            place,
            "the length of an answer",
            Some(output.max(1).into()),
        )?),
        at: Some(at),
        body: serde_json::Map::new(),
    })
}

/// One part for each block: equal hashes give equal text. What the server adds is taken from the end.
fn blocks(row: &Row, own: u64, overhead: u32) -> Vec<Part> {
    let mut left = row.input_length.saturating_sub(overhead).max(1);
    let mut parts = Vec::new();
    for seed in row.hash_ids.iter().copied() {
        let tokens = left.min(BLOCK);
        if tokens == 0 {
            break;
        }
        parts.push(Part { seed, tokens });
        left -= tokens;
    }
    if left > 0 {
        parts.push(Part {
            seed: own,
            tokens: left,
        });
    }
    parts
}
