//! Paths into answers that are known: those of completions and chats as vLLM and Dynamo serve it. A rule whose path leads nowhere,
//! or whose condition can never hold there, is a mistake that is better told before an engine is started.

use super::{Checker, Path};
use crate::scenario::mistake::{list, nearest, quote};
use crate::scenario::model::{ApiEndpoint, Assertion, JsonType};
use serde_json::Value;

/// What stands at a place of an answer.
enum Shape {
    Text,
    Number,
    /// Anything, not looked into.
    Any,
    /// Elements of one shape.
    List(&'static Shape),
    /// Fields, and whether there may be others.
    Map(&'static [(&'static str, Shape)], bool),
}

use Shape::{Any, List, Map, Number, Text};

#[rustfmt::skip]
const ANSWER: Shape = Map(&[
    ("id", Text), ("object", Text), ("created", Number), ("model", Text), ("choices", List(&CHOICE)), ("usage", USAGE),
    ("nvext", NVEXT), ("system_fingerprint", Any), ("service_tier", Any), ("kv_transfer_params", Any),
    ("ec_transfer_params", Any), ("prompt_logprobs", Any), ("prompt_token_ids", Any), ("prompt_text", Any),
    ("metrics", Any), ("error", Any), ("message", Any), ("code", Any), ("type", Any), ("detail", Any),
], true);

#[rustfmt::skip]
const CHOICE: Shape = Map(&[
    ("index", Number), ("text", Text), ("message", MESSAGE), ("finish_reason", Text), ("stop_reason", Any),
    ("logprobs", Any), ("token_ids", Any), ("prompt_logprobs", Any), ("prompt_token_ids", Any), ("routed_experts", Any),
], true);

#[rustfmt::skip]
const MESSAGE: Shape = Map(&[
    ("role", Text), ("content", Any), ("refusal", Any), ("reasoning", Any), ("reasoning_content", Any),
    ("tool_calls", Any), ("function_call", Any), ("annotations", Any), ("audio", Any),
], true);

#[rustfmt::skip]
const USAGE: Shape = Map(&[
    ("prompt_tokens", Number), ("completion_tokens", Number), ("total_tokens", Number), ("prompt_tokens_details", Any),
    ("completion_tokens_details", Any),
], true);

/// Dynamo's own: from 1.3 it refuses keys that it does not know, so nothing else is ever there.
#[rustfmt::skip]
const NVEXT: Shape = Map(&[
    ("timing", Map(&[
        ("request_received_ms", Number), ("prefill_wait_time_ms", Number), ("prefill_time_ms", Number),
        ("ttft_ms", Number), ("total_time_ms", Number), ("kv_hit_rate", Number), ("router_queue_depth", Number),
        ("kv_transfer_estimated_latency_ms", Number),
    ], false)),
    ("worker_id", Map(&[
        ("prefill_worker_id", Number), ("prefill_dp_rank", Number), ("decode_worker_id", Number), ("decode_dp_rank", Number),
    ], false)),
    ("token_ids", Any), ("routed_experts", Any), ("stop_reason", Any),
], true);

impl Checker<'_> {
    /// Notes a path that leads nowhere, and a condition that can never hold where it leads.
    pub(super) fn known_path(&mut self, path: &Path, rule: &Assertion) {
        let known = [ApiEndpoint::Completions, ApiEndpoint::Chat];
        if !known.contains(&self.scenario.request.endpoint) {
            return;
        }
        let Some(at) = rule.at.as_deref() else { return };
        let Some(steps) = steps(at) else { return };
        if rule.absent == Some(true) {
            return;
        }
        let mut shape = &ANSWER;
        for step in &steps {
            shape = match (shape, step) {
                (List(element), Step::Item) => element,
                (Map(fields, open), Step::Field(name)) => {
                    match fields.iter().find(|(known, _)| known == name) {
                        Some((_, shape)) => shape,
                        None => return self.unknown(path, name, fields, *open),
                    }
                }
                (Any, _) => return,
                (_, Step::Field(name)) => {
                    let message = format!("{} has no field {}", says(shape), quote(name));
                    let help = match shape {
                        List(_) => "name an element: `choices[0]`, or all: `choices[*]`",
                        _ => "end the path before it",
                    };
                    return self.wrong(&path.key("at"), message, help);
                }
                (_, Step::Item) => {
                    let message = format!("{} has no elements", says(shape));
                    return self.wrong(&path.key("at"), message, "leave the brackets out");
                }
            };
        }
        self.fits(path, at, rule, shape);
    }

    fn unknown(
        &mut self,
        path: &Path,
        name: &str,
        fields: &'static [(&'static str, Shape)],
        open: bool,
    ) {
        let names = || fields.iter().map(|(known, _)| *known);
        let near = nearest(name, names());
        if open && near.is_none() {
            return;
        }
        let message = format!("answers have no {} there", quote(name));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", list(names())),
        };
        self.wrong(&path.key("at"), message, &help);
    }

    fn fits(&mut self, path: &Path, at: &str, rule: &Assertion, shape: &Shape) {
        let values = rule.equals.iter().chain(rule.one_of.iter().flatten());
        let wrong = match rule {
            _ if rule.between.is_some() => (!shape.holds(&Value::from(0))).then_some("between"),
            _ if rule.matches.is_some() => (!shape.holds(&Value::from(""))).then_some("matches"),
            _ if rule.contains.is_some() => (!shape.holds(&Value::from(""))).then_some("contains"),
            Assertion {
                json_type: Some(t), ..
            } => (!shape.has(*t)).then_some("type"),
            _ if rule.equals.is_some() || rule.one_of.is_some() => {
                let key = if rule.equals.is_some() {
                    "equals"
                } else {
                    "one_of"
                };
                (!values
                    .clone()
                    .all(|value| value.is_null() || shape.holds(value)))
                .then_some(key)
            }
            _ => None,
        };
        if let Some(key) = wrong {
            let message = format!("`{at}` is {}, so this can never hold", says(shape));
            let help = format!("write a condition on {}", says(shape));
            self.wrong(&path.key(key), message, &help);
        }
    }
}

impl Shape {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Any => true,
            Text => value.is_string(),
            Number => value.is_number(),
            List(_) => value.is_array(),
            Map(..) => value.is_object(),
        }
    }

    /// Whether it can have a type; anything may be null.
    fn has(&self, json_type: JsonType) -> bool {
        let anything = matches!((self, json_type), (Any, _) | (_, JsonType::Null));
        anything
            || matches!(
                (self, json_type),
                (Text, JsonType::String)
                    | (Number, JsonType::Number | JsonType::Integer)
                    | (List(_), JsonType::Array)
                    | (Map(..), JsonType::Object)
            )
    }
}

fn says(shape: &Shape) -> &'static str {
    match shape {
        Any => "anything",
        Text => "text",
        Number => "a number",
        List(_) => "a list",
        Map(..) => "a map",
    }
}

enum Step<'a> {
    Field(&'a str),
    Item,
}

/// The steps of a path of names and indices; `None` where it is more than that.
fn steps(at: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let at = at.strip_prefix('$').unwrap_or(at);
    for part in at.split('.').filter(|part| !part.is_empty()) {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(plain) {
            return None;
        }
        if !name.is_empty() {
            steps.push(Step::Field(name));
        }
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            if index != "*" && index.parse::<i64>().is_err() {
                return None;
            }
            steps.push(Step::Item);
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (!at.contains("..")).then_some(steps)
}
