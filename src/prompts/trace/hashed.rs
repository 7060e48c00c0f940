//! Traces in JSON whose rows say by `hash_ids` what prompts have in common: Mooncake's and Bailian's.

use super::{OWN, entry, room, time};
use crate::plan::prompts::{Entry, Segment};
use crate::prompts::Error;
use crate::prompts::fields::stray;
use crate::prompts::json::{Row, each_row};
use crate::prompts::lines::shortened;
use crate::prompts::pile::{Bad, Pile};
use crate::scenario::mistake::nearest;
use crate::scenario::model::{TraceFile, TraceFormat};
use serde_json::{Map, Value};
use std::path::Path;

/// What a row looks like.
const EXPECTED: &str = "a row such as {\"timestamp\": ..., \"input_length\": ..., \"output_length\": ..., \"hash_ids\": [...]}";

/// Keys that both formats have.
const KEYS: [&str; 4] = ["timestamp", "input_length", "output_length", "hash_ids"];
/// Keys that only Bailian's rows have. They say which chat a request belongs to; its text is told by the hashes.
const BAILIAN: [&str; 4] = ["chat_id", "parent_chat_id", "type", "turn"];
/// Keys beside Mooncake's own that say no more than which session a request belongs to.
const MOONCAKE: [&str; 2] = ["session_id", "request_id"];

/// How a format is read.
struct Format<'a> {
    name: &'static str,
    /// Its times' unit, in seconds.
    unit: f64,
    /// Tokens that one hash stands for.
    block: u32,
    /// Keys that are left alone.
    beside: &'static [&'static str],
    ignore: &'a [String],
    is_mooncake: bool,
}

impl<'a> Format<'a> {
    fn of(format: TraceFormat, trace: &'a TraceFile) -> Self {
        let is_mooncake = format == TraceFormat::Mooncake;
        let (name, unit, block, beside) = if is_mooncake {
            ("Mooncake's", 1e-3, 512, &MOONCAKE[..])
        } else {
            ("Bailian's", 1.0, 16, &BAILIAN[..])
        };
        Self {
            name,
            unit,
            block: trace.block_tokens.unwrap_or(block),
            beside,
            ignore: &trace.ignore,
            is_mooncake,
        }
    }
}

/// The format that the first row has.
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
    pile: &mut Pile,
) -> Result<(), Error> {
    let format = Format::of(format, trace);
    let (mut number, mut last) = (0, 0.0);
    each_row(file, EXPECTED, &mut |place, row| {
        number += 1;
        let read = row
            .and_then(|row| row.object(EXPECTED))
            .and_then(|row| format.entry(&row, last, OWN | number, overhead));
        if let Ok(entry) = &read {
            last = entry.at.map_or(last, |at| at.as_secs_f64());
        }
        pile.row(place, read)
    })
}

impl Format<'_> {
    fn entry(
        &self,
        row: &Map<String, Value>,
        last: f64,
        own: u64,
        overhead: u32,
    ) -> Result<Entry, Bad> {
        self.check_keys(row)?;
        let at = self.time(row)?;
        let at_time = time(at)?;
        // Both say when a request came after the first, in the order in which they came.
        if at_time.as_secs_f64() < last {
            return Err(Bad(format!(
                "`timestamp` {} is before that of the row above; {} rows are in the order of their time",
                row["timestamp"], self.name
            )));
        }
        let [input, output] = ["input_length", "output_length"].map(|key| count(row, key));
        let (input, output) = (input?, output?);
        let segments = match row.get("hash_ids") {
            None | Some(Value::Null) => vec![Segment {
                seed: own,
                tokens: room(input, overhead),
            }],
            Some(hashes) => self.blocks(&ids(hashes)?, input, overhead)?,
        };
        entry(at_time, input, output, segments)
    }

    fn check_keys(&self, row: &Map<String, Value>) -> Result<(), Bad> {
        let has = |key: &str| row.contains_key(key) && !self.ignore.iter().any(|i| i == key);
        if self.is_mooncake && has("delay") {
            return Err(Bad("`delay` is the pause after the answer before it in its session, which is known only when that has come; give every row a `timestamp` in ms instead".into()));
        }
        for key in row.keys() {
            let is_known = KEYS.contains(&key.as_str())
                || self.beside.contains(&key.as_str())
                || self.ignore.contains(key);
            if is_known {
                continue;
            }
            let name = self.name;
            if BAILIAN.contains(&key.as_str()) {
                return Err(Bad(format!(
                    "`{key}` is a key of Bailian's format in a row of {name}, and the rows of a trace have one format; name it with `trace: {{file: ..., format: bailian}}`"
                )));
            }
            let known = KEYS.into_iter().chain(self.beside.iter().copied());
            let what = format!("key of {name} format");
            return Err(stray(&what, key, known));
        }
        Ok(())
    }

    /// When a request came, in seconds.
    fn time(&self, row: &Map<String, Value>) -> Result<f64, Bad> {
        let Some(value) = row.get("timestamp") else {
            return Err(missing(row, "timestamp"));
        };
        let found = value.as_f64().filter(|at| at.is_finite() && *at >= 0.0);
        let Some(at) = found else {
            return Err(Bad(format!(
                "`timestamp` must be a number from 0, found {}",
                shortened(&value.to_string())
            )));
        };
        if self.is_mooncake && at.fract() != 0.0 {
            return Err(Bad(format!(
                "`timestamp` is {at}, and Mooncake's times are whole milliseconds; are these seconds, as in Bailian's format (`trace: {{file: ..., format: bailian}}`)?"
            )));
        }
        // Both count from the beginning of the trace; a time since 1970 gives its unit away.
        let unix = if self.is_mooncake {
            (1e9..1e10).contains(&at).then_some("s")
        } else {
            (at >= 1e11).then_some("ms")
        };
        if let Some(unit) = unix {
            let own = if self.is_mooncake { "ms" } else { "s" };
            return Err(Bad(format!(
                "`timestamp` {at} looks like a time in {unit} since 1970, and {} times are in {own}",
                self.name
            )));
        }
        Ok(at * self.unit)
    }

    /// One segment for each block: equal hashes give equal text. What the server adds is taken from the end.
    fn blocks(&self, hashes: &[u64], input: u64, overhead: u32) -> Result<Vec<Segment>, Bad> {
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
            return Err(Bad(format!(
                "{} `hash_ids` for an `input_length` of {input}, and {} blocks of {} tokens make {blocks}{advice}",
                hashes.len(),
                self.name,
                self.block
            )));
        }
        let mut left = room(input, overhead);
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

fn missing(row: &Map<String, Value>, key: &str) -> Bad {
    let meant = nearest(key, row.keys().map(String::as_str));
    let meant = meant.map_or(String::new(), |meant| {
        format!("; is it what `{}` says?", shortened(meant))
    });
    Bad(format!(
        "missing field `{key}`, found {}{meant}",
        shortened(&Value::Object(row.clone()).to_string())
    ))
}

/// A number of tokens, above zero.
fn count(row: &Map<String, Value>, key: &str) -> Result<u64, Bad> {
    let Some(value) = row.get(key) else {
        return Err(missing(row, key));
    };
    value.as_u64().filter(|n| *n > 0).ok_or_else(|| {
        Bad(format!(
            "`{key}` must be a number of tokens from 1, found {}",
            shortened(&value.to_string())
        ))
    })
}

/// The hashes of a prompt's blocks.
fn ids(value: &Value) -> Result<Vec<u64>, Bad> {
    let wrong = |found: &Value| {
        Bad(format!(
            "`hash_ids` must be a list of whole numbers from 0, found {}",
            shortened(&found.to_string())
        ))
    };
    let Value::Array(list) = value else {
        return Err(wrong(value));
    };
    // The upper half of seeds is for text that no hash stands for.
    let id = |item: &Value| item.as_u64().map(|id| id & !OWN).ok_or_else(|| wrong(item));
    list.iter().map(id).collect()
}
