//! Rejections of requests, in the form of each imitated server.

use super::options::{Flavour, Options};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// vLLM's name for the type of error.
    pub(super) kind: &'static str,
    /// The field at fault, if vLLM names one.
    pub(super) param: Option<&'static str>,
    /// Dynamo's machine-readable error.
    pub(super) details: Option<Box<Value>>,
}

impl Refusal {
    /// A value that is not supported.
    pub(super) fn invalid(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self {
            status: 400,
            message: message.into(),
            kind: "BadRequestError",
            param,
            details: None,
        }
    }

    /// A status that a fault asks for, or an error of the server itself.
    pub(super) fn error(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            kind: "InternalServerError",
            param: None,
            details: None,
        }
    }

    /// A body that is not JSON or has wrong types.
    pub(super) fn unreadable(flavour: Flavour, why: &str) -> Self {
        match flavour {
            Flavour::Vllm => Self {
                kind: "Bad Request",
                ..Self::invalid(format!("1 validation error:\n  {why}"), Some("body"))
            },
            Flavour::Dynamo => {
                let message =
                    format!("Failed to deserialize the JSON body into the target type: {why}");
                Self::invalid(message, None)
            }
        }
    }

    /// A model other than the one served.
    pub(super) fn unknown_model(flavour: Flavour, model: &str) -> Self {
        Self {
            status: 404,
            message: match flavour {
                Flavour::Vllm => format!("The model `{model}` does not exist."),
                Flavour::Dynamo => "Model not found".to_owned(),
            },
            kind: "NotFoundError",
            param: Some("model"),
            details: None,
        }
    }

    /// More tokens than the model allows.
    pub(super) fn too_long(prompt: u32, limit: u32, options: &Options) -> Self {
        let longest = options.max_model_len;
        let total = u64::from(prompt) + u64::from(limit);
        match options.flavour {
            Flavour::Vllm if limit > longest => Self::invalid(
                format!(
                    "max_tokens={limit} cannot be greater than max_model_len={longest}. Please request fewer output tokens. \
                     (parameter=max_tokens, value={limit})"
                ),
                Some("max_tokens"),
            ),
            Flavour::Vllm => Self::invalid(
                format!(
                    "This model's maximum context length is {longest} tokens. However, you requested {limit} output tokens \
                     and your prompt contains {prompt} input tokens, for a total of {} tokens. Please reduce the length of \
                     the input prompt or the number of requested output tokens. (parameter=input_tokens, value={prompt})",
                    total
                ),
                Some("input_tokens"),
            ),
            Flavour::Dynamo if prompt >= longest => Self::invalid(
                format!(
                    "This model's maximum context length is {longest} tokens. However, your messages resulted in {prompt} \
                     tokens. Please reduce the length of the messages."
                ),
                None,
            ),
            Flavour::Dynamo => Self {
                details: Some(Box::new(
                    json!({"type": "context_length", "limit": longest, "actual": total}),
                )),
                ..Self::invalid("Invalid request", None)
            },
        }
    }

    /// The answer of the imitated server.
    pub(super) fn response(&self, flavour: Flavour) -> Response {
        let Self {
            status,
            message,
            kind,
            param,
            details,
        } = self;
        let code = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = match flavour {
            Flavour::Vllm => {
                json!({"error": {"message": message, "type": kind, "param": param, "code": status}})
            }
            Flavour::Dynamo => {
                let kind = match status {
                    529 => "Overloaded",
                    _ => code.canonical_reason().unwrap_or("UnknownError"),
                };
                let mut body = json!({"message": message, "type": kind, "code": status});
                if let Some(details) = details {
                    body["details"] = (**details).clone();
                }
                body
            }
        };
        (code, Json(body)).into_response()
    }
}
