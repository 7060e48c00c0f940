//! Checks chat messages in the format of OpenAI's API.

use super::collector::BadRow;
use super::lines::shortened;
use crate::scenario::mistake::{list, nearest};
use crate::scenario::model::ApiEndpoint;
use serde_json::Value;

/// Valid roles.
const ROLES: [&str; 6] = [
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// Fields that an assistant's message may have instead of content.
const CALLS: [&str; 4] = ["tool_calls", "function_call", "refusal", "audio"];

/// Checks the roles and contents of messages. Other fields are passed on unchecked.
pub(super) fn check(messages: &[Value], api: ApiEndpoint) -> Result<(), BadRow> {
    for (at, message) in messages.iter().enumerate() {
        check_one(message, api)
            .map_err(|BadRow(why)| BadRow(format!("message {}: {why}", at + 1)))?;
    }
    Ok(())
}

fn check_one(message: &Value, api: ApiEndpoint) -> Result<(), BadRow> {
    let Value::Object(fields) = message else {
        return Err(BadRow(format!(
            "expected {{\"role\": \"user\", \"content\": \"...\"}}, found {}",
            shortened(&message.to_string())
        )));
    };
    // The responses API has items that are not messages, such as the output of a tool.
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
        return Err(BadRow(format!(
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
        None | Some(Value::Null) => Err(BadRow(format!(
            "this message has no `content`, found {}",
            shortened(&message.to_string())
        ))),
        Some(other) => Err(BadRow(format!(
            "`content` must be text or a list of parts, found {}",
            shortened(&other.to_string())
        ))),
    }
}
