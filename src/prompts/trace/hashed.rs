//! Reads traces in JSON, whose `hash_ids` describe the prefixes that prompts share: Mooncake's and Bailian's.

use super::{UNSHARED, entry, text_tokens, time};
use crate::plan::prompts::{Entry, Segment};
use crate::prompts::Error;
use crate::prompts::collector::{BadRow, Collector};
use crate::prompts::fields::unknown_name;
use crate::prompts::json::{Row, each_row};
use crate::prompts::lines::shortened;
use crate::scenario::mistake::nearest;
use crate::scenario::model::{TraceFile, TraceFormat};
use serde_json::{Map, Value};
use std::path::Path;

/// Description of a row, for messages.
const EXPECTED: &str = "a row such as {\"timestamp\": ..., \"input_length\": ..., \"output_length\": ..., \"hash_ids\": [...]}";

/// Keys that both formats have.
const KEYS: [&str; 4] = ["timestamp", "input_length", "output_length", "hash_ids"];
/// Keys that only Bailian's rows have. They name the chat of a request. They are ignored, because the hashes describe
/// the text.
const BAILIAN: [&str; 4] = ["chat_id", "parent_chat_id", "type", "turn"];
/// Additional keys of Mooncake's rows, which only name the session of a request. They are ignored.
const MOONCAKE: [&str; 2] = ["session_id", "request_id"];

/// The properties of a format.
struct Format<'a> {
    name: &'static str,
    /// Unit of the times, in seconds.
    unit: f64,
    /// Number of tokens that one hash stands for.
    block: u32,
    /// Keys that are ignored.
    ignored: &'static [&'static str],
    ignore: &'a [String],
    is_mooncake: bool,
}

impl<'a> Format<'a> {
    fn of(format: TraceFormat, trace: &'a TraceFile) -> Self {
        let is_mooncake = format == TraceFormat::Mooncake;
        let (name, unit, block, ignored) = if is_mooncake {
            ("Mooncake's", 1e-3, 512, &MOONCAKE[..])
        } else {
            ("Bailian's", 1.0, 16, &BAILIAN[..])
        };
        Self {
            name,
            unit,
            block: trace.block_tokens.unwrap_or(block),
            ignored,
            ignore: &trace.ignore,
            is_mooncake,
        }
    }
}

/// Detects the format from the first row.
pub(super) fn recognise(file: &Path, ignore: &[String]) -> Result<TraceFormat, Error> {
    let mut format = TraceFormat::Mooncake;
    each_row(file, EXPECTED, &mut |_, row| {
        let Ok(Row::Object(row, _)) = row else {
            return Ok(true);
        };
        let is_own =
            |key: &&'static str| row.contains_key(*key) && !ignore.iter().any(|i| i == key);
        if BAILIAN.iter().any(is_own) {
            format = TraceFormat::Bailian;
        }
        Ok(false)
    })?;
    Ok(format)
}

pub(super) fn read(
    file: &Path,
    trace: &TraceFile,
    format: TraceFormat,
    overhead: u32,
    collector: &mut Collector,
) -> Result<(), Error> {
    let format = Format::of(format, trace);
    let (mut number, mut last) = (0, 0.0);
    each_row(file, EXPECTED, &mut |place, row| {
        number += 1;
        let read = row
            .and_then(|row| row.object(EXPECTED))
            .and_then(|row| format.entry(&row, last, UNSHARED | number, overhead));
        if let Ok(entry) = &read {
            last = entry.at.map_or(last, |at| at.as_secs_f64());
        }
        collector.row(place, read)
    })
}

impl Format<'_> {
    fn entry(
        &self,
        row: &Map<String, Value>,
        last: f64,
        own: u64,
        overhead: u32,
    ) -> Result<Entry, BadRow> {
        self.check_keys(row)?;
        let at = self.time(row)?;
        let at_time = time(at)?;
        // In both formats, rows are sorted by their arrival times.
        if at_time.as_secs_f64() < last {
            return Err(BadRow(format!(
                "`timestamp` {} is earlier than that of the previous row, but {} rows must be sorted by time",
                row["timestamp"], self.name
            )));
        }
        let [input, output] = ["input_length", "output_length"].map(|key| count(row, key));
        let (input, output) = (input?, output?);
        let segments = match row.get("hash_ids") {
            None | Some(Value::Null) => vec![Segment {
                seed: own,
                tokens: text_tokens(input, overhead),
            }],
            Some(hashes) => self.blocks(&ids(hashes)?, input, overhead)?,
        };
        entry(at_time, input, output, segments)
    }

    fn check_keys(&self, row: &Map<String, Value>) -> Result<(), BadRow> {
        let has = |key: &str| row.contains_key(key) && !self.ignore.iter().any(|i| i == key);
        if self.is_mooncake && has("delay") {
            return Err(BadRow("`delay` is the pause after the previous answer of the session, which is not known in advance; give every row a `timestamp` in ms instead".into()));
        }
        for key in row.keys() {
            let is_known = KEYS.contains(&key.as_str())
                || self.ignored.contains(&key.as_str())
                || self.ignore.contains(key);
            if is_known {
                continue;
            }
            let name = self.name;
            if BAILIAN.contains(&key.as_str()) {
                return Err(BadRow(format!(
                    "`{key}` is a key of Bailian's format in a row of {name}, but all rows of a trace have the same format; name it with `trace: {{file: ..., format: bailian}}`"
                )));
            }
            let known = KEYS.into_iter().chain(self.ignored.iter().copied());
            let what = format!("key of {name} format");
            return Err(unknown_name(&what, key, known));
        }
        Ok(())
    }

    /// Arrival time of a request, in seconds.
    fn time(&self, row: &Map<String, Value>) -> Result<f64, BadRow> {
        let Some(value) = row.get("timestamp") else {
            return Err(missing(row, "timestamp"));
        };
        let found = value.as_f64().filter(|at| at.is_finite() && *at >= 0.0);
        let Some(at) = found else {
            return Err(BadRow(format!(
                "`timestamp` must be a number of at least 0, found {}",
                shortened(&value.to_string())
            )));
        };
        if self.is_mooncake && at.fract() != 0.0 {
            return Err(BadRow(format!(
                "`timestamp` is {at}, but Mooncake's times are whole milliseconds; are these seconds, as in Bailian's format (`trace: {{file: ..., format: bailian}}`)?"
            )));
        }
        // In both formats, times start with the trace. The size of a time since 1970 reveals its unit.
        let unix = if self.is_mooncake {
            (1e9..1e10).contains(&at).then_some("s")
        } else {
            (at >= 1e11).then_some("ms")
        };
        if let Some(unit) = unix {
            let own = if self.is_mooncake { "ms" } else { "s" };
            return Err(BadRow(format!(
                "`timestamp` {at} looks like a time in {unit} since 1970, but {} times are in {own}",
                self.name
            )));
        }
        Ok(at * self.unit)
    }

    /// One segment for each block, so that equal hashes give equal text. The tokens that the server adds are subtracted
    /// from the end.
    fn blocks(&self, hashes: &[u64], input: u64, overhead: u32) -> Result<Vec<Segment>, BadRow> {
        let blocks = input.div_ceil(self.block.into());
        if hashes.len() as u64 != blocks {
            let fits = |(_, block): &(&str, u32)| {
                *block != self.block && input.div_ceil((*block).into()) == hashes.len() as u64
            };
            let others = [
                ("`format: mooncake`", 512),
                ("`format: bailian`", 16),
                ("`block_tokens: 32`", 32),
                ("`block_tokens: 64`", 64),
                ("`block_tokens: 128`", 128),
                ("`block_tokens: 256`", 256),
                ("`block_tokens: 1024`", 1024),
            ];
            let advice = others.iter().find(|other| fits(other));
            let advice = advice.map_or(String::new(), |(name, block)| {
                format!("; blocks of {block} would fit: `trace: {{file: ...}}` with {name}")
            });
            return Err(BadRow(format!(
                "found {} `hash_ids` for an `input_length` of {input}, but {} blocks of {} tokens need {blocks}{advice}",
                hashes.len(),
                self.name,
                self.block
            )));
        }
        let mut left = text_tokens(input, overhead);
        let mut segments = Vec::new();
        for seed in hashes.iter().copied() {
            let tokens = left.min(self.block);
            if tokens == 0 {
                break;
            }
            segments.push(Segment { seed, tokens });
            left -= tokens;
        }
        Ok(segments)
    }
}

fn missing(row: &Map<String, Value>, key: &str) -> BadRow {
    let meant = nearest(key, row.keys().map(String::as_str));
    let meant = meant.map_or(String::new(), |meant| {
        format!("; does `{}` contain it?", shortened(meant))
    });
    BadRow(format!(
        "missing field `{key}`, found {}{meant}",
        shortened(&Value::Object(row.clone()).to_string())
    ))
}

/// Reads a number of tokens above zero.
fn count(row: &Map<String, Value>, key: &str) -> Result<u64, BadRow> {
    let Some(value) = row.get(key) else {
        return Err(missing(row, key));
    };
    value.as_u64().filter(|n| *n > 0).ok_or_else(|| {
        BadRow(format!(
            "`{key}` must be a number of tokens of at least 1, found {}",
            shortened(&value.to_string())
        ))
    })
}

/// Reads the hashes of a prompt's blocks.
fn ids(value: &Value) -> Result<Vec<u64>, BadRow> {
    let wrong = |found: &Value| {
        BadRow(format!(
            "`hash_ids` must be a list of whole numbers of at least 0, found {}",
            shortened(&found.to_string())
        ))
    };
    let Value::Array(list) = value else {
        return Err(wrong(value));
    };
    // Seeds in the upper half are for text without a hash.
    let id = |item: &Value| {
        item.as_u64()
            .map(|id| id & !UNSHARED)
            .ok_or_else(|| wrong(item))
    };
    list.iter().map(id).collect()
}
