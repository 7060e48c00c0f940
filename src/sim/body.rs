//! The JSON fields of a request, and which of them Dynamo rejects.

use super::options::Flavour;
use super::refusal::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The fields that are read; `rest` holds all others.
#[derive(Deserialize)]
pub(super) struct Body {
    pub(super) model: Option<String>,
    pub(super) prompt: Option<PromptField>,
    pub(super) messages: Option<Vec<Message>>,
    pub(super) input: Option<InputField>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) max_tokens: Option<u32>,
    pub(super) max_completion_tokens: Option<u32>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) min_tokens: Option<u32>,
    pub(super) ignore_eos: Option<bool>,
    pub(super) nvext: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum PromptField {
    Ids(Vec<u32>),
    Text(String),
    Texts(Vec<String>),
    IdLists(Vec<Vec<u32>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum InputField {
    Prompt(PromptField),
    Messages(Vec<Message>),
}

#[derive(Deserialize)]
pub(super) struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
pub(super) struct ContentPart {
    text: Option<String>,
}

/// Top-level fields that Dynamo 1.6 accepts besides those above. It rejects all others.
#[rustfmt::skip]
const DYNAMO_FIELDS: &[&str] = &[
    "add_special_tokens", "allowed_token_ids", "bad_words_token_ids", "best_of", "cache_salt", "chat_template_args",
    "chat_template_kwargs", "detokenize", "echo", "frequency_penalty", "function_call", "functions", "guided_choice",
    "guided_decoding_backend", "guided_grammar", "guided_json", "guided_regex", "guided_whitespace_pattern",
    "include_stop_str_in_output", "logit_bias", "logprobs", "metadata", "min_p", "modalities", "n",
    "parallel_tool_calls", "presence_penalty", "prompt_embeds", "reasoning_effort", "repetition_penalty",
    "response_format", "seed", "service_tier", "skip_special_tokens", "stop", "stop_token_ids", "store", "suffix",
    "temperature", "tool_choice", "tools", "top_k", "top_logprobs", "top_p", "user",
];

/// Keys that Dynamo 1.6 accepts inside `nvext`.
#[rustfmt::skip]
const NVEXT_KEYS: &[&str] = &[
    "greed_sampling", "use_raw_prompt", "annotations", "backend_instance_id", "token_data", "max_thinking_tokens",
    "cache_salt", "extra_fields", "metadata_upload", "prefill_worker_id", "decode_worker_id", "dp_rank",
    "prefill_dp_rank", "agent_hints", "request_timestamp_ms", "routing_constraints", "router",
];

impl Body {
    /// Dynamo rejects unknown fields; vLLM ignores them.
    pub(super) fn refuse_unknown_fields(&self) -> Result<(), Refusal> {
        let unknown: Vec<_> = self
            .rest
            .keys()
            .filter(|key| !DYNAMO_FIELDS.contains(&key.as_str()))
            .map(|key| format!("`{key}`"))
            .collect();
        if !unknown.is_empty() {
            let message = format!(
                "Validation: Unsupported parameter(s): {}",
                unknown.join(", ")
            );
            return Err(Refusal::invalid(message, None));
        }
        let Some(nvext) = self.nvext.as_ref().filter(|nvext| !nvext.is_null()) else {
            return Ok(());
        };
        let Some(nvext) = nvext.as_object() else {
            return Err(Refusal::unreadable(
                Flavour::Dynamo,
                "invalid type: expected struct NvExt",
            ));
        };
        match nvext.keys().find(|key| !NVEXT_KEYS.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let known = NVEXT_KEYS.join("`, `");
                let message = format!("unknown field `{key}`, expected one of `{known}`");
                Err(Refusal::unreadable(Flavour::Dynamo, &message))
            }
        }
    }
}

impl Message {
    /// The text of a user's message.
    pub(super) fn user(text: &str) -> Self {
        Self {
            role: "user".to_owned(),
            content: Some(Content::Text(text.to_owned())),
        }
    }

    /// The text as a chat template would write it.
    pub(super) fn render(&self) -> String {
        let text = match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts
                .iter()
                .filter_map(|part| part.text.as_deref())
                .collect(),
        };
        format!("{}: {text}\n", self.role)
    }
}
