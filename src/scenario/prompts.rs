//! Where prompts come from: written in the scenario, read from files, or drawn to a length.

use super::limits;
use super::units::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prompts {
    /// Written in the scenario.
    Inline(Vec<String>),
    /// A JSONL file, one `{"prompt": "..."}` or `"..."` a line, with `output_tokens` and `at` (seconds) where wanted; relative to
    /// the scenario file.
    File(String),
    /// A column of a CSV file with a header.
    Csv(Csv),
    /// A file of conversations as ShareGPT has them; the first thing that a human says in each.
    Sharegpt(String),
    /// A recorded trace of times and lengths: Mooncake's JSONL or Azure's CSV.
    Trace(String),
    /// Words drawn to a length, counted by the model's own tokenizer.
    Synthetic(Synthetic),
    /// Several turns each, that carry the answers forward; `chat` only.
    Conversations(Conversations),
}

/// A column of a CSV file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// The file; relative to the scenario file.
    pub file: String,
    /// The column's name in the first line.
    pub column: String,
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
    pub sharegpt: Option<String>,
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

fn one() -> u32 {
    1
}

fn no_time() -> Time {
    Time::from_millis(0)
}
