//! The fields of answers: those of OpenAI's API, of vLLM and Dynamo, and those that other servers add.

use crate::scenario::model::{ApiEndpoint, JsonType};
use serde_json::Value;

/// The shape of a value in an answer.
pub(super) enum Shape {
    Text,
    Number,
    /// A whole number, 0 or more.
    Count,
    /// Any value. Its content is not checked.
    Any,
    /// Elements of one shape.
    List(&'static Shape),
    Map(&'static Fields),
}

/// The fields of a map.
pub(super) struct Fields {
    /// Fields that the API documents.
    pub(super) known: &'static [(&'static str, Shape)],
    /// Fields that some servers add, with their origin. Servers may add others as well.
    pub(super) extra: &'static [(&'static str, Origin)],
    /// Whether the map never has fields other than `known`.
    pub(super) closed: bool,
    /// Whether some servers send a text instead of the map.
    pub(super) or_text: bool,
}

/// Origin of a field that not every answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// OpenAI documents the field. Other servers often omit it or send `null`.
    OpenAi,
    /// vLLM sends the field, alone or behind Dynamo.
    Vllm,
    /// Another server sends the field. Holds its name.
    Other(&'static str),
}

use Origin::{OpenAi, Other};
use Shape::{Any, Count, List, Map, Number, Text};

/// Reasoning models on vLLM, SGLang and others.
const REASONING: Origin = Other("reasoning models under vLLM, SGLang or DeepSeek");
const VLLM: Origin = Origin::Vllm;

/// Adds the keys of an error, which any endpoint may return.
macro_rules! with_errors {
    ($($field:expr),* $(,)?) => {
        &[$($field,)* ("error", ERROR), ("message", Text), ("code", Any), ("type", Text), ("param", Any), ("detail", Any)]
    };
}

const OPEN: Fields = Fields {
    known: &[],
    extra: &[],
    closed: false,
    or_text: false,
};

#[rustfmt::skip]
const COMPLETIONS: Shape = Map(&Fields {
    known: with_errors![
        ("id", Text), ("object", Text), ("created", Count), ("model", Text), ("choices", List(&TEXT_CHOICE)),
        ("usage", USAGE), ("nvext", NVEXT),
    ],
    extra: TOP_EXTRA,
    ..OPEN
});

#[rustfmt::skip]
const CHAT: Shape = Map(&Fields {
    known: with_errors![
        ("id", Text), ("object", Text), ("created", Count), ("model", Text), ("choices", List(&CHAT_CHOICE)),
        ("usage", USAGE), ("nvext", NVEXT),
    ],
    extra: TOP_EXTRA,
    ..OPEN
});

#[rustfmt::skip]
const TOP_EXTRA: &[(&str, Origin)] = &[
    ("system_fingerprint", OpenAi), ("service_tier", OpenAi), ("metadata", Other("OpenAI or SGLang")),
    ("kv_transfer_params", VLLM), ("ec_transfer_params", VLLM), ("prompt_logprobs", VLLM), ("prompt_token_ids", VLLM),
    ("prompt_text", VLLM), ("metrics", VLLM),
    ("provider", Other("OpenRouter")), ("x_groq", Other("Groq")), ("usage_breakdown", Other("Groq")),
    ("time_info", Other("Cerebras")), ("prompt_filter_results", Other("Azure")),
    ("citations", Other("Perplexity")), ("search_results", Other("Perplexity")), ("timings", Other("llama.cpp")),
    ("meta_info", Other("SGLang")), ("sglext", Other("SGLang")), ("perf_metrics", Other("Fireworks")),
    ("prompt", Other("Together")), ("stats", Other("LM Studio")), ("model_info", Other("LM Studio")),
    ("runtime", Other("LM Studio")), ("request_id", Other("gateways")), ("obfuscation", OpenAi),
];

#[rustfmt::skip]
const TEXT_CHOICE: Shape = Map(&Fields {
    known: &[
        ("index", Count), ("text", Text), ("finish_reason", Text),
        ("logprobs", Map(&Fields { known: &[
            ("tokens", List(&Any)), ("token_logprobs", List(&Any)), ("top_logprobs", List(&Any)),
            ("text_offset", List(&Count)), ("content", List(&Any)),
        ], ..OPEN })),
    ],
    extra: CHOICE_EXTRA,
    ..OPEN
});

#[rustfmt::skip]
const CHAT_CHOICE: Shape = Map(&Fields {
    known: &[
        ("index", Count), ("message", MESSAGE), ("finish_reason", Text),
        ("logprobs", Map(&Fields { known: &[
            ("content", List(&TOKEN)), ("refusal", List(&TOKEN)),
        ], ..OPEN })),
    ],
    extra: CHOICE_EXTRA,
    ..OPEN
});

#[rustfmt::skip]
const CHOICE_EXTRA: &[(&str, Origin)] = &[
    ("stop_reason", VLLM), ("token_ids", VLLM), ("prompt_token_ids", VLLM), ("prompt_logprobs", VLLM),
    ("routed_experts", VLLM),
    ("matched_stop", Other("SGLang")), ("hidden_states", Other("SGLang")), ("sglext", Other("SGLang")),
    ("native_finish_reason", Other("OpenRouter")), ("error", Other("OpenRouter")),
    ("content_filter_results", Other("Azure")), ("content_filter_result", Other("Azure")),
    ("content_filter_offsets", Other("Azure")), ("seed", Other("Together")), ("raw_output", Other("Fireworks")),
    ("disaggregated_params", Other("TensorRT-LLM")), ("avg_decoded_tokens_per_iter", Other("TensorRT-LLM")),
];

#[rustfmt::skip]
const TOKEN: Shape = Map(&Fields { known: &[
    ("token", Text), ("logprob", Number), ("bytes", Any), ("top_logprobs", List(&Any)),
], ..OPEN });

#[rustfmt::skip]
const MESSAGE: Shape = Map(&Fields {
    known: &[
        ("role", Text), ("content", Any), ("refusal", Text), ("tool_calls", List(&CALL)), ("function_call", FUNCTION),
        ("annotations", List(&Any)), ("audio", Any),
    ],
    extra: &[
        ("reasoning", REASONING), ("reasoning_content", REASONING), ("reasoning_details", Other("OpenRouter")),
        ("images", Other("OpenRouter")), ("executed_tools", Other("Groq")), ("channel", Other("Groq")),
        ("context", Other("Azure")), ("thinking_blocks", Other("LiteLLM")), ("thinking", Other("Ollama")),
        ("provider_specific_fields", Other("LiteLLM")), ("extra_content", Other("Gemini")), ("parsed", OpenAi),
        ("prefix", Other("Mistral")), ("tool_plan", Other("Cohere")), ("citations", Other("Cohere")),
    ],
    ..OPEN
});

#[rustfmt::skip]
const CALL: Shape = Map(&Fields { known: &[
    ("id", Text), ("type", Text), ("index", Count), ("function", FUNCTION), ("custom", Any),
], extra: &[("extra_content", Other("Gemini"))], ..OPEN });

#[rustfmt::skip]
const FUNCTION: Shape = Map(&Fields { known: &[("name", Text), ("arguments", Any)], ..OPEN });

#[rustfmt::skip]
const USAGE: Shape = Map(&Fields {
    known: &[
        ("prompt_tokens", Count), ("completion_tokens", Count), ("total_tokens", Count),
        ("prompt_tokens_details", Map(&Fields {
            known: &[("cached_tokens", Count), ("audio_tokens", Count)],
            extra: &[("text_tokens", Other("xAI")), ("image_tokens", Other("xAI")), ("video_tokens", Other("Gemini")),
                ("cache_write_tokens", Other("OpenRouter")), ("multimodal_tokens", VLLM)],
            ..OPEN
        })),
        ("completion_tokens_details", Map(&Fields {
            known: &[("reasoning_tokens", Count), ("audio_tokens", Count), ("accepted_prediction_tokens", Count),
                ("rejected_prediction_tokens", Count)],
            extra: &[("text_tokens", Other("Gemini")), ("image_tokens", Other("OpenRouter"))],
            ..OPEN
        })),
    ],
    extra: &[
        ("reasoning_tokens", Other("SGLang")), ("cost", Other("OpenRouter")), ("is_byok", Other("OpenRouter")),
        ("cost_details", Other("OpenRouter")), ("queue_time", Other("Groq")), ("prompt_time", Other("Groq")),
        ("completion_time", Other("Groq")), ("total_time", Other("Groq")), ("estimated_cost", Other("DeepInfra")),
        ("prompt_cache_hit_tokens", Other("DeepSeek")), ("prompt_cache_miss_tokens", Other("DeepSeek")),
        ("cached_tokens", Other("Moonshot")), ("cache_creation_input_tokens", Other("LiteLLM")),
        ("cache_read_input_tokens", Other("LiteLLM")), ("num_sources_used", Other("xAI")),
        ("prompt_audio_seconds", Other("Mistral")), ("response_token/s", Other("Ollama")),
        ("input_tokens", Other("gateways")), ("output_tokens", Other("gateways")),
    ],
    ..OPEN
});

#[rustfmt::skip]
const ERROR: Shape = Map(&Fields {
    known: &[("message", Any), ("type", Any), ("param", Any), ("code", Any)],
    extra: &[("object", VLLM), ("metadata", Other("OpenRouter")), ("innererror", Other("Azure")),
        ("failed_generation", Other("Groq")), ("n_prompt_tokens", Other("llama.cpp")), ("n_ctx", Other("llama.cpp")),
        ("details", Other("gateways")), ("status", Other("Gemini"))],
    or_text: true,
    ..OPEN
});

/// Dynamo's extension. Since version 1.3, Dynamo rejects unknown keys.
#[rustfmt::skip]
const NVEXT: Shape = Map(&Fields { known: &[
    ("timing", Map(&Fields { known: &[
        ("request_received_ms", Number), ("prefill_wait_time_ms", Number), ("prefill_time_ms", Number),
        ("ttft_ms", Number), ("total_time_ms", Number), ("kv_hit_rate", Number), ("router_queue_depth", Number),
        ("kv_transfer_estimated_latency_ms", Number),
    ], closed: true, ..OPEN })),
    ("worker_id", Map(&Fields { known: &[
        ("prefill_worker_id", Count), ("prefill_dp_rank", Count), ("decode_worker_id", Count), ("decode_dp_rank", Count),
    ], closed: true, ..OPEN })),
    ("token_ids", Any), ("routed_experts", Any), ("stop_reason", Any),
], ..OPEN });

#[rustfmt::skip]
const EMBEDDINGS: Shape = Map(&Fields {
    known: with_errors![
        ("id", Text), ("object", Text), ("created", Count), ("model", Text), ("usage", USAGE), ("nvext", NVEXT),
        ("data", List(&Map(&Fields {
            known: &[("index", Count), ("object", Text), ("embedding", Any)],
            ..OPEN
        }))),
    ],
    extra: &[("metadata", Other("SGLang")), ("provider", Other("OpenRouter")), ("request_id", Other("gateways")),
        ("meta", Other("Together"))],
    ..OPEN
});

#[rustfmt::skip]
const RESPONSES: Shape = Map(&Fields {
    known: with_errors![
        ("id", Text), ("object", Text), ("created_at", Number), ("completed_at", Number), ("status", Text),
        ("background", Any), ("conversation", Any), ("incomplete_details", Map(&Fields { known: &[("reason", Text)], ..OPEN })),
        ("instructions", Any), ("max_output_tokens", Count), ("max_tool_calls", Count), ("model", Text),
        ("output", List(&ITEM)), ("parallel_tool_calls", Any), ("previous_response_id", Text), ("prompt", Any),
        ("prompt_cache_key", Text), ("prompt_cache_retention", Any), ("reasoning", Any), ("safety_identifier", Text),
        ("service_tier", Text), ("store", Any), ("temperature", Number), ("text", Any), ("tool_choice", Any),
        ("tools", List(&Any)), ("top_logprobs", Any), ("top_p", Number), ("truncation", Text), ("metadata", Any),
        ("user", Text), ("frequency_penalty", Number), ("presence_penalty", Number), ("billing", Any),
        ("usage", Map(&Fields {
            known: &[
                ("input_tokens", Count), ("output_tokens", Count), ("total_tokens", Count),
                ("input_tokens_details", Map(&Fields { known: &[("cached_tokens", Count)],
                    extra: &[("input_tokens_per_turn", VLLM), ("cached_tokens_per_turn", VLLM)], ..OPEN })),
                ("output_tokens_details", Map(&Fields { known: &[("reasoning_tokens", Count)],
                    extra: &[("tool_output_tokens", VLLM), ("output_tokens_per_turn", VLLM),
                        ("tool_output_tokens_per_turn", VLLM)], ..OPEN })),
            ],
            ..OPEN
        })),
        ("nvext", NVEXT),
    ],
    extra: &[("input_messages", VLLM), ("output_messages", VLLM), ("kv_transfer_params", VLLM),
        ("content_filters", Other("Azure")), ("provider", Other("OpenRouter"))],
    ..OPEN
});

/// Items of many types: a message, reasoning, a call and its result.
#[rustfmt::skip]
const ITEM: Shape = Map(&Fields {
    known: &[
        ("type", Text), ("id", Text), ("status", Text), ("role", Text), ("content", List(&PART)), ("summary", List(&PART)),
        ("name", Text), ("arguments", Any), ("call_id", Text), ("encrypted_content", Text), ("output", Any),
        ("action", Any), ("queries", Any), ("results", Any), ("code", Any), ("container_id", Any), ("outputs", Any),
        ("result", Any), ("server_label", Any), ("tools", Any), ("error", Any), ("input", Any), ("phase", Any),
    ],
    ..OPEN
});

#[rustfmt::skip]
const PART: Shape = Map(&Fields { known: &[
    ("type", Text), ("text", Text), ("annotations", List(&Any)), ("logprobs", List(&Any)), ("refusal", Text),
], ..OPEN });

/// The shape of an endpoint's answer. Streams are assembled into the same shape.
pub(super) fn of(endpoint: ApiEndpoint) -> &'static Shape {
    match endpoint {
        ApiEndpoint::Completions => &COMPLETIONS,
        ApiEndpoint::Chat => &CHAT,
        ApiEndpoint::Responses => &RESPONSES,
        ApiEndpoint::Embeddings => &EMBEDDINGS,
    }
}

impl Shape {
    /// Whether a value fits this shape. `null` always fits.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self {
            Any => true,
            _ if value.is_null() => true,
            Text => value.is_string(),
            Number => value.is_number(),
            Count => value.as_f64().is_some_and(|n| n >= 0.0 && n.fract() == 0.0),
            List(_) => value.is_array(),
            Map(fields) => value.is_object() || (fields.or_text && value.is_string()),
        }
    }

    /// Whether a value of this shape can have this type. Any value can be null.
    pub(super) fn can_be(&self, json_type: JsonType) -> bool {
        match self {
            _ if json_type == JsonType::Null => true,
            Any => true,
            Text => json_type == JsonType::String,
            Number | Count => matches!(json_type, JsonType::Number | JsonType::Integer),
            List(_) => json_type == JsonType::Array,
            Map(fields) => {
                json_type == JsonType::Object || (fields.or_text && json_type == JsonType::String)
            }
        }
    }

    /// A description for messages.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Any => "anything",
            Text => "text",
            Number => "a number",
            Count => "a count",
            List(_) => "a list",
            Map(_) => "a map",
        }
    }

    /// The shapes directly below this one. Of a map, only the documented fields.
    pub(super) fn children(&'static self) -> Vec<&'static Self> {
        match self {
            Any => vec![&Any],
            Text | Number | Count => Vec::new(),
            List(element) => vec![element],
            Map(fields) => fields.known.iter().map(|(_, shape)| shape).collect(),
        }
    }

    /// Path and name of every field below this shape.
    pub(super) fn field_paths(&'static self) -> Vec<(String, &'static str)> {
        let beneath = |before: &str, shape: &'static Self| -> Vec<(String, &'static str)> {
            let below = shape.field_paths().into_iter();
            below
                .map(|(path, name)| (format!("{before}{path}"), name))
                .collect()
        };
        match self {
            Any | Text | Number | Count => Vec::new(),
            List(element) => beneath("[*]", element),
            Map(fields) => {
                let mut all: Vec<_> = fields
                    .names()
                    .map(|name| (format!(".{name}"), name))
                    .collect();
                for (name, shape) in fields.known {
                    all.extend(beneath(&format!(".{name}"), shape));
                }
                all
            }
        }
    }

    /// This shape and all shapes below it.
    pub(super) fn descendants(&'static self) -> Vec<&'static Self> {
        let mut all = vec![self];
        if !matches!(self, Any) {
            all.extend(self.children().into_iter().flat_map(Self::descendants));
        }
        all
    }
}

/// Result of looking up a field by name.
pub(super) enum Lookup {
    /// A documented field.
    Known(&'static Shape),
    /// A field that some servers add.
    Extra(Origin),
    Unknown,
}

impl Fields {
    pub(super) fn find(&'static self, name: &str) -> Lookup {
        if let Some((_, shape)) = self.known.iter().find(|(known, _)| *known == name) {
            return Lookup::Known(shape);
        }
        match self.extra.iter().find(|(extra, _)| *extra == name) {
            Some((_, origin)) => Lookup::Extra(*origin),
            None => Lookup::Unknown,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let known = self.known.iter().map(|(name, _)| *name);
        known.chain(self.extra.iter().map(|(name, _)| *name))
    }
}

#[cfg(test)]
#[path = "tests/answers.rs"]
mod tests;
