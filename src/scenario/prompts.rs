//! Sources of prompts: the scenario itself, files, or generated text of a given length.

use super::limits;
use super::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Source of the prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prompts {
    /// Prompts that are written in the scenario.
    Inline(Vec<String>),
    /// A file of rows, JSONL or a JSON list: `"..."` or `{"prompt": "..."}`, chat `messages`, or OpenAI's batch format.
    /// The path is relative to the scenario file.
    File(DataFile),
    /// A column of a CSV file with a header.
    Csv(Csv),
    /// A file of conversations in ShareGPT's format. The first message of the human in each conversation is the prompt.
    Sharegpt(DataFile),
    /// A recorded trace of times and lengths: Mooncake, Bailian, Azure or BurstGPT.
    Trace(TraceFile),
    /// Generated words. The model's own tokenizer counts their length.
    Synthetic(Synthetic),
    /// Conversations of several turns, which include the earlier answers. They need the `chat` endpoint.
    Conversations(Conversations),
}

/// A file of prompts: its path alone, or a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataFile {
    /// Path of the file, relative to the scenario file.
    pub file: String,
    /// What happens to a row that cannot be used.
    pub on_bad_row: OnBadRow,
    /// Additional keys of rows to ignore.
    pub ignore: Vec<String>,
}

/// A file of prompts, with how its rows are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DataFile")]
struct DataFileMap {
    /// Path of the file, relative to the scenario file.
    file: String,
    /// What happens to a row that cannot be used: an `error` ends the run before it starts, `skip` skips and counts it.
    #[serde(default, skip_serializing_if = "is_usual")]
    on_bad_row: OnBadRow,
    /// Additional keys of rows to ignore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore: Vec<String>,
}

/// A file of a recorded trace: its path alone, or a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceFile {
    /// Path of the file, relative to the scenario file.
    pub file: String,
    /// Format of the trace. The default is detected from the rows.
    pub format: Option<TraceFormat>,
    /// Tokens that one entry of `hash_ids` stands for. The default is that of the format.
    pub block_tokens: Option<u32>,
    /// What happens to a row that cannot be used.
    pub on_bad_row: OnBadRow,
    /// Additional keys of rows to ignore.
    pub ignore: Vec<String>,
}

/// A file of a recorded trace, with how its rows are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TraceFile")]
struct TraceFileMap {
    /// Path of the file, relative to the scenario file.
    file: String,
    /// Format of the trace. The default is detected from the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<TraceFormat>,
    /// Tokens that one entry of `hash_ids` stands for. The default is that of the format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::TOKENS))]
    block_tokens: Option<u32>,
    /// What happens to a row that cannot be used: an `error` ends the run before it starts, `skip` skips and counts it.
    #[serde(default, skip_serializing_if = "is_usual")]
    on_bad_row: OnBadRow,
    /// Additional keys of rows to ignore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore: Vec<String>,
}

/// What happens to a row that cannot be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRow {
    /// It is reported as a mistake, and nothing starts.
    #[default]
    Error,
    /// It is skipped and counted.
    Skip,
}

/// The format of a recorded trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// JSONL, with times in milliseconds and blocks of 512 tokens.
    Mooncake,
    /// JSONL, with times in seconds and blocks of 16 tokens.
    Bailian,
    /// CSV, with dates and times.
    Azure,
    /// CSV, with times in seconds.
    Burstgpt,
}

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Path of the file, relative to the scenario file.
    pub file: String,
    /// Name of the column in the header.
    pub column: String,
    /// What happens to a row that cannot be used: an `error` ends the run before it starts, `skip` skips and counts it.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub on_bad_row: OnBadRow,
    /// Additional columns to ignore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// Generated prompts of exact lengths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Tokens of a prompt as the server counts them, including those that it adds.
    pub input_tokens: Length,
    /// Exact number of tokens of the answer. The request tells the server to continue to that length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
    /// Tokens of the prefix that the prompts of a group share.
    #[serde(default)]
    #[schemars(range(max = limits::TOKENS))]
    pub shared_prefix_tokens: u32,
    /// Number of groups. Each has its own prefix.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = limits::GROUPS))]
    pub groups: u32,
    /// Seed of the generated prompts. The same seed gives the same prompts on every machine.
    #[serde(default)]
    pub seed: u64,
}

/// Conversations in which each request includes the model's earlier answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversations {
    /// A file in ShareGPT's format with the user's messages. Without it, messages are generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharegpt: Option<DataFile>,
    /// Turns of a conversation. Each turn is one request. With a file, the largest number of turns.
    #[schemars(range(min = 1, max = limits::TURNS))]
    pub turns: u32,
    /// Pause of the user before each turn except the first.
    #[serde(default = "no_time")]
    pub think_time: Time,
    /// Tokens of the user's message in a turn, without those that the chat template adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Length>,
    /// Exact number of tokens of each answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
    /// Seed of the generated messages.
    #[serde(default)]
    pub seed: u64,
}

/// A number of tokens, or its distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Length {
    /// The same length for all.
    Fixed(u32),
    /// A random length.
    Spread(Spread),
}

/// Distribution of lengths: `{mean, stddev}`, or `{min, max}` alone for a uniform one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spread {
    /// Mean, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stddev: Option<f64>,
    /// Shortest length, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Longest length, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Shape of the distribution. The default is `normal` with a mean and `uniform` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<SpreadShape>,
}

/// Shape of a distribution of lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpreadShape {
    /// Symmetric around the mean.
    Normal,
    /// Many short lengths and a few very long ones. Mean and standard deviation are those of the lengths themselves.
    Lognormal,
    /// Every length from `min` to `max` is equally likely.
    Uniform,
}

impl Spread {
    /// The shape, with its default.
    #[must_use]
    pub fn shape(&self) -> SpreadShape {
        self.shape.unwrap_or(if self.mean.is_some() {
            SpreadShape::Normal
        } else {
            SpreadShape::Uniform
        })
    }
}

impl Prompts {
    /// The key of this source in a scenario.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Inline(_) => "inline",
            Self::File(_) => "file",
            Self::Csv(_) => "csv",
            Self::Sharegpt(_) => "sharegpt",
            Self::Trace(_) => "trace",
            Self::Synthetic(_) => "synthetic",
            Self::Conversations(_) => "conversations",
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthVisitor)
    }
}

struct LengthVisitor;

impl<'de> Visitor<'de> for LengthVisitor {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens, or a distribution such as `{mean: 512, stddev: 64}`")
    }

    /// A hole, whose mistake was reported, decodes as a default value.
    fn visit_none<E>(self) -> Result<Length, E> {
        Ok(Length::Fixed(1))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Length, E> {
        let tokens = u32::try_from(value).map(Length::Fixed);
        tokens.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
        let number = text.trim().parse().map(Length::Fixed);
        number.map_err(|_| E::invalid_type(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Length, A::Error> {
        Spread::deserialize(MapAccessDeserializer::new(map)).map(Length::Spread)
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let spread = generator.subschema_for::<Spread>();
        json_schema!({
            "description": "A number of tokens, or its distribution.",
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": limits::TOKENS}, spread],
        })
    }
}

/// A file that is written as its path alone, or as a map with more settings.
macro_rules! path_or_map {
    ($type:ident, $map:ident, $visitor:ident, [$($field:ident),+], $expected:literal) => {
        impl From<$map> for $type {
            fn from(map: $map) -> Self {
                let $map { file, $($field),+ } = map;
                Self { file, $($field),+ }
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { file, $($field),+ } = self.clone();
                let plain = Self { file: file.clone(), ..Self::default() };
                if *self == plain {
                    serializer.serialize_str(&file)
                } else {
                    $map { file, $($field),+ }.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }

        struct $visitor;

        impl<'de> Visitor<'de> for $visitor {
            type Value = $type;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expected)
            }

            /// A hole, whose mistake was reported, decodes as a default value.
            fn visit_none<E>(self) -> Result<$type, E> {
                Ok($type { file: "-".to_owned(), ..$type::default() })
            }

            fn visit_str<E>(self, text: &str) -> Result<$type, E> {
                Ok($type { file: text.to_owned(), ..$type::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                $map::deserialize(MapAccessDeserializer::new(map)).map($type::from)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                concat!(stringify!($type), "OrPath").into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let map = generator.subschema_for::<$map>();
                json_schema!({
                    "description": "The path of a file, or a map with the path and more settings.",
                    "anyOf": [{"type": "string"}, map],
                })
            }
        }
    };
}

path_or_map!(
    DataFile,
    DataFileMap,
    DataFileVisitor,
    [on_bad_row, ignore],
    "the path of a file, or a map such as `{file: prompts.jsonl, on_bad_row: skip}`"
);
path_or_map!(
    TraceFile,
    TraceFileMap,
    TraceFileVisitor,
    [format, block_tokens, on_bad_row, ignore],
    "the path of a file, or a map such as `{file: trace.jsonl, format: mooncake}`"
);

fn is_usual(on_bad_row: &OnBadRow) -> bool {
    *on_bad_row == OnBadRow::Error
}

fn one() -> u32 {
    1
}

fn no_time() -> Time {
    Time::from_millis(0)
}
