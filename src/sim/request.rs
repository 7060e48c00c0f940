//! Turns the bytes of a request into what the engine must generate, or into the rejection that the
//! imitated server would send.

use super::body::{Body, InputField, Message, PromptField};
use super::options::{Flavour, Options};
use super::refusal::Refusal;
use super::text::Prompt;
use serde_json::json;

/// The endpoint that was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Completions,
    Chat,
    Responses,
    Embeddings,
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
    /// Whether `nvext.timing` is requested and supported.
    pub(super) timing: bool,
    /// Whether `nvext.worker_id` is requested and supported.
    pub(super) worker_id: bool,
}

/// One choice. Its words come from the prompt, its length from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) prompt: Prompt,
    pub(super) length: u32,
    pub(super) finish_reason: &'static str,
}

/// Parses a request as the imitated server would.
pub(super) fn parse(api: Api, body: &[u8], options: &Options) -> Result<Ask, Refusal> {
    let dynamo = options.flavour == Flavour::Dynamo;
    let mut body: Body = serde_json::from_slice(body)
        .map_err(|error| Refusal::unreadable(options.flavour, &error.to_string()))?;
    if dynamo {
        body.refuse_unknown_fields()?;
    }
    let model = match body.model.take() {
        None if dynamo => {
            return Err(Refusal::unreadable(
                options.flavour,
                "missing field `model`",
            ));
        }
        None => options.model.clone(),
        Some(model) if model == options.model => model,
        Some(model) => return Err(Refusal::unknown_model(options.flavour, &model)),
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
        stream: body.stream.unwrap_or_default() && api != Api::Embeddings,
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
    let missing = |field| Refusal::unreadable(flavour, &format!("missing field `{field}`"));
    let prompts = match api {
        Api::Completions => texts(body.prompt.as_ref().ok_or_else(|| missing("prompt"))?),
        Api::Chat => chat(
            body.messages
                .as_deref()
                .ok_or_else(|| missing("messages"))?,
        ),
        Api::Responses => match body.input.as_ref().ok_or_else(|| missing("input"))? {
            InputField::Prompt(PromptField::Text(text)) if text.is_empty() => Vec::new(),
            InputField::Prompt(PromptField::Text(text)) => chat(&[Message::user(text)]),
            InputField::Messages(messages) => chat(messages),
            InputField::Prompt(_) => {
                return Err(Refusal::invalid(
                    "the input is a text or messages",
                    Some("input"),
                ));
            }
        },
        Api::Embeddings => match body.input.as_ref().ok_or_else(|| missing("input"))? {
            InputField::Prompt(prompt) => texts(prompt),
            InputField::Messages(_) => {
                return Err(Refusal::invalid(
                    "the input is a text or several",
                    Some("input"),
                ));
            }
        },
    };
    if prompts.is_empty() || prompts.iter().any(|prompt| prompt.tokens == 0) {
        return Err(Refusal::invalid(
            "The prompt cannot be empty",
            Some("prompt"),
        ));
    }
    Ok(prompts)
}

fn texts(field: &PromptField) -> Vec<Prompt> {
    match field {
        PromptField::Text(text) => vec![Prompt::from_text(text)],
        PromptField::Texts(texts) => texts.iter().map(|text| Prompt::from_text(text)).collect(),
        PromptField::Ids(ids) if ids.is_empty() => Vec::new(),
        PromptField::Ids(ids) => vec![Prompt::from_ids(ids)],
        PromptField::IdLists(lists) => lists.iter().map(|ids| Prompt::from_ids(ids)).collect(),
    }
}

/// One prompt made of all messages, or none.
fn chat(messages: &[Message]) -> Vec<Prompt> {
    let text: String = messages.iter().map(Message::render).collect();
    let some = (!messages.is_empty()).then(|| Prompt::from_text(&text));
    some.into_iter().collect()
}

fn choice(api: Api, prompt: Prompt, body: &Body, options: &Options) -> Result<Choice, Refusal> {
    if api == Api::Embeddings {
        if prompt.tokens > options.max_model_len {
            return Err(Refusal::too_long(prompt.tokens, 0, options));
        }
        // Reading the prompt takes a step but produces no text.
        return Ok(Choice {
            prompt,
            length: 1,
            finish_reason: "stop",
        });
    }
    let room = options.max_model_len.saturating_sub(prompt.tokens);
    let limit = match api {
        Api::Completions => body.max_tokens.unwrap_or(16.min(room.max(1))),
        Api::Chat => body
            .max_completion_tokens
            .or(body.max_tokens)
            .unwrap_or(room.max(1)),
        Api::Responses => body.max_output_tokens.unwrap_or(room.max(1)),
        Api::Embeddings => 0,
    };
    if limit == 0 {
        let message = "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)";
        return Err(Refusal::invalid(message, Some("max_tokens")));
    }
    if limit > room {
        return Err(Refusal::too_long(prompt.tokens, limit, options));
    }
    let least = body.min_tokens.unwrap_or_default();
    if least > limit {
        let message =
            format!("min_tokens must be less than or equal to max_tokens={limit}, got {least}.");
        return Err(Refusal::invalid(message, Some("min_tokens")));
    }
    let natural = prompt.natural_length().max(least);
    let stops = natural < limit && !body.ignore_eos.unwrap_or_default();
    Ok(Choice {
        prompt,
        length: if stops { natural } else { limit },
        finish_reason: if stops { "stop" } else { "length" },
    })
}
