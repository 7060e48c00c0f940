//! The keys that rows of prompt files may have: body fields of the APIs, and metadata that is ignored.

use super::collector::BadRow;
use super::lines::{shortened, tokens};
use crate::scenario::mistake::nearest;
use crate::scenario::model::ApiEndpoint;
use serde_json::{Map, Value};

/// APIs as bits.
const COMPLETIONS: u8 = 1;
const CHAT: u8 = 2;
const RESPONSES: u8 = 4;
const EMBEDDINGS: u8 = 8;
const BOTH: u8 = COMPLETIONS | CHAT;
const TEXT: u8 = BOTH | RESPONSES;
const ALL: u8 = TEXT | EMBEDDINGS;

/// Body fields that a row may have, and the APIs that accept them: OpenAI's fields, and those that vLLM and SGLang add.
pub(super) const FIELDS: &[(&str, u8)] = &[
    ("model", ALL),
    ("max_tokens", BOTH),
    ("max_completion_tokens", CHAT),
    ("max_output_tokens", RESPONSES),
    ("min_tokens", BOTH),
    ("ignore_eos", TEXT),
    ("n", BOTH),
    ("best_of", COMPLETIONS),
    ("temperature", TEXT),
    ("top_p", TEXT),
    ("top_k", TEXT),
    ("min_p", TEXT),
    ("seed", TEXT),
    ("stop", TEXT),
    ("stop_token_ids", TEXT),
    ("presence_penalty", TEXT),
    ("frequency_penalty", TEXT),
    ("repetition_penalty", TEXT),
    ("length_penalty", BOTH),
    ("logit_bias", TEXT),
    ("logprobs", BOTH),
    ("top_logprobs", CHAT | RESPONSES),
    ("prompt_logprobs", BOTH),
    ("echo", BOTH),
    ("suffix", COMPLETIONS),
    ("response_format", BOTH),
    ("structured_outputs", TEXT),
    ("guided_json", BOTH),
    ("guided_regex", BOTH),
    ("guided_choice", BOTH),
    ("guided_grammar", BOTH),
    ("tools", CHAT | RESPONSES),
    ("tool_choice", CHAT | RESPONSES),
    ("parallel_tool_calls", CHAT | RESPONSES),
    ("functions", CHAT),
    ("function_call", CHAT),
    ("reasoning", CHAT | RESPONSES),
    ("reasoning_effort", CHAT),
    ("verbosity", CHAT),
    ("modalities", CHAT),
    ("audio", CHAT),
    ("prediction", CHAT),
    ("web_search_options", CHAT),
    ("chat_template", CHAT),
    ("chat_template_kwargs", CHAT),
    ("add_generation_prompt", CHAT),
    ("continue_final_message", CHAT),
    ("documents", CHAT),
    ("mm_processor_kwargs", CHAT),
    ("add_special_tokens", BOTH | EMBEDDINGS),
    ("skip_special_tokens", TEXT),
    ("include_stop_str_in_output", BOTH),
    ("bad_words", BOTH),
    ("allowed_token_ids", BOTH),
    ("truncate_prompt_tokens", ALL),
    ("priority", ALL),
    ("cache_salt", TEXT),
    ("prompt_cache_key", TEXT),
    ("user", ALL),
    ("safety_identifier", TEXT),
    ("metadata", TEXT),
    ("store", CHAT | RESPONSES),
    ("service_tier", CHAT | RESPONSES),
    ("instructions", RESPONSES),
    ("text", RESPONSES),
    ("truncation", RESPONSES),
    ("include", RESPONSES),
    ("previous_response_id", RESPONSES),
    ("max_tool_calls", RESPONSES),
    ("dimensions", EMBEDDINGS),
    ("encoding_format", EMBEDDINGS),
];

/// Keys of rows that are not body fields.
pub(super) const KEYS: [&str; 10] = [
    "prompt",
    "messages",
    "input",
    "system",
    "output_tokens",
    "at",
    "body",
    "custom_id",
    "method",
    "url",
];

/// Metadata in common files. It is ignored.
pub(super) const IGNORED: [&str; 15] = [
    "id",
    "idx",
    "index",
    "uid",
    "uuid",
    "request_id",
    "question_id",
    "source",
    "dataset",
    "category",
    "lang",
    "language",
    "title",
    "tags",
    "comment",
];

/// Body fields that must be the same for all requests, and what to use instead.
const NEVER: [(&str, &str); 1] = [("nvext", "`request: {params: {nvext: ...}}`")];

fn bit(api: ApiEndpoint) -> u8 {
    match api {
        ApiEndpoint::Completions => COMPLETIONS,
        ApiEndpoint::Chat => CHAT,
        ApiEndpoint::Responses => RESPONSES,
        ApiEndpoint::Embeddings => EMBEDDINGS,
    }
}

/// Names of the body fields that an API accepts.
pub(super) fn of(api: ApiEndpoint) -> impl Iterator<Item = &'static str> {
    let known = FIELDS.iter().filter(move |(_, apis)| apis & bit(api) != 0);
    known.map(|(name, _)| *name)
}

/// Whether any API has a body field with this name.
pub(super) fn is_known(key: &str) -> bool {
    FIELDS.iter().any(|(name, _)| *name == key)
}

/// The API that rows are read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Api {
    pub(super) endpoint: ApiEndpoint,
    pub(super) stream: bool,
}

impl Api {
    /// Adds a body field of a row, unless it is `null`. A `nested` field is inside `body`, which may have unlisted
    /// fields.
    pub(super) fn take(
        self,
        body: &mut Map<String, Value>,
        (key, value): (&str, Value),
        nested: bool,
    ) -> Result<(), BadRow> {
        match key {
            "stream" | "stream_options" => return self.check_stream(key, &value),
            _ => self.check_name(key, nested)?,
        }
        if value.is_null() {
            return Ok(());
        }
        check_value(key, &value)?;
        if body.contains_key(key) {
            return Err(BadRow(format!("`{key}` is given twice; keep one of them")));
        }
        body.insert(key.to_owned(), value);
        Ok(())
    }

    /// Checks that a row does not contradict the scenario's choice of streaming, which applies to all requests.
    fn check_stream(self, key: &str, value: &Value) -> Result<(), BadRow> {
        let fits = match key {
            "stream" => value.as_bool() == Some(self.stream),
            _ => self.stream && *value == serde_json::json!({"include_usage": true}),
        };
        if fits || value.is_null() {
            return Ok(());
        }
        Err(BadRow(format!(
            "the scenario sets `{key}` for all requests, but this row has {}; leave it out, or set `request: {{stream: ...}}`",
            shortened(&value.to_string())
        )))
    }

    fn check_name(self, key: &str, nested: bool) -> Result<(), BadRow> {
        if let Some((_, instead)) = NEVER.iter().find(|(never, _)| *never == key) {
            return Err(BadRow(format!(
                "`{key}` is the same for all requests; use {instead}"
            )));
        }
        let api = self.endpoint.name();
        let fits = of(self.endpoint).any(|known| known == key);
        let is_limit = key.starts_with("max_") && key.ends_with("tokens");
        match is_known(key) {
            true if fits || (nested && !is_limit) => Ok(()),
            true => Err(BadRow(match limit_of(self.endpoint).filter(|_| is_limit) {
                Some(limit) => format!("`{key}` is not a field of `{api}`; write `{limit}`"),
                None => format!(
                    "`{key}` is not a field of `{api}`; leave it out, or put it into `body: {{...}}` if your server accepts it"
                ),
            })),
            // Servers may have fields of their own. A name that differs from a known one by one letter is a typing
            // mistake, unless it is short.
            false if nested => match of(self.endpoint).find(|known| is_typo(key, known)) {
                Some(meant) => Err(BadRow(format!(
                    "unknown field `{}` in `body`; did you mean `{meant}`?",
                    shortened(key)
                ))),
                None => Ok(()),
            },
            false => Err(unknown_key(key, of(self.endpoint))),
        }
    }
}

fn limit_of(api: ApiEndpoint) -> Option<&'static str> {
    match api {
        ApiEndpoint::Completions | ApiEndpoint::Chat => Some("max_tokens"),
        ApiEndpoint::Responses => Some("max_output_tokens"),
        ApiEndpoint::Embeddings => None,
    }
}

/// Whether a key differs from a known one only by a letter, its case or its dashes.
fn is_typo(key: &str, known: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let (key, known) = (plain(key), plain(known));
    known.len() > 4 && strsim::osa_distance(&key, &known) <= 1
}

/// The mistake of a row with an unknown key.
pub(super) fn unknown_key<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> BadRow {
    let known = known.chain(KEYS);
    not_known(
        "key",
        key,
        known,
        "send it, put it into `body: {...}`; to ignore it, list it in `ignore` of the file",
    )
}

/// The mistake of a file with an unknown key or column, which can only be ignored.
pub(super) fn unknown_name<'k>(
    what: &str,
    key: &str,
    known: impl Iterator<Item = &'k str>,
) -> BadRow {
    not_known(
        what,
        key,
        known,
        "ignore it, list it in `ignore` of the file",
    )
}

/// The mistake of an unknown name. Suggests the nearest name, and what else can be done (`to` ...).
fn not_known<'k>(what: &str, key: &str, known: impl Iterator<Item = &'k str>, to: &str) -> BadRow {
    let key_shown = shortened(key);
    BadRow(match nearest(key, known) {
        Some(meant) => {
            format!("unknown {what} `{key_shown}`; did you mean `{meant}`? To {to}")
        }
        None => format!("unknown {what} `{key_shown}`; to {to}"),
    })
}

/// Checks the values of fields that `bench` itself reads.
fn check_value(key: &str, value: &Value) -> Result<(), BadRow> {
    match key {
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
            tokens(&format!("`{key}`"), value.as_u64()).map(drop)
        }
        "n" if value.as_u64().is_none_or(|n| n == 0) => Err(BadRow(format!(
            "`n` must be a whole number of at least 1, found {}",
            shortened(&value.to_string())
        ))),
        "model" if value.as_str().is_none_or(|name| name.trim().is_empty()) => {
            Err(BadRow(format!(
                "`model` must be a name, found {}",
                shortened(&value.to_string())
            )))
        }
        _ => Ok(()),
    }
}
