//! Extracts what a message or a delta contains: text under the names that servers use, tool calls,
//! audio. Pure.

use serde_json::Value;
use std::borrow::Cow;

/// The reasoning of a message or a delta: `reasoning_content` (DeepSeek, vLLM), `reasoning` (vLLM,
/// OpenRouter; some servers send both), or the texts of `reasoning_details` (OpenRouter).
pub(super) fn reasoning(message: &Value) -> Option<Cow<'_, str>> {
    let named = ["reasoning_content", "reasoning"];
    let named = named
        .into_iter()
        .filter_map(|key| message.get(key)?.as_str());
    if let Some(text) = named.into_iter().find(|text| !text.is_empty()) {
        return Some(text.into());
    }
    let details = message.get("reasoning_details")?.as_array()?;
    let texts = details.iter().filter_map(|detail| {
        let texts = ["text", "summary"].into_iter();
        texts.filter_map(|key| detail.get(key)?.as_str()).next()
    });
    Some(texts.collect::<String>().into()).filter(|text: &Cow<'_, str>| !text.is_empty())
}

/// The content of a message or a delta: a string, or a list of text parts.
pub(super) fn content(message: &Value) -> Option<Cow<'_, str>> {
    match message.get("content")? {
        Value::String(text) => Some(text.into()),
        Value::Array(parts) => Some(
            parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .collect::<String>()
                .into(),
        ),
        _ => None,
    }
}

/// All text of each choice or response of a complete body, in index order.
pub(super) fn texts(body: &Value) -> Vec<String> {
    if let Some(text) = super::responses::whole_text(body) {
        return vec![text];
    }
    let choices = body.get("choices").and_then(Value::as_array);
    let mut choices: Vec<&Value> = choices.into_iter().flatten().collect();
    choices.sort_by_key(|choice| choice.get("index").and_then(Value::as_u64));
    choices.into_iter().map(text).collect()
}

/// All text of one choice.
fn text(choice: &Value) -> String {
    pieces(choice).collect()
}

/// The text of one choice: `text` of completions, or reasoning, content, refusal and call arguments
/// of a message.
fn pieces(choice: &Value) -> impl Iterator<Item = Cow<'_, str>> {
    let whole = choice.get("text").and_then(Value::as_str);
    let message = choice.get("message").filter(|_| whole.is_none());
    let refusal = message.and_then(|message| message.get("refusal")?.as_str());
    let said = [
        whole.map(Cow::from),
        message.and_then(reasoning),
        message.and_then(content),
        refusal.map(Cow::from),
    ];
    let arguments = functions(message).filter_map(|function| function["arguments"].as_str());
    said.into_iter().flatten().chain(arguments.map(Cow::from))
}

/// Names of the functions that a message calls.
fn functions(message: Option<&Value>) -> impl Iterator<Item = &Value> {
    let calls = message.and_then(|message| message.get("tool_calls")?.as_array());
    let calls = calls.into_iter().flatten().filter_map(|call| {
        let kinds = ["function", "custom"].into_iter();
        kinds.filter_map(|kind| call.get(kind)).next()
    });
    calls.chain(message.and_then(|message| message.get("function_call")))
}

/// Whether one choice of a complete body contains generated output: text, a call, or audio.
#[must_use]
pub(crate) fn generated(choice: &Value) -> bool {
    let message = choice.get("message");
    let named = |function: &Value| {
        function["name"]
            .as_str()
            .is_some_and(|name| !name.is_empty())
    };
    pieces(choice).any(|piece| !piece.is_empty())
        || functions(message).any(named)
        || message.is_some_and(|message| message.get("audio").is_some_and(Value::is_object))
}

/// Whether an item of a response's `output` contains generated output: a message or reasoning with
/// text, or a call.
#[must_use]
pub(crate) fn item_generated(item: &Value) -> bool {
    match item.get("type").and_then(Value::as_str) {
        // Calls of functions and of server-side tools need no text.
        Some(kind) if kind.ends_with("_call") => true,
        _ => !super::responses::item_text(item).is_empty(),
    }
}

#[cfg(test)]
#[path = "tests/message.rs"]
mod tests;
