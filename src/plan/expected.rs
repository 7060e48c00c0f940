//! Expected properties of the answer to each request: the model, the longest answer and the number of choices. Answers
//! are compared with them.

use super::Requests;
use super::prompts::{Entry, Source};
use crate::scenario::model::{ApiEndpoint, Length};
use serde_json::{Map, Value};

/// Fields of the request body that limit an answer's tokens. Earlier ones take precedence.
pub(super) const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

impl Requests {
    /// Name of the model in the row of request `index`. `None` where the request uses the endpoint's model.
    #[must_use]
    pub fn model_of(&self, index: u64) -> Option<&str> {
        self.rows_of(index)
            .find_map(|entry| entry.body.get("model")?.as_str())
    }

    /// Largest number of tokens of each choice of request `index`. `None` where the request sets no limit.
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

    /// Number of choices that request `index` asks for: `n` for each of its prompts. For embeddings, the number of
    /// vectors.
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

    /// A body field of request `index`: that of its row, or else that of all requests.
    fn field(&self, index: u64, key: &str) -> Option<&Value> {
        let own = self.rows_of(index).find_map(|entry| entry.body.get(key));
        let replaced = || {
            let mut rows = self.rows_of(index);
            LIMITS.contains(&key) && rows.any(|entry| limits(&entry.body))
        };
        own.or_else(|| self.template.get(key).filter(|_| !replaced()))
    }

    /// Whether request `index` asks the server to repeat the prompt before the answer (`echo` of completions). The
    /// repeated text has no output tokens.
    #[must_use]
    pub fn echoes(&self, index: u64) -> bool {
        let echo = |body: &Map<String, Value>| body.get("echo")?.as_bool();
        let own = self.rows_of(index).find_map(|entry| echo(&entry.body));
        own.or_else(|| echo(&self.template)).unwrap_or(false)
    }

    /// Exact number of tokens that request `index` demands of its answers.
    fn length_of(&self, index: u64) -> Option<u32> {
        self.output_tokens.or_else(|| match &self.prompts.source {
            // The turn of a request is known only when it is sent, so this is the maximum over all turns.
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

    /// Numbers of the prompts in request `index`.
    pub(super) fn numbers(&self, index: u64) -> impl Iterator<Item = u64> + use<> {
        let each = u64::from(self.prompts_per_request);
        (0..each).map(move |offset| index * each + offset)
    }

    /// The rows in request `index`, where prompts are listed.
    pub(super) fn rows_of(&self, index: u64) -> impl Iterator<Item = &Entry> {
        self.numbers(index)
            .filter_map(|number| self.prompts.row(number))
    }
}

/// Whether body fields limit the length of the answer. They then replace every such field of all requests, so that the
/// engine gets only one limit.
pub(super) fn limits(body: &Map<String, Value>) -> bool {
    LIMITS.iter().any(|key| body.contains_key(*key))
}

#[cfg(test)]
#[path = "tests/expected.rs"]
mod tests;
