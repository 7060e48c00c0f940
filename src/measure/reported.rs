//! Errors that an answer itself reports, whatever its status. Pure.

use super::answer::shorten;
use serde_json::{Map, Value};

/// Keys under which servers put error messages: OpenAI and vLLM, FastAPI, gateways.
const WORDS: [&str; 9] = [
    "message",
    "detail",
    "msg",
    "error_message",
    "error_msg",
    "errorMessage",
    "error",
    "reason",
    "title",
];

/// Parts of a finish reason that mean that the engine aborted: `abort` (vLLM, SGLang), `error`
/// (OpenRouter, Dynamo), `insufficient_system_resource` (DeepSeek).
const GAVE_UP: [&str; 7] = [
    "abort",
    "error",
    "cancel",
    "fail",
    "timeout",
    "overload",
    "insufficient",
];

/// The message of an error body, shortened to a few hundred characters: `error.message` (OpenAI,
/// vLLM), `message` (Dynamo), `detail` (FastAPI).
#[must_use]
pub(crate) fn error_message(body: &Value) -> Option<String> {
    let error = body.get("error").filter(|e| says(e)).unwrap_or(body);
    let said = WORDS
        .iter()
        .find_map(|key| error.get(key).filter(|said| says(said)))
        .or(error.is_string().then_some(error))?;
    let text = said.as_str().map_or_else(|| said.to_string(), Into::into);
    Some(shorten(&text))
}

/// The error that an object reports, if any: in `error` (OpenAI, vLLM), as `message` with a `code`
/// (Dynamo), as `detail` (FastAPI), or by its kind (`"object": "error"`, `"type": "error"`).
pub(super) fn in_object(body: &Value) -> Option<String> {
    let body_map = body.as_object()?;
    let has = |key| body_map.get(key).is_some_and(says);
    let answers = ["choices", "output", "data"]
        .iter()
        .any(|key| body_map.contains_key(*key));
    let kind = ["object", "type"]
        .iter()
        .any(|key| body_map.get(*key).is_some_and(|kind| kind == "error"));
    let flat = !answers && (has("detail") || has("errors") || has("message") && has_code(body_map));
    if !has("error") && !kind && !flat {
        return None;
    }
    Some(error_message(body).unwrap_or_else(|| shorten(&body.to_string())))
}

/// The error that one choice of a complete answer reports: its own `error` (OpenRouter), or a
/// finish reason that means that the engine aborted.
pub(super) fn in_choices(body: &Value) -> Option<String> {
    let choices = body.get("choices")?.as_array()?;
    choices.iter().enumerate().find_map(|(nth, choice)| {
        let holders = [Some(choice), choice.get("message")];
        let error = holders.into_iter().flatten().find_map(|holder| {
            let error = holder.get("error").filter(|error| says(error))?;
            Some(error_message(holder).unwrap_or_else(|| shorten(&error.to_string())))
        });
        if let Some(error) = error {
            return Some(format!("choice {nth} holds an error: {error}"));
        }
        let reason = choice.get("finish_reason")?.as_str()?;
        gave_up(reason).then(|| {
            format!(
                "choice {nth} ended with finish_reason `{}`",
                shorten(reason)
            )
        })
    })
}

/// The error that a complete response of the responses API reports in its status.
pub(super) fn in_response(body: &Value) -> Option<String> {
    let status = body.get("status")?.as_str()?;
    let said = || error_message(body).map_or_else(String::new, |said| format!(": {said}"));
    match status {
        "completed" | "incomplete" => None,
        "failed" => Some(format!("the response failed{}", said())),
        other => Some(format!(
            "the response ended with status `{}`{}",
            shorten(other),
            said()
        )),
    }
}

fn gave_up(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    GAVE_UP.iter().any(|part| reason.contains(part))
}

fn has_code(body: &Map<String, Value>) -> bool {
    ["code", "status", "status_code"]
        .iter()
        .any(|key| body.get(*key).is_some_and(says))
}

/// Whether a value is present: good answers may contain `"error": null` or an empty error.
fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

#[cfg(test)]
#[path = "tests/reported.rs"]
mod tests;
