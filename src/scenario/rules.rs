//! What must hold, as types: rules on answers, logs, processes and across variants, objectives and gates.

use super::gate::Gate;
use super::model::Slo;
use super::units::{Range, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Rules that every answer must satisfy; an answer that breaks one has failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub every_response: Vec<Assertion>,
    /// Service-level objectives; requests that meet all of them are goodput.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<Slo>,
    /// What must and must not stand in the processes' logs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogRule>,
    /// What the processes must be: their arguments and the versions of their packages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessRule>,
    /// What every variant must answer alike, request by request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub across: Vec<Alike>,
    /// Conditions on metrics that fail the run, such as `p99 ttft < 800ms` or `error_rate == 0`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
}

/// One rule on an answer: `status`, `stream`, `text`, or `at` or `header` with exactly one condition. In streams `at` and
/// `text` read the assembled answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assertion {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// A JSONPath (RFC 9535) without its `$.`: `choices[0].finish_reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// An HTTP header's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What its stream must be like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamRule>,
    /// What the text of each of its choices must be like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextRule>,
    /// `true`: something is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// `true`: nothing is there, or `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// It equals this value.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It equals one of these values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// It is a number in this range, both ends included: `1..64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<Range>,
    /// It has this JSON type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub json_type: Option<JsonType>,
    /// It is text in which this regular expression is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// It is text that holds this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

impl Assertion {
    /// `at` as a whole JSONPath: with `$.` in front, or `$` before a `[`; as it is where it starts with `$`.
    #[must_use]
    pub fn json_path(&self) -> Option<String> {
        let at = self.at.as_deref()?;
        Some(match at.chars().next() {
            Some('$') => at.to_owned(),
            Some('[') => format!("${at}"),
            _ => format!("$.{at}"),
        })
    }

    /// Keys of all conditions.
    pub(super) const CONDITIONS: [&'static str; 8] = [
        "present", "absent", "equals", "one_of", "between", "type", "matches", "contains",
    ];

    /// Keys of all that a rule may look at.
    pub(super) const SUBJECTS: [&'static str; 5] = ["status", "at", "header", "stream", "text"];

    /// Keys of what it looks at.
    pub(super) fn subjects(&self) -> Vec<&'static str> {
        let given = [
            self.status.is_some(),
            self.at.is_some(),
            self.header.is_some(),
            self.stream.is_some(),
            self.text.is_some(),
        ];
        let keys = Self::SUBJECTS.into_iter().zip(given);
        keys.filter_map(|(key, given)| given.then_some(key))
            .collect()
    }

    /// Keys of the conditions that are given.
    pub(super) fn conditions(&self) -> Vec<&'static str> {
        let given = [
            self.present.is_some(),
            self.absent.is_some(),
            self.equals.is_some(),
            self.one_of.is_some(),
            self.between.is_some(),
            self.json_type.is_some(),
            self.matches.is_some(),
            self.contains.is_some(),
        ];
        let keys = Self::CONDITIONS.into_iter().zip(given);
        keys.filter_map(|(key, given)| given.then_some(key))
            .collect()
    }
}

/// What a stream must be like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamRule {
    /// It ends with `[DONE]`.
    Done,
    /// It carries `usage`.
    Usage,
    /// Every choice gives one finish reason, and gives it once.
    OneFinishReason,
    /// Every choice ends by its length and has as many tokens as `max_tokens` asks for; for `ignore_eos`.
    FullLength,
    /// Its first event with choices comes within this time of sending.
    FirstEventWithin(Time),
}

/// What the text of each choice must be like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    /// It is not empty.
    NotEmpty,
    /// It has no replacement character (U+FFFD), which a broken token boundary leaves.
    WellFormed,
    /// It holds this text.
    Contains(String),
    /// This regular expression is found in it.
    Matches(String),
    /// It is JSON that this JSON Schema accepts.
    JsonSchema(Value),
}

/// One rule on logs: `absent` or `present`, a regular expression.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogRule {
    /// No line matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
    /// A line matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<String>,
    /// Only the log of this process; of every process unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// One rule on processes: `process` with `argument`, or `package` with `version`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessRule {
    /// A process: `vllm`, `frontend`, `worker-0`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// An argument that it must be started with, and its values, as one would type them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// A package: `vllm`, `ai-dynamo`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The version that it must have, or its beginning: `1.6` is also `1.6.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What variants can be held to answer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alike {
    /// The HTTP status.
    Status,
    /// The number of prompt tokens: the same tokenizer and chat template.
    PromptTokens,
    /// The number of output tokens.
    OutputTokens,
}

/// JSON's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonType {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// Text.
    String,
    /// A list.
    Array,
    /// A map.
    Object,
}

/// Takes any value for given, `null` too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
