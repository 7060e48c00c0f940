//! Reads traces in CSV, which do not describe shared prefixes: Azure's and BurstGPT's.

use super::{UNSHARED, entry, text_tokens, time};
use crate::plan::prompts::{Entry, Segment};
use crate::prompts::Error;
use crate::prompts::collector::{BadRow, Collector};
use crate::prompts::fields::unknown_name;
use crate::prompts::lines::shortened;
use crate::prompts::table::Table;
use crate::scenario::model::TraceFile;
use std::path::Path;

/// Rows may be at most this much earlier than the first row of the file, in seconds.
const FAR: f64 = 86_400.0;

/// Reason why a row of BurstGPT's gives no request. The published files contain such rows.
const FAILED: &str = "their requests failed when they were recorded (0 response tokens)";

/// Columns of Azure's format that are read.
const AZURE: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/// Columns of BurstGPT's format that are read.
const BURSTGPT: [&str; 3] = ["Timestamp", "Request tokens", "Response tokens"];
/// Columns of BurstGPT's format that are ignored, because they describe the recorded service.
const METADATA: [&str; 4] = ["Model", "Log Type", "Session ID", "Elapsed time"];
/// The column that must be the sum of the two lengths.
const TOTAL: &str = "Total tokens";

pub(super) fn azure(
    file: &Path,
    trace: &TraceFile,
    overhead: u32,
    collector: &mut Collector,
) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    check_columns(&table, &AZURE, &[], trace)?;
    let [when, context, generated] = AZURE.map(|name| table.find(name));
    let (when, context, generated) = (when?, context?, generated?);
    let (mut number, mut zero) = (0, None);
    while !collector.is_full()
        && let Some((place, readable)) = table.next()?
    {
        let seed = UNSHARED | number;
        number += 1;
        let read = readable.and_then(|()| {
            let seconds = instant(table.cell(when)?)?;
            let at = seconds - *zero.get_or_insert(seconds) + FAR;
            let [input, output] = [context, generated].map(|column| count(&table, column));
            request(at, input?, output?, seed, overhead)
        });
        collector.row(place, read)?;
    }
    Ok(())
}

pub(super) fn burstgpt(
    file: &Path,
    trace: &TraceFile,
    overhead: u32,
    collector: &mut Collector,
) -> Result<(), Error> {
    let mut table = Table::open(file)?;
    let read = [&BURSTGPT[..], &[TOTAL]].concat();
    check_columns(&table, &read, &METADATA, trace)?;
    let [when, request_tokens, response] = BURSTGPT.map(|name| table.find(name));
    let (when, request_tokens, response) = (when?, request_tokens?, response?);
    let total = table.position(TOTAL);
    let mut number = 0;
    while !collector.is_full()
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
                return Err(BadRow(format!(
                    "{input} request tokens and {output} response tokens do not add up to the {total} of `{TOTAL}`"
                )));
            }
            match output {
                0 => Ok(None),
                _ => request(at, input, output, UNSHARED | number, overhead).map(Some),
            }
        });
        match read.transpose() {
            Some(read) => drop(collector.row(place, read)?),
            None => collector.tally.leave_out(FAILED),
        }
    }
    Ok(())
}

fn request(at: f64, input: u64, output: u64, seed: u64, overhead: u32) -> Result<Entry, BadRow> {
    let tokens = text_tokens(input, overhead);
    entry(time(at)?, input, output, vec![Segment { seed, tokens }])
}

/// Checks that all columns of a trace are known.
fn check_columns(
    table: &Table<'_>,
    read: &[&str],
    ignored: &[&str],
    trace: &TraceFile,
) -> Result<(), Error> {
    for name in table.names() {
        let is_known = |known: &[&str]| known.contains(&name.as_str());
        if is_known(read) || is_known(ignored) || trace.ignore.contains(name) || name.is_empty() {
            continue;
        }
        let known = read.iter().chain(ignored).copied();
        return Err(table.wrong_column(unknown_name("column", name, known)));
    }
    Ok(())
}

/// Reads a number of tokens, which some tools write with a decimal point.
fn count(table: &Table<'_>, column: usize) -> Result<u64, BadRow> {
    let cell = table.cell(column)?.trim();
    let whole = cell.strip_suffix(".0").unwrap_or(cell);
    whole.parse().map_err(|_| {
        BadRow(format!(
            "expected a number of tokens in `{}`, found {}",
            shortened(&table.names()[column]),
            shortened(cell)
        ))
    })
}

fn seconds(cell: &str) -> Result<f64, BadRow> {
    let found = cell.trim().parse::<f64>().ok();
    found
        .filter(|at| at.is_finite() && *at >= 0.0)
        .ok_or_else(|| {
            BadRow(format!(
                "expected a time in seconds of at least 0, found {}",
                shortened(cell)
            ))
        })
}

/// Reads a date and time, with or without an offset, as seconds: `2023-11-16 18:17:03.9799600`.
fn instant(cell: &str) -> Result<f64, BadRow> {
    let text = cell.trim();
    let stamp = text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok();
    let utc = |at: jiff::civil::DateTime| at.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let stamp = stamp.or_else(|| civil().and_then(utc).map(|at| at.timestamp()));
    let stamp = stamp.ok_or_else(|| {
        BadRow(format!(
            "expected a time such as 2023-11-16 18:17:03.9799600, found {}",
            shortened(text)
        ))
    })?;
    Ok(stamp.as_nanosecond() as f64 / 1e9)
}
