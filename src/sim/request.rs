//! From the bytes of a request to what the engine is asked for, or the refusal that the flavour's server would send.

use super::options::{Flavour, Options};
use super::text::Prompt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The endpoint that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Completions,
    Chat,
}

/// A valid request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) api: Api,
    pub(super) model: String,
    /// The choices to generate, one for each prompt.
    pub(super) choices: Vec<Choice>,
    pub(super) stream: bool,
    /// Whether a stream ends with a chunk of usage.
    pub(super) include_usage: bool,
    /// Whether `nvext.timing` is wanted and known.
    pub(super) timing: bool,
    /// Whether `nvext.worker_id` is wanted and known.
    pub(super) worker_id: bool,
}

/// One choice: its words come from the prompt, its length from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) prompt: Prompt,
    pub(super) length: u32,
    pub(super) finish_reason: &'static str,
}

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// vLLM's name for the kind of error.
    pub(super) kind: &'static str,
    /// The field at fault, where vLLM names one.
    pub(super) param: Option<&'static str>,
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    prompt: Option<PromptField>,
    messages: Option<Vec<Message>>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    min_tokens: Option<u32>,
    ignore_eos: Option<bool>,
    nvext: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PromptField {
    Ids(Vec<u32>),
    Text(String),
    Texts(Vec<String>),
    IdLists(Vec<Vec<u32>>),
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

/// Fields that Dynamo 1.6 knows at the top level besides those read here; it refuses any other.
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

/// Keys that Dynamo 1.6 knows inside `nvext`.
#[rustfmt::skip]
const NVEXT_KEYS: &[&str] = &[
    "greed_sampling", "use_raw_prompt", "annotations", "backend_instance_id", "token_data", "max_thinking_tokens",
    "cache_salt", "extra_fields", "metadata_upload", "prefill_worker_id", "decode_worker_id", "dp_rank",
    "prefill_dp_rank", "agent_hints", "request_timestamp_ms", "routing_constraints", "router",
];

/// Reads a request as the flavour's server would.
pub(super) fn parse(api: Api, body: &[u8], options: &Options) -> Result<Ask, Refusal> {
    let dynamo = options.flavour == Flavour::Dynamo;
    let mut body: Body = serde_json::from_slice(body)
        .map_err(|error| unreadable(options.flavour, &error.to_string()))?;
    if dynamo {
        refuse_unknown_fields(&body)?;
    }
    let model = match body.model.take() {
        None if dynamo => return Err(unreadable(options.flavour, "missing field `model`")),
        None => options.model.clone(),
        Some(model) if model == options.model => model,
        Some(model) => return Err(unknown_model(options.flavour, &model)),
    };
    let prompts = prompts(api, &body, options.flavour)?;
    let choices = prompts
        .into_iter()
        .map(|prompt| choice(api, prompt, &body, options))
        .collect::<Result<_, _>>()?;
    let wants = |field: &str| {
        let fields = body
            .nvext
            .as_ref()
            .and_then(|nvext| nvext["extra_fields"].as_array());
        dynamo && fields.is_some_and(|fields| fields.contains(&json!(field)))
    };
    Ok(Ask {
        api,
        model,
        choices,
        stream: body.stream.unwrap_or_default(),
        include_usage: body
            .stream_options
            .as_ref()
            .and_then(|o| o.include_usage)
            .unwrap_or_default(),
        timing: wants("timing"),
        worker_id: wants("worker_id"),
    })
}

fn prompts(api: Api, body: &Body, flavour: Flavour) -> Result<Vec<Prompt>, Refusal> {
    let missing = |field| unreadable(flavour, &format!("missing field `{field}`"));
    let prompts = match api {
        Api::Completions => match body.prompt.as_ref().ok_or_else(|| missing("prompt"))? {
            PromptField::Text(text) => vec![Prompt::from_text(text)],
            PromptField::Texts(texts) => texts.iter().map(|text| Prompt::from_text(text)).collect(),
            PromptField::Ids(ids) if ids.is_empty() => Vec::new(),
            PromptField::Ids(ids) => vec![Prompt::from_ids(ids)],
            PromptField::IdLists(lists) => lists.iter().map(|ids| Prompt::from_ids(ids)).collect(),
        },
        Api::Chat => match body
            .messages
            .as_deref()
            .ok_or_else(|| missing("messages"))?
        {
            [] => Vec::new(),
            messages => vec![Prompt::from_text(
                &messages.iter().map(Message::render).collect::<String>(),
            )],
        },
    };
    if prompts.is_empty() || prompts.iter().any(|prompt| prompt.tokens == 0) {
        return Err(Refusal::invalid("The prompt cannot be empty"));
    }
    Ok(prompts)
}

fn choice(api: Api, prompt: Prompt, body: &Body, options: &Options) -> Result<Choice, Refusal> {
    let room = options.max_model_len.saturating_sub(prompt.tokens);
    let limit = match api {
        Api::Completions => body.max_tokens.unwrap_or(16.min(room.max(1))),
        Api::Chat => body
            .max_completion_tokens
            .or(body.max_tokens)
            .unwrap_or(room.max(1)),
    };
    if limit == 0 {
        return Err(Refusal::invalid("max_tokens must be at least 1, got 0."));
    }
    if limit > room {
        return Err(too_long(prompt.tokens, limit, options));
    }
    let least = body.min_tokens.unwrap_or_default();
    if least > limit {
        let message =
            format!("min_tokens must be less than or equal to max_tokens={limit}, got {least}.");
        return Err(Refusal::invalid(message));
    }
    let natural = prompt.natural_length().max(least);
    let stops = natural < limit && !body.ignore_eos.unwrap_or_default();
    Ok(Choice {
        prompt,
        length: if stops { natural } else { limit },
        finish_reason: if stops { "stop" } else { "length" },
    })
}

fn refuse_unknown_fields(body: &Body) -> Result<(), Refusal> {
    let unknown: Vec<_> = body
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
        return Err(Refusal::invalid(message));
    }
    let Some(nvext) = body.nvext.as_ref().filter(|nvext| !nvext.is_null()) else {
        return Ok(());
    };
    let Some(nvext) = nvext.as_object() else {
        return Err(unreadable(
            Flavour::Dynamo,
            "invalid type: expected struct NvExt",
        ));
    };
    match nvext.keys().find(|key| !NVEXT_KEYS.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let known = NVEXT_KEYS.join("`, `");
            let message = format!("unknown field `{key}`, expected one of `{known}`");
            Err(unreadable(Flavour::Dynamo, &message))
        }
    }
}

impl Message {
    fn render(&self) -> String {
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

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            message: message.into(),
            kind: "BadRequestError",
            param: None,
        }
    }
}

fn unreadable(flavour: Flavour, why: &str) -> Refusal {
    match flavour {
        Flavour::Vllm => Refusal {
            kind: "Bad Request",
            ..Refusal::invalid(format!("1 validation error:\n  {why}"))
        },
        Flavour::Dynamo => Refusal::invalid(format!(
            "Failed to deserialize the JSON body into the target type: {why}"
        )),
    }
}

fn unknown_model(flavour: Flavour, model: &str) -> Refusal {
    Refusal {
        status: 404,
        message: match flavour {
            Flavour::Vllm => format!("The model `{model}` does not exist."),
            Flavour::Dynamo => "Model not found".to_owned(),
        },
        kind: "NotFoundError",
        param: Some("model"),
    }
}

fn too_long(prompt: u32, limit: u32, options: &Options) -> Refusal {
    let longest = options.max_model_len;
    match options.flavour {
        Flavour::Vllm => Refusal {
            param: Some("input_tokens"),
            ..Refusal::invalid(format!(
                "This model's maximum context length is {longest} tokens. However, you requested {limit} output tokens \
                 and your prompt contains {prompt} input tokens, for a total of {} tokens. Please reduce the length of \
                 the input prompt or the number of requested output tokens.",
                u64::from(prompt) + u64::from(limit)
            ))
        },
        Flavour::Dynamo => Refusal::invalid(format!(
            "This model's maximum context length is {longest} tokens. However, your messages resulted in {prompt} tokens. \
             Please reduce the length of the messages."
        )),
    }
}
