//! What rules ask of a stream's shape and of the text of an answer.

use super::bad_rule::BadRule;
use super::complete::Asked;
use crate::measure::answer::Answer;
use crate::measure::exchange::Exchange;
use crate::measure::usage;
use crate::scenario::rules::{StreamRule, TextRule};
use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What a rule asks of a stream.
#[derive(Debug, Clone)]
pub(super) struct StreamAsk {
    rule: StreamRule,
}

/// What a rule asks of the text of every choice.
#[derive(Debug, Clone)]
pub(super) enum TextAsk {
    NotEmpty,
    WellFormed,
    Contains(String),
    Matches(Regex),
    JsonSchema(Arc<Validator>),
}

impl StreamAsk {
    pub(super) fn new(rule: &StreamRule) -> Self {
        Self { rule: rule.clone() }
    }

    /// What was there instead.
    pub(super) fn breach(
        &self,
        exchange: &Exchange,
        answer: &Answer,
        asked: &Asked<'_>,
    ) -> Option<String> {
        let line = &answer.timeline;
        match &self.rule {
            StreamRule::Done => (!line.done).then(|| "without [DONE]".to_owned()),
            StreamRule::Usage => {
                let usage = answer.body.get("usage").is_some_and(Value::is_object);
                (!usage).then(|| "without usage".to_owned())
            }
            StreamRule::OneFinishReason => {
                let (reasons, choices) = (line.finish_reasons, answer.texts.len());
                let each = finish_reasons(&answer.body).all(|reason| reason.is_some());
                (reasons as usize != choices || !each)
                    .then(|| format!("with {reasons} finish reasons for {choices} choices"))
            }
            StreamRule::FullLength => length(answer, asked),
            StreamRule::FirstEventWithin(limit) => {
                let first = line.first_chunk.zip(exchange.sent);
                let took = first.map(|(first, sent)| first.saturating_sub(sent));
                match took {
                    Some(ns) if u128::from(ns) <= limit.0.as_nanos() => None,
                    Some(ns) => Some(format!("first heard of after {:.1} ms", ns as f64 / 1e6)),
                    None => Some("never heard of".to_owned()),
                }
            }
        }
    }

    /// Whether the rule covers every choice.
    pub(super) fn every_choice(&self) -> bool {
        matches!(
            self.rule,
            StreamRule::OneFinishReason | StreamRule::FullLength
        )
    }

    pub(super) fn expected(&self, asked: &Asked<'_>) -> String {
        match (&self.rule, asked.max_tokens) {
            (StreamRule::Done, _) => "[DONE] at its end".to_owned(),
            (StreamRule::Usage, _) => "usage in it".to_owned(),
            (StreamRule::OneFinishReason, _) => "one for each".to_owned(),
            (StreamRule::FullLength, Some(n)) => {
                format!("{n} tokens for each choice, ended by length")
            }
            (StreamRule::FullLength, None) => "ended by length".to_owned(),
            (StreamRule::FirstEventWithin(limit), _) => format!("its first event within {limit}"),
        }
    }
}

/// How an answer differs from one that has all the tokens that were allowed and was ended by its length.
fn length(answer: &Answer, asked: &Asked<'_>) -> Option<String> {
    if let Some(reason) = finish_reasons(&answer.body).find(|reason| *reason != Some("length")) {
        return Some(format!("finished by {}", reason.unwrap_or("nothing")));
    }
    let wanted = asked.max_tokens? * answer.texts.len() as u64;
    match usage::output(&answer.body).tokens() {
        Some(tokens) if tokens == wanted => None,
        Some(tokens) => Some(format!("{tokens} tokens long")),
        None => Some("of unknown length: it has no usage".to_owned()),
    }
}

/// The finish reason of each choice.
fn finish_reasons(body: &Value) -> impl Iterator<Item = Option<&str>> {
    let choices = body.get("choices").and_then(Value::as_array);
    choices
        .into_iter()
        .flatten()
        .map(|choice| choice.get("finish_reason").and_then(Value::as_str))
        .map(|reason| reason.filter(|reason| !reason.is_empty()))
}

impl TextAsk {
    /// Compiles a rule.
    ///
    /// # Errors
    /// A bad expression or schema, with why.
    pub(super) fn compile(rule: &TextRule) -> Result<Self, BadRule> {
        Ok(match rule {
            TextRule::NotEmpty => Self::NotEmpty,
            TextRule::WellFormed => Self::WellFormed,
            TextRule::Contains(part) => Self::Contains(part.clone()),
            TextRule::Matches(regex) => {
                Self::Matches(Regex::new(regex).map_err(|source| BadRule::Matches {
                    text: regex.clone(),
                    source,
                })?)
            }
            TextRule::JsonSchema(schema) => {
                let validator = jsonschema::validator_for(schema);
                Self::JsonSchema(Arc::new(
                    validator.map_err(|e| BadRule::JsonSchema(e.to_string()))?,
                ))
            }
        })
    }

    /// The first choice that breaks it, and what is wrong with its text.
    pub(super) fn breach(&self, answer: &Answer) -> Option<(usize, String)> {
        if answer.texts.is_empty() {
            return Some((0, "nothing".to_owned()));
        }
        let mut texts = answer.texts.iter().enumerate();
        texts.find_map(|(choice, text)| Some((choice, self.wrong(text)?)))
    }

    fn wrong(&self, text: &str) -> Option<String> {
        let fits = match self {
            Self::NotEmpty => !text.is_empty(),
            Self::WellFormed => !text.contains('\u{fffd}'),
            Self::Contains(part) => text.contains(part),
            Self::Matches(regex) => regex.is_match(text),
            Self::JsonSchema(schema) => match serde_json::from_str(text) {
                Ok(value) => match schema.validate(&value) {
                    Ok(()) => true,
                    Err(error) => return Some(format!("{error} in {text}")),
                },
                Err(error) => return Some(format!("no JSON ({error}): {text}")),
            },
        };
        (!fits).then(|| format!("{text:?}"))
    }

    pub(super) fn expected(&self) -> String {
        match self {
            Self::NotEmpty => "some text".to_owned(),
            Self::WellFormed => "text without replacement characters".to_owned(),
            Self::Contains(part) => format!("text with {part:?}"),
            Self::Matches(regex) => format!("/{}/", regex.as_str()),
            Self::JsonSchema(_) => "what the schema accepts".to_owned(),
        }
    }
}

impl fmt::Display for StreamAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            StreamRule::Done => f.write_str("stream ends with [DONE]"),
            StreamRule::Usage => f.write_str("stream carries usage"),
            StreamRule::OneFinishReason => f.write_str("stream gives one finish reason a choice"),
            StreamRule::FullLength => f.write_str("stream has full length"),
            StreamRule::FirstEventWithin(limit) => write!(f, "stream begins within {limit}"),
        }
    }
}

impl fmt::Display for TextAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty => f.write_str("text is not empty"),
            Self::WellFormed => f.write_str("text is well formed"),
            Self::Contains(part) => write!(f, "text contains {part:?}"),
            Self::Matches(regex) => write!(f, "text matches /{}/", regex.as_str()),
            Self::JsonSchema(_) => f.write_str("text satisfies its JSON Schema"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
