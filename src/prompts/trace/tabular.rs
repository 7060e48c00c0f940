//! Traces in CSV, which say nothing of what prompts have in common: Azure's and BurstGPT's.

use super::{OWN, entry, room, time};
use crate::plan::prompts::{Entry, Segment};
use crate::prompts::Error;
use crate::prompts::fields::stray;
use crate::prompts::lines::shortened;
use crate::prompts::pile::{Bad, Pile};
use crate::prompts::table::Table;
use crate::scenario::model::TraceFile;
use std::path::Path;

/// Rows that come before the first one in the file are at most so far before it, in seconds.
const FAR: f64 = 86_400.0;

/// Why a row of BurstGPT's gives no request. The published files hold such rows.
const FAILED: &str = "their requests failed when they were recorded (0 response tokens)";

/// Columns of Azure's that are read.
const AZURE: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/// Columns of BurstGPT's that are read.
const BURSTGPT: [&str; 3] = ["Timestamp", "Request tokens", "Response tokens"];
/// Columns of BurstGPT's that are left alone: the model and the session are those of the recorded service.
const BESIDE: [&str; 4] = ["Model", "Log Type", "Session ID", "Elapsed time"];
/// The column that must be the sum of the two lengths.
const TOTAL: &str = "Total tokens";

pub(super) fn azure(
    file: &Path,
    trace: &TraceFile,
    overhead: u32,
    pile: &mut Pile,
) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    check_columns(&table, &AZURE, &[], trace)?;
    let [when, context, generated] = AZURE.map(|name| table.find(name));
    let (when, context, generated) = (when?, context?, generated?);
    let (mut number, mut zero) = (0, None);
    while !pile.is_full()
        && let Some((place, readable)) = table.next()?
    {
        let seed = OWN | number;
        number += 1;
        let read = readable.and_then(|()| {
            let seconds = instant(table.cell(when)?)?;
            let at = seconds - *zero.get_or_insert(seconds) + FAR;
            let [input, output] = [context, generated].map(|column| count(&table, column));
            request(at, input?, output?, seed, overhead)
        });
        pile.row(place, read)?;
    }
    Ok(())
}

pub(super) fn burstgpt(
    file: &Path,
    trace: &TraceFile,
    overhead: u32,
    pile: &mut Pile,
) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    let read = [&BURSTGPT[..], &[TOTAL]].concat();
    check_columns(&table, &read, &BESIDE, trace)?;
    let [when, request_tokens, response] = BURSTGPT.map(|name| table.find(name));
    let (when, request_tokens, response) = (when?, request_tokens?, response?);
    let total = table.position(TOTAL);
    let mut number = 0;
    while !pile.is_full()
        && let Some((place, readable)) = table.next()?
    {
        number += 1;
        let read = readable.and_then(|()| {
            let at = seconds(table.cell(when)?)?;
            let input = count(&table, request_tokens)?;
            let output = count(&table, response)?;
            if let Some(total) = total.map(|total| count(&table, total)).transpose()?
                && total != input.saturating_add(output)
            {
                return Err(Bad(format!(
                    "{input} request and {output} response tokens are not the {total} of `{TOTAL}`"
                )));
            }
            match output {
                0 => Ok(None),
                _ => request(at, input, output, OWN | number, overhead).map(Some),
            }
        });
        match read.transpose() {
            Some(read) => drop(pile.row(place, read)?),
            None => pile.tally.leave_out(FAILED),
        }
    }
    Ok(())
}

fn request(at: f64, input: u64, output: u64, seed: u64, overhead: u32) -> Result<Entry, Bad> {
    let tokens = room(input, overhead);
    entry(time(at)?, input, output, vec![Segment { seed, tokens }])
}

/// That all columns of a trace are known.
fn check_columns(
    table: &Table<'_>,
    read: &[&str],
    beside: &[&str],
    trace: &TraceFile,
) -> Result<(), Error> {
    for name in table.names() {
        let is_known = |known: &[&str]| known.contains(&name.as_str());
        if is_known(read) || is_known(beside) || trace.ignore.contains(name) || name.is_empty() {
            continue;
        }
        let known = read.iter().chain(beside).copied();
        return Err(table.wrong_column(stray("column", name, known)));
    }
    Ok(())
}

/// A number of tokens, which some tools write with a decimal point.
fn count(table: &Table<'_>, column: usize) -> Result<u64, Bad> {
    let cell = table.cell(column)?.trim();
    let whole = cell.strip_suffix(".0").unwrap_or(cell);
    whole.parse().map_err(|_| {
        Bad(format!(
            "expected a number of tokens in `{}`, found {}",
            shortened(&table.names()[column]),
            shortened(cell)
        ))
    })
}

fn seconds(cell: &str) -> Result<f64, Bad> {
    let found = cell.trim().parse::<f64>().ok();
    found
        .filter(|at| at.is_finite() && *at >= 0.0)
        .ok_or_else(|| {
            Bad(format!(
                "expected a time in seconds from 0, found {}",
                shortened(cell)
            ))
        })
}

/// A trace's date and time in seconds: `2023-11-16 18:17:03.9799600`, with or without an offset.
fn instant(cell: &str) -> Result<f64, Bad> {
    let text = cell.trim();
    let stamp = text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok();
    let utc = |at: jiff::civil::DateTime| at.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let stamp = stamp.or_else(|| civil().and_then(utc).map(|at| at.timestamp()));
    let stamp = stamp.ok_or_else(|| {
        Bad(format!(
            "expected a time such as 2023-11-16 18:17:03.9799600, found {}",
            shortened(text)
        ))
    })?;
    Ok(stamp.as_nanosecond() as f64 / 1e9)
}
