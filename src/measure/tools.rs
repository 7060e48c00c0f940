//! Checks the tool calls of a complete chat answer for what a client would fail on. Pure.

use serde_json::Value;

/// Why a choice that claims to end with tool calls cannot be executed.
pub(super) fn trouble(body: &Value) -> Option<String> {
    let choices = body.get("choices")?.as_array()?;
    let called = choices
        .iter()
        .filter(|choice| choice["finish_reason"] == "tool_calls");
    called
        .filter_map(|choice| choice.get("message"))
        .find_map(in_message)
}

fn in_message(message: &Value) -> Option<String> {
    let none = Vec::new();
    let calls = message["tool_calls"].as_array().unwrap_or(&none);
    if calls.is_empty() {
        return Some("it ends with `tool_calls` and calls none".into());
    }
    calls.iter().enumerate().find_map(|(nth, call)| {
        let function = &call["function"];
        if function["name"].as_str().is_none_or(str::is_empty) {
            return Some(format!("tool call {nth} names no function"));
        }
        let arguments = function["arguments"].as_str().unwrap_or_default();
        let wrong = serde_json::from_str::<Value>(arguments).err()?;
        Some(format!(
            "the arguments of tool call {nth} are not JSON: {wrong}"
        ))
    })
}

#[cfg(test)]
#[path = "tests/tools.rs"]
mod tests;
