//! Messages of a chat, as OpenAI's API takes them.

use super::lines::shortened;
use super::pile::Bad;
use crate::scenario::mistake::{list, nearest};
use crate::scenario::model::ApiEndpoint;
use serde_json::Value;

/// Who may speak.
const ROLES: [&str; 6] = [
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// What an assistant's message may have in the place of content.
const CALLS: [&str; 4] = ["tool_calls", "function_call", "refusal", "audio"];

/// Checks a list of messages: who speaks, and that each says something. All else in them is passed on.
pub(super) fn check(messages: &[Value], api: ApiEndpoint) -> Result<(), Bad> {
    for (at, message) in messages.iter().enumerate() {
        check_one(message, api).map_err(|Bad(why)| Bad(format!("message {}: {why}", at + 1)))?;
    }
    Ok(())
}

fn check_one(message: &Value, api: ApiEndpoint) -> Result<(), Bad> {
    let Value::Object(fields) = message else {
        return Err(Bad(format!(
            "expected {{\"role\": \"user\", \"content\": \"...\"}}, found {}",
            shortened(&message.to_string())
        )));
    };
    // Items of the responses API that are no messages, such as the output of a tool.
    if api == ApiEndpoint::Responses && !fields.contains_key("role") && fields.contains_key("type")
    {
        return Ok(());
    }
    let role = fields.get("role").and_then(Value::as_str);
    let Some(role) = role.filter(|role| ROLES.contains(role)) else {
        let found = fields.get("role").map_or_else(
            || format!("no `role` in {}", shortened(&message.to_string())),
            |role| shortened(&role.to_string()),
        );
        let meant = role.and_then(|role| nearest(role, ROLES));
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        return Err(Bad(format!(
            "`role` must be one of {}, found {found}{meant}",
            list(ROLES)
        )));
    };
    match fields.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) if parts.iter().all(Value::is_object) => Ok(()),
        None | Some(Value::Null)
            if role == "assistant" && CALLS.iter().any(|call| fields.contains_key(*call)) =>
        {
            Ok(())
        }
        None | Some(Value::Null) => Err(Bad(format!(
            "this message has no `content`, found {}",
            shortened(&message.to_string())
        ))),
        Some(other) => Err(Bad(format!(
            "`content` must be text or a list of parts, found {}",
            shortened(&other.to_string())
        ))),
    }
}
