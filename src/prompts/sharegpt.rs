//! Reads conversations in ShareGPT's format: a JSON list, or one per line, of `{"conversations": [{"from": "human",
//! "value": "..."}, ...]}` (<https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered>). Published files
//! contain conversations that are empty or start with the model.

use super::Error;
use super::collector::{BadRow, Collector, Tally, check_bytes};
use super::fields::{IGNORED, unknown_name};
use super::json::{Row, each_row};
use super::lines::shortened;
use super::row::with_system;
use crate::plan::prompts::{Entry, Script, Text};
use crate::scenario::mistake::nearest;
use crate::scenario::model::{ApiEndpoint, DataFile};
use serde_json::{Map, Value};
use std::path::Path;

/// Description of a row, for messages.
const EXPECTED: &str =
    "conversations such as {\"conversations\": [{\"from\": \"human\", \"value\": \"...\"}]}";
/// Reason why a conversation gives no prompt.
const NO_USER_TURN: &str = "they have no message from a human";

/// Keys of the list of turns.
const TURN_LISTS: [&str; 4] = ["conversations", "conversation", "messages", "items"];
/// Keys of a system prompt next to that list.
const SYSTEM: [&str; 2] = ["system", "system_prompt"];
/// Keys of metadata in published files. They are ignored.
pub(super) const METADATA: [&str; 21] = [
    "model",
    "model_name",
    "tools",
    "hash",
    "conversation_id",
    "conversation_hash",
    "timestamp",
    "turn",
    "turns",
    "openai_moderation",
    "detoxify_moderation",
    "toxic",
    "redacted",
    "state",
    "country",
    "hashed_ip",
    "header",
    "score",
    "views",
    "avatarUrl",
    "topic",
];
/// Keys of metadata in turns. They are ignored.
const TURN_METADATA: [&str; 17] = [
    "text",
    "markdown",
    "weight",
    "loss",
    "hash",
    "name",
    "id",
    "timestamp",
    "language",
    "redacted",
    "toxic",
    "turn_identifier",
    "country",
    "state",
    "header",
    "hashed_ip",
    "tool_calls",
];
const USER: [&str; 2] = ["human", "user"];
/// Speakers other than the user. Their messages are ignored, except those of `system`.
const OTHER_SPEAKERS: [&str; 13] = [
    "system",
    "gpt",
    "assistant",
    "chatgpt",
    "model",
    "bing",
    "bard",
    "tool",
    "function",
    "function_call",
    "function_response",
    "observation",
    "tool_response",
];

/// Reads the first message of the user in each conversation.
pub(super) fn first_turns(
    file: &Path,
    data: &DataFile,
    api: ApiEndpoint,
    collector: &mut Collector,
) -> Result<(), Error> {
    each_row(file, EXPECTED, &mut |place, row| {
        let script = row.and_then(|row| script(row, &data.ignore));
        let entry = script.and_then(|script| first(script, api));
        match entry.transpose() {
            Some(entry) => collector.row(place, entry),
            None => {
                collector.tally.leave_out(NO_USER_TURN);
                Ok(true)
            }
        }
    })?;
    collector.tally.check(file)
}

fn first(script: Script, api: ApiEndpoint) -> Result<Option<Entry>, BadRow> {
    let Some(text) = script.user.into_iter().next().map(Text::Written) else {
        return Ok(None);
    };
    let text = match script.system {
        Some(system) => with_system(api, &system, text)?,
        None => text,
    };
    Ok(Some(Entry::of(text)))
}

/// Reads all messages of the user, from at most `most` conversations and `turns` turns of each.
pub(super) fn all_turns(
    file: &Path,
    data: &DataFile,
    most: usize,
    turns: u32,
) -> Result<(Vec<Script>, Tally), Error> {
    let mut all: Vec<Script> = Vec::new();
    let mut tally = Tally::new(data.on_bad_row);
    let mut bytes = 0;
    each_row(file, EXPECTED, &mut |place, row| {
        match row.and_then(|row| script(row, &data.ignore)) {
            Err(bad) => tally.bad(place, bad)?,
            Ok(script) if script.user.is_empty() => tally.leave_out(NO_USER_TURN),
            Ok(mut script) => {
                script.user.truncate(turns as usize);
                let said = script.user.iter().chain(&script.system);
                bytes += said.map(String::len).sum::<usize>();
                check_bytes(place, bytes)?;
                tally.used();
                all.push(script);
            }
        }
        Ok(all.len() < most)
    })?;
    tally.check(file)?;
    Ok((all, tally))
}

/// The messages of the user and the system in a conversation.
fn script(row: Row, ignore: &[String]) -> Result<Script, BadRow> {
    let mut row = row.object(EXPECTED)?;
    let mut said = None;
    for key in TURN_LISTS {
        match row.shift_remove(key) {
            Some(_) if said.is_some() => {
                return Err(BadRow(format!(
                    "this row has several of {}; keep one",
                    TURN_LISTS.join(", ")
                )));
            }
            Some(found) => said = Some((key, found)),
            None => {}
        }
    }
    let mut script = Script::default();
    for key in SYSTEM {
        match row.shift_remove(key) {
            Some(Value::String(text)) => add_system(&mut script, &text)?,
            None | Some(Value::Null) => {}
            Some(other) => {
                return Err(BadRow(format!(
                    "`{key}` must be text, found {}",
                    shortened(&other.to_string())
                )));
            }
        }
    }
    let known = TURN_LISTS.iter().chain(&SYSTEM).copied();
    check_keys(&row, known, &[&IGNORED, &METADATA], ignore)?;
    let Some((key, said)) = said else {
        return Err(BadRow(format!(
            "expected {EXPECTED}, found {}",
            shortened(&Value::Object(row).to_string())
        )));
    };
    let Value::Array(said) = said else {
        return Err(BadRow(format!(
            "expected {EXPECTED}, found {} as `{key}`",
            shortened(&said.to_string())
        )));
    };
    for (at, turn) in said.into_iter().enumerate() {
        add_turn(&mut script, turn, ignore)
            .map_err(|BadRow(why)| BadRow(format!("turn {}: {why}", at + 1)))?;
    }
    Ok(script)
}

/// Adds one turn.
fn add_turn(script: &mut Script, turn: Value, ignore: &[String]) -> Result<(), BadRow> {
    let Value::Object(mut turn) = turn else {
        return Err(BadRow(format!(
            "expected {{\"from\": \"human\", \"value\": \"...\"}}, found {}",
            shortened(&turn.to_string())
        )));
    };
    let mut either = |a: &str, b: &str| turn.shift_remove(a).or_else(|| turn.shift_remove(b));
    let (from, value) = (either("from", "role"), either("value", "content"));
    let known = ["from", "role", "value", "content"];
    check_keys(&turn, known.into_iter(), &[&TURN_METADATA], ignore)?;
    let name = from.as_ref().and_then(Value::as_str).unwrap_or_default();
    if !USER.contains(&name) && !OTHER_SPEAKERS.contains(&name) {
        let found = from
            .as_ref()
            .map_or("nothing".to_owned(), |from| shortened(&from.to_string()));
        let meant = nearest(name, USER.into_iter().chain(OTHER_SPEAKERS));
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        return Err(BadRow(format!(
            "`from` must be a speaker such as `human`, `gpt` or `system`, found {found}{meant}"
        )));
    }
    let is_user = USER.contains(&name);
    if !is_user && name != "system" {
        return Ok(());
    }
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Ok(()),
        Some(Value::String(text)) if is_user => {
            script.user.push(text);
            Ok(())
        }
        Some(Value::String(text)) => add_system(script, &text),
        Some(Value::Null) => Ok(()),
        None => Err(BadRow("this turn has no `value`".to_owned())),
        Some(other) => Err(BadRow(format!(
            "`value` must be text, found {}; use `prompts: {{file: ...}}` for messages of several parts",
            shortened(&other.to_string())
        ))),
    }
}

fn add_system(script: &mut Script, text: &str) -> Result<(), BadRow> {
    match &script.system {
        _ if text.trim().is_empty() => {}
        Some(known) if known != text => {
            return Err(BadRow(
                "this conversation has two system prompts; keep one of them".into(),
            ));
        }
        _ => script.system = Some(text.to_owned()),
    }
    Ok(())
}

/// Reports the first key that is neither used nor ignored.
fn check_keys<'k>(
    row: &Map<String, Value>,
    known: impl Iterator<Item = &'k str>,
    ignored: &[&[&str]],
    ignore: &[String],
) -> Result<(), BadRow> {
    let is_ignored = |key: &&String| {
        ignore.contains(key) || ignored.iter().any(|list| list.contains(&key.as_str()))
    };
    let Some(key) = row.keys().find(|key| !is_ignored(key)) else {
        return Ok(());
    };
    Err(unknown_name("key", key, known))
}
