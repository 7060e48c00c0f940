//! What a request asks for, by its index: the model, the longest answer and the number of choices. Whoever judges an
//! answer compares it with these.

use super::Requests;
use super::prompts::{Entry, Source};
use crate::scenario::model::{ApiEndpoint, Length};
use serde_json::{Map, Value};

/// Body fields that limit an answer's tokens, the stronger one first.
pub(super) const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

impl Requests {
    /// The model that request `index` names itself; `None` where it asks for the endpoint's.
    #[must_use]
    pub fn model_of(&self, index: u64) -> Option<&str> {
        self.rows_of(index)
            .find_map(|entry| entry.body.get("model")?.as_str())
    }

    /// The most tokens that each choice of request `index` may have; `None` where the request sets no limit.
    #[must_use]
    pub fn max_tokens_of(&self, index: u64) -> Option<u64> {
        if self.api == ApiEndpoint::Embeddings {
            return None;
        }
        self.length_of(index).map(u64::from).or_else(|| {
            let limit = |key: &&str| self.field(index, key)?.as_u64();
            LIMITS.iter().find_map(limit)
        })
    }

    /// The choices that request `index` asks for: `n` for each of its prompts. Of embeddings, the vectors.
    #[must_use]
    pub fn choices_of(&self, index: u64) -> u64 {
        let prompts = u64::from(self.prompts_per_request);
        match self.api {
            ApiEndpoint::Completions | ApiEndpoint::Chat => {
                let n = self.field(index, "n").and_then(Value::as_u64);
                prompts.saturating_mul(n.unwrap_or(1))
            }
            ApiEndpoint::Embeddings => prompts,
            ApiEndpoint::Responses => 1,
        }
    }

    /// A body field of request `index`: the row's own, else that of all requests.
    fn field(&self, index: u64, key: &str) -> Option<&Value> {
        let own = self.rows_of(index).find_map(|entry| entry.body.get(key));
        let replaced = || {
            let mut rows = self.rows_of(index);
            LIMITS.contains(&key) && rows.any(|entry| limits(&entry.body))
        };
        own.or_else(|| self.template.get(key).filter(|_| !replaced()))
    }

    /// Whether request `index` asks for its prompt to be repeated in front of the answer (`echo` of completions), which is text
    /// that no output token stands for.
    #[must_use]
    pub fn echoes(&self, index: u64) -> bool {
        let echo = |body: &Map<String, Value>| body.get("echo")?.as_bool();
        let own = self.rows_of(index).find_map(|entry| echo(&entry.body));
        own.or_else(|| echo(&self.template)).unwrap_or(false)
    }

    /// The length that is demanded of the answers of request `index`.
    fn length_of(&self, index: u64) -> Option<u32> {
        self.output_tokens.or_else(|| match &self.prompts.source {
            // Which turn a request is, is known only when it is sent.
            Source::Conversations(spec) => match spec.output_tokens.as_ref()? {
                Length::Fixed(tokens) => Some(*tokens),
                Length::Spread(spread) => spread.max,
            },
            Source::Synthetic(_) => self
                .numbers(index)
                .find_map(|number| self.prompts.entry(number).output_tokens),
            Source::Listed(_) => self.rows_of(index).find_map(|entry| entry.output_tokens),
        })
    }

    /// The numbers of the prompts of request `index`.
    pub(super) fn numbers(&self, index: u64) -> impl Iterator<Item = u64> + use<> {
        let each = u64::from(self.prompts_per_request);
        (0..each).map(move |offset| index * each + offset)
    }

    /// The rows that request `index` is made of, where prompts are listed.
    pub(super) fn rows_of(&self, index: u64) -> impl Iterator<Item = &Entry> {
        self.numbers(index)
            .filter_map(|number| self.prompts.row(number))
    }
}

/// Whether body fields say how long an answer may be. They then replace every such field of all requests, or an engine
/// would have two limits to choose from.
pub(super) fn limits(body: &Map<String, Value>) -> bool {
    LIMITS.iter().any(|key| body.contains_key(*key))
}

#[cfg(test)]
#[path = "tests/asked.rs"]
mod tests;
