//! Where prompts come from: written in the scenario, read from files, or drawn to a length.

use super::limits;
use super::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prompts {
    /// Written in the scenario.
    Inline(Vec<String>),
    /// A file of rows, JSONL or a JSON list: `"..."` or `{"prompt": "..."}`, chat `messages`, or OpenAI's batch format; relative to
    /// the scenario file.
    File(DataFile),
    /// A column of a CSV file with a header.
    Csv(Csv),
    /// A file of conversations as ShareGPT has them; the first thing that a human says in each.
    Sharegpt(DataFile),
    /// A recorded trace of times and lengths: Mooncake, Bailian, Azure or BurstGPT.
    Trace(TraceFile),
    /// Words drawn to a length, counted by the model's own tokenizer.
    Synthetic(Synthetic),
    /// Several turns each, that carry the answers forward; `chat` only.
    Conversations(Conversations),
}

/// A file of prompts: its path alone, or a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataFile {
    /// The file; relative to the scenario file.
    pub file: String,
    /// What a row that cannot be used is.
    pub on_bad_row: OnBadRow,
    /// Keys of rows that are left alone, beside the usual ones.
    pub ignore: Vec<String>,
}

/// A file of prompts, with how its rows are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DataFile")]
struct DataFileMap {
    /// The file; relative to the scenario file.
    file: String,
    /// What a row that cannot be used is: an `error` that ends the run before it starts, or a row to `skip` and count.
    #[serde(default, skip_serializing_if = "is_usual")]
    on_bad_row: OnBadRow,
    /// Keys of rows that are left alone, beside the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore: Vec<String>,
}

/// A file of a recorded trace: its path alone, or a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceFile {
    /// The file; relative to the scenario file.
    pub file: String,
    /// Its format; recognised from the rows unless given.
    pub format: Option<TraceFormat>,
    /// Tokens that one of its `hash_ids` stands for; those of the format unless given.
    pub block_tokens: Option<u32>,
    /// What a row that cannot be used is.
    pub on_bad_row: OnBadRow,
    /// Keys of rows that are left alone, beside the usual ones.
    pub ignore: Vec<String>,
}

/// A file of a recorded trace, with how its rows are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TraceFile")]
struct TraceFileMap {
    /// The file; relative to the scenario file.
    file: String,
    /// Its format; recognised from the rows unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<TraceFormat>,
    /// Tokens that one of its `hash_ids` stands for; those of the format unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::TOKENS))]
    block_tokens: Option<u32>,
    /// What a row that cannot be used is: an `error` that ends the run before it starts, or a row to `skip` and count.
    #[serde(default, skip_serializing_if = "is_usual")]
    on_bad_row: OnBadRow,
    /// Keys of rows that are left alone, beside the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore: Vec<String>,
}

/// What a row that cannot be used is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRow {
    /// A mistake: nothing starts.
    #[default]
    Error,
    /// Skipped and counted.
    Skip,
}

/// The format of a recorded trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceFormat {
    /// JSONL; times in ms, blocks of 512 tokens.
    Mooncake,
    /// JSONL; times in s, blocks of 16 tokens.
    Bailian,
    /// CSV; dates and times.
    Azure,
    /// CSV; times in s.
    Burstgpt,
}

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// The file; relative to the scenario file.
    pub file: String,
    /// The column's name in the first line.
    pub column: String,
    /// What a row that cannot be used is: an `error` that ends the run before it starts, or a row to `skip` and count.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub on_bad_row: OnBadRow,
    /// Columns that are left alone, beside the usual ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// Prompts of exact lengths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Tokens of a prompt as the server counts them, all that it adds included.
    pub input_tokens: Length,
    /// Tokens of its answer, exactly; the server is told to go on to that length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
    /// Tokens at the beginning that the prompts of a group share.
    #[serde(default)]
    #[schemars(range(max = limits::TOKENS))]
    pub shared_prefix_tokens: u32,
    /// Groups, each with a prefix of its own.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = limits::GROUPS))]
    pub groups: u32,
    /// What they are drawn from; the same seed gives the same prompts on every machine.
    #[serde(default)]
    pub seed: u64,
}

/// Conversations in which the model's own answers are part of what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversations {
    /// What the user says in each, from a file as ShareGPT has them; drawn unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharegpt: Option<DataFile>,
    /// Turns of a conversation, each a request; of a file's, at most.
    #[schemars(range(min = 1, max = limits::TURNS))]
    pub turns: u32,
    /// Pause of the user before each turn but the first.
    #[serde(default = "no_time")]
    pub think_time: Time,
    /// Tokens that the user says in a turn, what the chat's template adds not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Length>,
    /// Tokens of each answer, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
    /// What they are drawn from.
    #[serde(default)]
    pub seed: u64,
}

/// A number of tokens, or how it is spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Length {
    /// Always the same.
    Fixed(u32),
    /// Drawn.
    Spread(Spread),
}

/// How lengths are spread: `{mean, stddev}`, or `{min, max}` alone for any length between them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spread {
    /// Mean, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stddev: Option<f64>,
    /// None is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// None is longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// `normal` with a mean, `uniform` without, unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<SpreadShape>,
}

/// The form of a spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpreadShape {
    /// As often above the mean as below.
    Normal,
    /// Many short ones and a few very long; mean and standard deviation are those of the lengths themselves.
    Lognormal,
    /// Every length from `min` to `max` as often.
    Uniform,
}

impl Spread {
    /// Its form.
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
    /// Its key in a scenario.
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
        f.write_str("a number of tokens, or how it is spread, such as `{mean: 512, stddev: 64}`")
    }

    /// In the place of what was wrong and is noted.
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
            "description": "A number of tokens, or how it is spread.",
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": limits::TOKENS}, spread],
        })
    }
}

/// A kind of file that is written as its path alone where nothing else is said of it.
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

            /// In the place of what was wrong and is noted.
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
                    "description": "The path of a file, or a map that says more of it.",
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
