//! The requests that prove readiness. They are those of the load, with a short answer where a short answer is
//! sufficient.

use super::expected::LIMITS;
use super::{Purpose, Requests, VariantPlan};
use crate::scenario::model::{ApiEndpoint, Assertion};
use crate::scenario::rules::{StreamRule, TextRule};
use serde_json::{Map, Value};

/// Tokens that a readiness request asks for.
const TOKENS: u64 = 8;
/// Tokens that a readiness request of the responses API asks for. Hosted models reject fewer.
const RESPONSES_TOKENS: u64 = 16;
/// Top-level fields of the assembled answer that do not depend on its length.
const LENGTHLESS: [&str; 8] = [
    "id",
    "object",
    "created",
    "created_at",
    "model",
    "nvext",
    "system_fingerprint",
    "service_tier",
];
/// Body fields that prescribe a form of the answer, which a short answer lacks: a tool call, a JSON document.
const FORMS: [&str; 10] = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "response_format",
    "structured_outputs",
    "text",
    "regex",
    "json_schema",
    "ebnf",
];

impl VariantPlan {
    /// Whether the scenario's rules can only be checked on a whole answer: rules on its text, its finish reason or its
    /// counts, or a form that a short answer lacks.
    #[must_use]
    pub fn proof_needs_whole_answer(&self) -> bool {
        let formed = |key: &String| FORMS.contains(&key.as_str()) || key.starts_with("guided_");
        self.rules.iter().any(needs_whole) || self.requests.template.keys().any(formed)
    }
}

impl Requests {
    /// The body of a readiness request in a round. With `whole`, its answer is as long as those of the load. Otherwise
    /// it has at most a few tokens, and never more than those of the load.
    #[must_use]
    pub fn proof(&self, model: &str, (round, attempt): (u32, u64), whole: bool) -> Vec<u8> {
        let body = self.body(model, Purpose::Readiness { round }, attempt);
        if whole {
            return body;
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(mut fields)) => {
                self.shorten(&mut fields);
                Value::Object(fields).to_string().into_bytes()
            }
            _ => body,
        }
    }

    /// Largest number of tokens that a short readiness request asks for. `None` where answers have no tokens.
    #[must_use]
    pub fn proof_tokens(&self) -> Option<u64> {
        match self.api {
            ApiEndpoint::Completions | ApiEndpoint::Chat => Some(TOKENS),
            ApiEndpoint::Responses => Some(RESPONSES_TOKENS),
            ApiEndpoint::Embeddings => None,
        }
    }

    fn shorten(&self, fields: &mut Map<String, Value>) {
        let Some(most) = self.proof_tokens() else {
            return;
        };
        let key = match self.api {
            ApiEndpoint::Responses => "max_output_tokens",
            _ => "max_tokens",
        };
        if !LIMITS
            .iter()
            .any(|limit| fields.get(*limit).is_some_and(|v| !v.is_null()))
        {
            fields.insert(key.into(), most.into());
        }
        for limit in LIMITS.iter().chain(&["min_tokens"]) {
            if let Some(value) = fields.get_mut(*limit)
                && value.as_f64().is_some_and(|tokens| tokens > most as f64)
            {
                *value = most.into();
            }
        }
    }
}

/// Whether a short answer may break a rule that a whole answer satisfies.
fn needs_whole(rule: &Assertion) -> bool {
    let of_stream = match &rule.stream {
        Some(StreamRule::FullLength) => true,
        Some(
            StreamRule::Done
            | StreamRule::Usage
            | StreamRule::OneFinishReason
            | StreamRule::FirstEventWithin(_),
        )
        | None => false,
    };
    // A short answer may end in the middle of a character.
    let of_text = match &rule.text {
        Some(
            TextRule::WellFormed
            | TextRule::Contains(_)
            | TextRule::Matches(_)
            | TextRule::JsonSchema(_),
        ) => true,
        Some(TextRule::NotEmpty) | None => false,
    };
    let of_place = rule.at.as_deref().is_some_and(|at| {
        let steps = at.split(['.', '[', '"', '\'', ']', '$']);
        let steps: Vec<&str> = steps.filter(|step| !step.is_empty()).collect();
        match (steps.first(), steps.last()) {
            _ if at.contains("..") => true,
            (Some(first), _) if LENGTHLESS.contains(first) => false,
            (Some(&"usage"), _) | (_, Some(&"finish_reason")) => !short_keeps(rule),
            _ => true,
        }
    });
    of_stream || of_text || of_place
}

/// Whether a short answer's token count, or its finish reason `length`, satisfies a rule on them.
fn short_keeps(rule: &Assertion) -> bool {
    let length = Value::from("length");
    let equal = rule.equals.as_ref().is_none_or(|wanted| *wanted == length);
    let among = rule
        .one_of
        .as_ref()
        .is_none_or(|wanted| wanted.contains(&length));
    let within = rule
        .between
        .as_ref()
        .is_none_or(|range| range.low <= TOKENS as f64);
    equal && among && within && rule.matches.is_none() && rule.contains.is_none()
}

#[cfg(test)]
#[path = "tests/proof.rs"]
mod tests;
