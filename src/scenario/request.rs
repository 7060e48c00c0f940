//! How prompts are sent as requests, and which deviations of an answer are accepted.

use super::limits;
use super::units::Time;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How prompts are sent as requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestOptions {
    /// The API to call.
    pub endpoint: ApiEndpoint,
    /// Whether answers stream (server-sent events).
    pub stream: bool,
    /// Prompts in one `completions` or `embeddings` request.
    #[schemars(range(min = 1, max = limits::PROMPTS_PER_REQUEST))]
    pub prompts_per_request: u32,
    /// Whether requests ask for usage in streams (`stream_options: {include_usage: true}`). Set `false` for servers
    /// that reject the field.
    #[serde(skip_serializing_if = "is_yes")]
    pub stream_options: bool,
    /// Limit on one request, from its first byte sent to its last byte received.
    pub timeout: Time,
    /// Fields of the request body, such as `max_tokens` and `temperature`. Texts may contain `{request}`,
    /// `{conversation}` and `{run}`.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub params: serde_json::Map<String, Value>,
    /// Exact number of tokens of every answer. The request tells the server to stop there, not earlier. It overrides
    /// the lengths that prompts ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::TOKENS))]
    pub output_tokens: Option<u32>,
    /// Makes prompts unique, so that the server's prefix cache has no entry for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bust: Option<CacheBust>,
    /// Headers of every request. Values may contain `{request}`, `{conversation}` and `{run}`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// Query string of every request, such as `{api-version: "2024-10-21"}`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub query: IndexMap<String, String>,
    /// Accepted deviations of an answer, for servers that differ from OpenAI's.
    #[serde(skip_serializing_if = "Accept::is_strict")]
    pub accept: Accept,
}

/// Accepted deviations of a complete answer. The default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Accept {
    /// A stream may end without `[DONE]`. It is complete when every choice has its finish reason, or when the usage
    /// came.
    #[serde(skip_serializing_if = "is_no")]
    pub no_done: bool,
    /// Choices may have no finish reason.
    #[serde(skip_serializing_if = "is_no")]
    pub no_finish_reason: bool,
    /// An answer may have tokens but no text: a stop token alone, or special tokens or reasoning that the server hides.
    #[serde(skip_serializing_if = "is_no")]
    pub no_text: bool,
    /// Other names of the model that answers may carry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl Accept {
    /// Whether no deviation is accepted.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        *self == Self::default()
    }
}

impl RequestOptions {
    /// Whether answers stream. Embeddings never do.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.stream && self.endpoint != ApiEndpoint::Embeddings
    }
}

/// The scope in which prompts share a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheBust {
    /// Every run has its own prefix: the cache has no entries of earlier runs, but prompts of one run share entries.
    Run,
    /// Every request has its own prefix: no prompts share cache entries.
    Request,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            endpoint: ApiEndpoint::Completions,
            stream: true,
            stream_options: true,
            prompts_per_request: 1,
            timeout: Time::from_secs(120),
            params: serde_json::Map::new(),
            output_tokens: None,
            cache_bust: None,
            headers: IndexMap::new(),
            query: IndexMap::new(),
            accept: Accept::default(),
        }
    }
}

/// An OpenAI-compatible API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiEndpoint {
    /// `POST /v1/completions`.
    #[default]
    Completions,
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/embeddings`. Its answers never stream.
    Embeddings,
}

impl ApiEndpoint {
    /// Path of the API, relative to the endpoint's URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Completions => "/v1/completions",
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// Name of the API in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_yes(choice: &bool) -> bool {
    *choice
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_no(choice: &bool) -> bool {
    !*choice
}
