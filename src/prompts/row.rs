//! Reads a row of a prompt file: text, chat messages or token ids, with its own body fields; or a line of OpenAI's
//! batch format.

use super::Error;
use super::collector::{BadRow, Collector};
use super::fields::{Api, IGNORED, KEYS, is_known, of, unknown_key};
use super::json::{Row, each_row};
use super::lines::{shortened, tokens};
use super::messages;
use crate::plan::prompts::{Entry, Text};
use crate::scenario::mistake::nearest;
use crate::scenario::model::{ApiEndpoint, DataFile};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// Description of a row, for messages.
const EXPECTED: &str = "a line such as {\"prompt\": \"...\"} or \"...\"";

/// Body fields that `output_tokens` sets.
const SET: [&str; 5] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "min_tokens",
    "ignore_eos",
];

/// Reads a JSONL file, or a JSON list, of rows.
pub(super) fn rows(
    file: &Path,
    data: &DataFile,
    api: Api,
    collector: &mut Collector,
) -> Result<(), Error> {
    each_row(file, EXPECTED, &mut |place, row| {
        collector.row(place, row.and_then(|row| read(row, api, &data.ignore)))
    })?;
    collector.tally.check(file)
}

fn read(row: Row, api: Api, ignore: &[String]) -> Result<Entry, BadRow> {
    if let Row::Other(Value::String(text)) = row {
        return Ok(Entry::written(text));
    }
    let row = row.object(EXPECTED)?;
    let shown = shortened(&Value::Object(row.clone()).to_string());
    let mut parts = RowParts::new(api);
    let ignored = |key: &str| ignore.iter().any(|own| own == key);
    if row.contains_key("conversations") && !ignored("conversations") {
        return Err(BadRow(
            "this row is a conversation in ShareGPT's format; read it with `prompts: {sharegpt: ...}`".into(),
        ));
    }
    let row = row.into_iter().filter(|(key, _)| !ignored(key));
    let (keys, others): (Vec<_>, Vec<_>) = row.partition(|(key, _)| KEYS.contains(&key.as_str()));
    for (key, value) in keys {
        parts.key(&key, value)?;
    }
    if parts.content.is_none() {
        // The key of the prompt may be misspelt. The nearest key is then suggested.
        let is_typo = |key: &&str| !is_known(key) && nearest(key, KEYS).is_some();
        let names = others.iter().map(|(key, _)| key.as_str());
        return match names.filter(|key| !IGNORED.contains(key)).find(is_typo) {
            Some(key) => Err(unknown_key(key, of(api.endpoint))),
            None => parts.entry(&shown),
        };
    }
    for (key, value) in others {
        if !IGNORED.contains(&key.as_str()) {
            parts.field(&key, value)?;
        }
    }
    parts.entry(&shown)
}

/// The parts of one row that were read so far.
pub(super) struct RowParts {
    api: Api,
    /// Key and value of the prompt.
    content: Option<(&'static str, Value)>,
    system: Option<String>,
    output_tokens: Option<u32>,
    at: Option<Duration>,
    body: Map<String, Value>,
    /// Whether the row is a line of the batch format, which needs a body.
    wants_body: bool,
}

impl RowParts {
    pub(super) fn new(api: Api) -> Self {
        Self {
            api,
            content: None,
            system: None,
            output_tokens: None,
            at: None,
            body: Map::new(),
            wants_body: false,
        }
    }

    /// A row with this text as its prompt.
    pub(super) fn written(api: Api, text: String) -> Self {
        Self {
            content: Some(("prompt", text.into())),
            ..Self::new(api)
        }
    }

    /// Adds a body field from the top level of the row.
    pub(super) fn field(&mut self, key: &str, value: Value) -> Result<(), BadRow> {
        self.api.take(&mut self.body, (key, value), false)
    }

    /// Adds the value of one of [`KEYS`], unless it is `null`.
    pub(super) fn key(&mut self, key: &str, value: Value) -> Result<(), BadRow> {
        match key {
            _ if value.is_null() => return Ok(()),
            "prompt" => self.content("prompt", value)?,
            "messages" => self.content("messages", value)?,
            "input" => self.content("input", value)?,
            "system" => match value {
                Value::String(text) => self.system = Some(text).filter(|t| !t.trim().is_empty()),
                other => {
                    return Err(BadRow(format!(
                        "`system` must be text, found {}",
                        shortened(&other.to_string())
                    )));
                }
            },
            "output_tokens" => {
                self.output_tokens = Some(tokens("`output_tokens`", value.as_u64())?);
            }
            "at" => {
                let seconds = value.as_f64();
                let at = seconds.and_then(|at| Duration::try_from_secs_f64(at).ok());
                self.at = Some(at.ok_or_else(|| {
                    BadRow("`at` must be the time in seconds since the first request".to_owned())
                })?);
            }
            "body" => self.nested(value)?,
            "method" if value != "POST" => {
                return Err(BadRow(format!(
                    "`method` is {}, but requests are sent with POST",
                    shortened(&value.to_string())
                )));
            }
            "url" => self.check_url(&value)?,
            _ => {}
        }
        self.wants_body |= matches!(key, "method" | "url");
        Ok(())
    }

    fn content(&mut self, key: &'static str, value: Value) -> Result<(), BadRow> {
        if let Some((known, _)) = &self.content {
            let message = if *known == key {
                format!("`{key}` is given twice; keep one of them")
            } else {
                format!("a row has either `{known}` or `{key}`; leave one of them out")
            };
            return Err(BadRow(message));
        }
        self.content = Some((key, value));
        Ok(())
    }

    /// Adds a map of body fields, which may have unlisted fields.
    fn nested(&mut self, value: Value) -> Result<(), BadRow> {
        let Value::Object(fields) = value else {
            return Err(BadRow(format!(
                "`body` must be a map of body fields, found {}",
                shortened(&value.to_string())
            )));
        };
        for (key, value) in fields {
            match key.as_str() {
                "prompt" | "messages" | "input" if value.is_null() => {}
                "prompt" => self.content("prompt", value)?,
                "messages" => self.content("messages", value)?,
                "input" => self.content("input", value)?,
                key => self.api.take(&mut self.body, (key, value), true)?,
            }
        }
        Ok(())
    }

    /// Checks that a line of the batch format is for the endpoint of the scenario.
    fn check_url(&self, value: &Value) -> Result<(), BadRow> {
        let path = self.api.endpoint.path();
        let url = value.as_str().unwrap_or_default();
        let below = match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => url,
        };
        let below = below.trim_end_matches('/');
        let is = |path: &str| below == path || path.strip_prefix("/v1") == Some(below);
        if is(path) {
            return Ok(());
        }
        let all = [
            ApiEndpoint::Completions,
            ApiEndpoint::Chat,
            ApiEndpoint::Responses,
            ApiEndpoint::Embeddings,
        ];
        let meant = all.into_iter().find(|api| is(api.path()));
        let advice = match meant {
            Some(api) => format!("set `request: {{endpoint: {}}}`", api.name()),
            None => "correct it, or list `url` in `ignore` of the file".to_owned(),
        };
        Err(BadRow(format!(
            "`url` is {}, but the endpoint of this scenario is {path}; {advice}",
            shortened(&value.to_string())
        )))
    }

    /// The prompt of the row. `shown` is the start of the row, for messages.
    pub(super) fn entry(self, shown: &str) -> Result<Entry, BadRow> {
        let api = self.api.endpoint;
        let Some((key, value)) = self.content else {
            return Err(BadRow(match self.wants_body {
                true => format!(
                    "this line of the batch format has no prompt in its `body`, found {shown}"
                ),
                false => format!("expected {EXPECTED}, found {shown}"),
            }));
        };
        if let Some(tokens) = self.output_tokens {
            if let Some(set) = SET.iter().find(|set| self.body.contains_key(**set)) {
                return Err(BadRow(format!(
                    "`{set}` is set by `output_tokens: {tokens}`; leave one of them out"
                )));
            }
            if api == ApiEndpoint::Embeddings {
                return Err(BadRow(
                    "`output_tokens`: embeddings have no tokens to count; leave it out".into(),
                ));
            }
        }
        let text = text(api, key, value)?;
        let text = match self.system {
            Some(system) => with_system(api, &system, text)?,
            None => text,
        };
        Ok(Entry {
            output_tokens: self.output_tokens,
            at: self.at,
            body: self.body,
            ..Entry::of(text)
        })
    }
}

/// The content of a prompt: text, messages or token ids, as the API accepts them.
fn text(api: ApiEndpoint, key: &str, value: Value) -> Result<Text, BadRow> {
    let name = api.name();
    let is_chat = matches!(api, ApiEndpoint::Chat | ApiEndpoint::Responses);
    if key == "input" && matches!(api, ApiEndpoint::Completions | ApiEndpoint::Chat) {
        return Err(BadRow(format!(
            "`input` is a field of `responses` and `embeddings`; write `prompt`, or set `request: {{endpoint: ...}}` instead of `{name}`"
        )));
    }
    let list = match value {
        Value::String(text) if key != "messages" => return Ok(Text::Written(text)),
        Value::Array(list) => list,
        other => {
            let expected = match key {
                "messages" => {
                    "a list of messages such as {\"role\": \"user\", \"content\": \"...\"}"
                }
                _ => "text, a list of messages or a list of token ids",
            };
            return Err(BadRow(format!(
                "`{key}` must be {expected}, found {}",
                shortened(&other.to_string())
            )));
        }
    };
    let is_number = |item: &Value| item.is_number();
    match list.first() {
        Some(first) if is_number(first) && key != "messages" => {
            if is_chat {
                return Err(BadRow(format!(
                    "`{name}` accepts no token ids; set `request: {{endpoint: completions}}`"
                )));
            }
            numbers(key, &list).map(Text::Tokens)
        }
        Some(Value::Object(_)) if !is_chat => Err(BadRow(format!(
            "`{name}` accepts no messages; set `request: {{endpoint: chat}}`"
        ))),
        Some(Value::Object(_)) => messages::check(&list, api).map(|()| Text::Messages(list)),
        Some(Value::String(_) | Value::Array(_)) if key != "messages" => Err(BadRow(format!(
            "`{key}` is a list of prompts, but a row has only one; write a row for each, and set `request: {{prompts_per_request: {}}}` to send them together",
            list.len()
        ))),
        None if key != "messages" => Ok(Text::Written(String::new())),
        _ => Err(BadRow(format!(
            "`{key}` must be a list of messages such as {{\"role\": \"user\", \"content\": \"...\"}}, found {}",
            shortened(&Value::Array(list).to_string())
        ))),
    }
}

fn numbers(key: &str, list: &[Value]) -> Result<Vec<u32>, BadRow> {
    let number = |item: &Value| item.as_u64().and_then(|n| u32::try_from(n).ok());
    let wrong = |item: &Value| {
        BadRow(format!(
            "`{key}` must contain token ids, found {}",
            shortened(&item.to_string())
        ))
    };
    list.iter()
        .map(|item| number(item).ok_or_else(|| wrong(item)))
        .collect()
}

/// Adds a system message before a prompt.
pub(super) fn with_system(api: ApiEndpoint, system: &str, text: Text) -> Result<Text, BadRow> {
    if !matches!(api, ApiEndpoint::Chat | ApiEndpoint::Responses) {
        return Err(BadRow(format!(
            "this row has a system prompt, but `{}` accepts none; set `request: {{endpoint: chat}}`",
            api.name()
        )));
    }
    let first = json!({"role": "system", "content": system});
    match text {
        Text::Messages(said) => {
            let is_system =
                |message: &Value| matches!(message["role"].as_str(), Some("system" | "developer"));
            if said.iter().any(is_system) {
                return Err(BadRow(
                    "this row has both `system` and a system message; leave one of them out".into(),
                ));
            }
            Ok(Text::Messages([vec![first], said].concat()))
        }
        Text::Written(text) if text.trim().is_empty() => Ok(Text::Written(text)),
        Text::Written(text) => Ok(Text::Messages(vec![
            first,
            json!({"role": "user", "content": text}),
        ])),
        other @ (Text::Tokens(_) | Text::Generated(_)) => Ok(other),
    }
}
