//! How a prompt becomes a request, and what its answer may lack.

use super::limits;
use super::units::Time;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a prompt becomes a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestOptions {
    /// The API that is called.
    pub endpoint: ApiEndpoint,
    /// Whether answers stream (server-sent events).
    pub stream: bool,
    /// Prompts carried by one `completions` request.
    #[schemars(range(min = 1, max = limits::PROMPTS_PER_REQUEST))]
    pub prompts_per_request: u32,
    /// Whether streams are asked for their usage (`stream_options: {include_usage: true}`); `false` for servers that refuse
    /// the field.
    #[serde(skip_serializing_if = "is_yes")]
    pub stream_options: bool,
    /// Limit on one request, from its first byte sent to its last byte received.
    pub timeout: Time,
    /// Body fields, such as `max_tokens` and `temperature`. Texts may hold `{request}`, `{conversation}` and `{run}`.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub params: serde_json::Map<String, Value>,
    /// Tokens of every answer, exactly: the server is told to stop there and not before. Overrides what prompts ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::TOKENS))]
    pub output_tokens: Option<u32>,
    /// Keeps prompts from being found in a server's prefix cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bust: Option<CacheBust>,
    /// Headers sent with every request. Values may hold `{request}`, `{conversation}` and `{run}`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// Query string of every request, such as `{api-version: "2024-10-21"}`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub query: IndexMap<String, String>,
    /// What a complete answer may lack or be called, for servers that differ from OpenAI's.
    #[serde(skip_serializing_if = "Accept::is_strict")]
    pub accept: Accept,
}

/// What a complete answer may lack or be called. Nothing unless given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Accept {
    /// A stream may end without `[DONE]`: it is complete when every choice has its finish reason, or when the usage came.
    #[serde(skip_serializing_if = "is_no")]
    pub no_done: bool,
    /// Choices may have no finish reason.
    #[serde(skip_serializing_if = "is_no")]
    pub no_finish_reason: bool,
    /// An answer may have tokens and no text: a stop token alone, special tokens that are not shown, reasoning that is not.
    #[serde(skip_serializing_if = "is_no")]
    pub no_text: bool,
    /// Other names under which the model may answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl Accept {
    /// Whether nothing is accepted beyond what every answer must have.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        *self == Self::default()
    }
}

impl RequestOptions {
    /// Whether answers stream; embeddings never do.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.stream && self.endpoint != ApiEndpoint::Embeddings
    }
}

/// Whose prompts have beginnings of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheBust {
    /// Every run's: nothing is left from earlier runs, and prompts share within one.
    Run,
    /// Every request's: nothing is shared at all.
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

/// The OpenAI-compatible API that is called.
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
    /// `POST /v1/embeddings`; never streams.
    Embeddings,
}

impl ApiEndpoint {
    /// Path of the API, below the endpoint's URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Completions => "/v1/completions",
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// Its name in a scenario.
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
