//! Conversations as ShareGPT has them: a JSON list, or one a line, of `{"conversations": [{"from": "human", "value": "..."},
//! ...]}` (<https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered>). Published files are not tidy: there are
//! conversations that are empty or begin with the model's words.

use super::Error;
use super::fields::{IGNORED, stray};
use super::json::{Row, each_row};
use super::lines::shortened;
use super::pile::{Bad, Pile, Tally, check_bytes};
use super::row::with_system;
use crate::plan::prompts::{Entry, Script, Text};
use crate::scenario::mistake::nearest;
use crate::scenario::model::{ApiEndpoint, DataFile};
use serde_json::{Map, Value};
use std::path::Path;

/// What a row looks like.
const EXPECTED: &str =
    "conversations such as {\"conversations\": [{\"from\": \"human\", \"value\": \"...\"}]}";
/// Why a conversation gives no prompt.
const SILENT: &str = "no human says anything in them";

/// Keys of the list of what was said.
const SAID: [&str; 4] = ["conversations", "conversation", "messages", "items"];
/// Keys of a system prompt beside that list.
const SYSTEM: [&str; 2] = ["system", "system_prompt"];
/// Keys beside them that published files have, and that are left alone.
pub(super) const BESIDE: [&str; 21] = [
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
/// Keys of what was said that are left alone.
const OF_TURNS: [&str; 17] = [
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
/// Others than the user; what they say is left out but for the system.
const OTHERS: [&str; 13] = [
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

/// The first thing that a human says in each.
pub(super) fn first_turns(
    file: &Path,
    data: &DataFile,
    api: ApiEndpoint,
    pile: &mut Pile,
) -> Result<(), Error> {
    each_row(file, EXPECTED, &mut |place, row| {
        let script = row.and_then(|row| script(row, &data.ignore));
        let entry = script.and_then(|script| first(script, api));
        match entry.transpose() {
            Some(entry) => pile.row(place, entry),
            None => {
                pile.tally.leave_out(SILENT);
                Ok(true)
            }
        }
    })?;
    pile.tally.check(file)
}

fn first(script: Script, api: ApiEndpoint) -> Result<Option<Entry>, Bad> {
    let Some(text) = script.user.into_iter().next().map(Text::Written) else {
        return Ok(None);
    };
    let text = match script.system {
        Some(system) => with_system(api, &system, text)?,
        None => text,
    };
    Ok(Some(Entry::of(text)))
}

/// All that humans say, of `most` conversations and `turns` of each.
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
            Ok(script) if script.user.is_empty() => tally.leave_out(SILENT),
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

/// What the user and the system say in a conversation.
fn script(row: Row, ignore: &[String]) -> Result<Script, Bad> {
    let mut row = row.object(EXPECTED)?;
    let mut said = None;
    for key in SAID {
        match row.shift_remove(key) {
            Some(_) if said.is_some() => {
                return Err(Bad(format!(
                    "this row has several of {}; keep one",
                    SAID.join(", ")
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
                return Err(Bad(format!(
                    "`{key}` must be text, found {}",
                    shortened(&other.to_string())
                )));
            }
        }
    }
    let known = SAID.iter().chain(&SYSTEM).copied();
    check_keys(&row, known, &[&IGNORED, &BESIDE], ignore)?;
    let Some((key, said)) = said else {
        return Err(Bad(format!(
            "expected {EXPECTED}, found {}",
            shortened(&Value::Object(row).to_string())
        )));
    };
    let Value::Array(said) = said else {
        return Err(Bad(format!(
            "expected {EXPECTED}, found {} as `{key}`",
            shortened(&said.to_string())
        )));
    };
    for (at, turn) in said.into_iter().enumerate() {
        hear(&mut script, turn, ignore)
            .map_err(|Bad(why)| Bad(format!("turn {}: {why}", at + 1)))?;
    }
    Ok(script)
}

/// Takes one turn.
fn hear(script: &mut Script, turn: Value, ignore: &[String]) -> Result<(), Bad> {
    let Value::Object(mut turn) = turn else {
        return Err(Bad(format!(
            "expected {{\"from\": \"human\", \"value\": \"...\"}}, found {}",
            shortened(&turn.to_string())
        )));
    };
    let mut either = |a: &str, b: &str| turn.shift_remove(a).or_else(|| turn.shift_remove(b));
    let (from, value) = (either("from", "role"), either("value", "content"));
    let known = ["from", "role", "value", "content"];
    check_keys(&turn, known.into_iter(), &[&OF_TURNS], ignore)?;
    let name = from.as_ref().and_then(Value::as_str).unwrap_or_default();
    if !USER.contains(&name) && !OTHERS.contains(&name) {
        let found = from
            .as_ref()
            .map_or("nothing".to_owned(), |from| shortened(&from.to_string()));
        let meant = nearest(name, USER.into_iter().chain(OTHERS));
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        return Err(Bad(format!(
            "`from` must say who speaks, such as `human`, `gpt` or `system`, found {found}{meant}"
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
        None => Err(Bad("this turn has no `value`".to_owned())),
        Some(other) => Err(Bad(format!(
            "`value` must be text, found {}; messages of several parts are read by `prompts: {{file: ...}}`",
            shortened(&other.to_string())
        ))),
    }
}

fn add_system(script: &mut Script, text: &str) -> Result<(), Bad> {
    match &script.system {
        _ if text.trim().is_empty() => {}
        Some(known) if known != text => {
            return Err(Bad(
                "this conversation has two system prompts; keep one of them".into(),
            ));
        }
        _ => script.system = Some(text.to_owned()),
    }
    Ok(())
}

/// Notes the first key that is neither used nor left alone.
fn check_keys<'k>(
    row: &Map<String, Value>,
    known: impl Iterator<Item = &'k str>,
    ignored: &[&[&str]],
    ignore: &[String],
) -> Result<(), Bad> {
    let is_ignored = |key: &&String| {
        ignore.contains(key) || ignored.iter().any(|list| list.contains(&key.as_str()))
    };
    let Some(key) = row.keys().find(|key| !is_ignored(key)) else {
        return Ok(());
    };
    Err(stray("key", key, known))
}
