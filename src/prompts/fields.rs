//! The keys that rows of prompt files may have: body fields of the APIs, and bookkeeping that is left alone.

use super::lines::{shortened, tokens};
use super::pile::Bad;
use crate::scenario::mistake::nearest;
use crate::scenario::model::ApiEndpoint;
use serde_json::{Map, Value};

/// APIs, as bits.
const COMPLETIONS: u8 = 1;
const CHAT: u8 = 2;
const RESPONSES: u8 = 4;
const EMBEDDINGS: u8 = 8;
const BOTH: u8 = COMPLETIONS | CHAT;
const TEXT: u8 = BOTH | RESPONSES;
const ALL: u8 = TEXT | EMBEDDINGS;

/// Body fields that a row may have, and the APIs that know them: OpenAI's, and those of vLLM and SGLang beside them.
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

/// Keys that a row has beside body fields.
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

/// Bookkeeping that common files carry; it is left alone.
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

/// Body fields that every request gets in the same way.
const NEVER: [(&str, &str); 1] = [("nvext", "`request: {params: {nvext: ...}}`")];

fn bit(api: ApiEndpoint) -> u8 {
    match api {
        ApiEndpoint::Completions => COMPLETIONS,
        ApiEndpoint::Chat => CHAT,
        ApiEndpoint::Responses => RESPONSES,
        ApiEndpoint::Embeddings => EMBEDDINGS,
    }
}

/// Names of the body fields that an API knows.
pub(super) fn of(api: ApiEndpoint) -> impl Iterator<Item = &'static str> {
    let known = FIELDS.iter().filter(move |(_, apis)| apis & bit(api) != 0);
    known.map(|(name, _)| *name)
}

/// Whether any API has a body field of this name.
pub(super) fn is_known(key: &str) -> bool {
    FIELDS.iter().any(|(name, _)| *name == key)
}

/// What a row is read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Api {
    pub(super) endpoint: ApiEndpoint,
    pub(super) stream: bool,
}

impl Api {
    /// Takes a body field of a row; `null` is no value. `nested` says that it stands in `body`, where fields may be that no list has.
    pub(super) fn take(
        self,
        body: &mut Map<String, Value>,
        (key, value): (&str, Value),
        nested: bool,
    ) -> Result<(), Bad> {
        match key {
            "stream" | "stream_options" => return self.check_stream(key, &value),
            _ => self.check_name(key, nested)?,
        }
        if value.is_null() {
            return Ok(());
        }
        check_value(key, &value)?;
        if body.contains_key(key) {
            return Err(Bad(format!("`{key}` is given twice; keep one of them")));
        }
        body.insert(key.to_owned(), value);
        Ok(())
    }

    /// Whether answers stream is said once, for all requests.
    fn check_stream(self, key: &str, value: &Value) -> Result<(), Bad> {
        let fits = match key {
            "stream" => value.as_bool() == Some(self.stream),
            _ => self.stream && *value == serde_json::json!({"include_usage": true}),
        };
        if fits || value.is_null() {
            return Ok(());
        }
        Err(Bad(format!(
            "`{key}` is the same for all requests and set by the scenario, and this row has {}; leave it out, or set `request: {{stream: ...}}`",
            shortened(&value.to_string())
        )))
    }

    fn check_name(self, key: &str, nested: bool) -> Result<(), Bad> {
        if let Some((_, instead)) = NEVER.iter().find(|(never, _)| *never == key) {
            return Err(Bad(format!(
                "`{key}` is the same for all requests; use {instead}"
            )));
        }
        let api = self.endpoint.name();
        let fits = of(self.endpoint).any(|known| known == key);
        let is_limit = key.starts_with("max_") && key.ends_with("tokens");
        match is_known(key) {
            true if fits || (nested && !is_limit) => Ok(()),
            true => Err(Bad(match limit_of(self.endpoint).filter(|_| is_limit) {
                Some(limit) => format!("`{key}` is not a field of `{api}`; write `{limit}`"),
                None => format!(
                    "`{key}` is not a field of `{api}`; leave it out, or put it into `body: {{...}}` where your server knows it"
                ),
            })),
            // A field of the server's own; one letter off a known one is a slip. Short names are too close to each other.
            false if nested => match of(self.endpoint).find(|known| is_slip(key, known)) {
                Some(meant) => Err(Bad(format!(
                    "unknown field `{}` in `body`; did you mean `{meant}`?",
                    shortened(key)
                ))),
                None => Ok(()),
            },
            false => Err(unknown(key, of(self.endpoint))),
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

/// Whether a key is a known one but for a letter, its case or its dashes.
fn is_slip(key: &str, known: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let (key, known) = (plain(key), plain(known));
    known.len() > 4 && strsim::osa_distance(&key, &known) <= 1
}

/// That no key of a row has this name.
pub(super) fn unknown<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> Bad {
    let known = known.chain(KEYS);
    not_known(
        "key",
        key,
        known,
        "send it as it is, put it into `body: {...}`; to leave it alone, list it in `ignore` of the file",
    )
}

/// That a key or column of a file has a name that nothing else needs to have, and how to leave it alone.
pub(super) fn stray<'k>(what: &str, key: &str, known: impl Iterator<Item = &'k str>) -> Bad {
    not_known(
        what,
        key,
        known,
        "leave it alone, list it in `ignore` of the file",
    )
}

/// That a name is not known: the nearest one, and what else can be done (`to` ...).
fn not_known<'k>(what: &str, key: &str, known: impl Iterator<Item = &'k str>, to: &str) -> Bad {
    let key_shown = shortened(key);
    Bad(match nearest(key, known) {
        Some(meant) => {
            format!("unknown {what} `{key_shown}`; did you mean `{meant}`? To {to}")
        }
        None => format!("unknown {what} `{key_shown}`; to {to}"),
    })
}

/// The fields whose value `bench` itself reads.
fn check_value(key: &str, value: &Value) -> Result<(), Bad> {
    match key {
        "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
            tokens(&format!("`{key}`"), value.as_u64()).map(drop)
        }
        "n" if value.as_u64().is_none_or(|n| n == 0) => Err(Bad(format!(
            "`n` must be a whole number from 1, found {}",
            shortened(&value.to_string())
        ))),
        "model" if value.as_str().is_none_or(|name| name.trim().is_empty()) => Err(Bad(format!(
            "`model` must be a name, found {}",
            shortened(&value.to_string())
        ))),
        _ => Ok(()),
    }
}
