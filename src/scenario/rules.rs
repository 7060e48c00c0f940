//! Rules that a run must pass, as types: rules on answers, logs, processes and across variants, objectives and gates.

use super::gate::Gate;
use super::model::Slo;
use super::units::{Range, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Rules that the run must pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Rules on every answer. An answer that breaks one is a failed request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub every_response: Vec<Assertion>,
    /// Service-level objectives. Requests that meet all of them count as goodput.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<Slo>,
    /// Rules on the logs of the processes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogRule>,
    /// Rules on the processes: their arguments and the versions of their packages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessRule>,
    /// Properties in which the answers of all variants must agree, request by request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub across: Vec<Alike>,
    /// Conditions on metrics, such as `p99 ttft < 800ms` or `error_rate == 0`. The run fails if one does not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
}

/// One rule on an answer: `status`, `stream`, `text`, or `at` or `header` with exactly one condition. In streams, `at`
/// and `text` read the assembled answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assertion {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// A JSONPath (RFC 9535) without the leading `$.`: `choices[0].finish_reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Name of an HTTP header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A rule on the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamRule>,
    /// A rule on the text of each choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextRule>,
    /// `true`: the value exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// `true`: the value does not exist, or is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<bool>,
    /// The value equals this one.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The value equals one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// The value is a number in this range, both ends included: `1..64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<Range>,
    /// The value has this JSON type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub json_type: Option<JsonType>,
    /// The value is text that matches this regular expression somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// The value is text that contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

impl Assertion {
    /// `at` as a complete JSONPath: `$.` is added in front, or `$` before a `[`. A path that starts with `$` is
    /// unchanged.
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

    /// Keys that select what a rule examines.
    pub(super) const SUBJECTS: [&'static str; 5] = ["status", "at", "header", "stream", "text"];

    /// The selecting keys that are given.
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

    /// The conditions that are given.
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

/// A rule on a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamRule {
    /// The stream ends with `[DONE]`.
    Done,
    /// The stream contains `usage`.
    Usage,
    /// Every choice has exactly one finish reason.
    OneFinishReason,
    /// Every choice ends with the finish reason `length` and has `max_tokens` tokens. For use with `ignore_eos`.
    FullLength,
    /// The first event with choices arrives within this time after sending.
    FirstEventWithin(Time),
}

/// A rule on the text of each choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    /// The text is not empty.
    NotEmpty,
    /// The text has no replacement character (U+FFFD), which is the result of a broken token boundary.
    WellFormed,
    /// The text contains this text.
    Contains(String),
    /// The text matches this regular expression somewhere.
    Matches(String),
    /// The text is JSON that this JSON Schema accepts.
    JsonSchema(Value),
}

/// One rule on logs: a regular expression that must be `absent` or `present`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogRule {
    /// No line matches this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
    /// At least one line matches this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<String>,
    /// Name of the process whose log is read. The default is every process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// One rule on processes: `process` with `argument`, or `package` with `version`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProcessRule {
    /// Name of a process: `vllm`, `frontend`, `worker-0`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// An argument that the process must have, with its values, as on a command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// Name of a package: `vllm`, `ai-dynamo`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The required version, or its first components: `1.6` also accepts `1.6.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A property in which the answers of all variants must agree.
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

/// A JSON type.
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

/// Decodes any value as present, including `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
