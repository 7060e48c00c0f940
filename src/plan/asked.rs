//! What a request asks for, by its index: the model, the longest answer and the number of choices. Whoever judges an
//! answer compares it with these.

use super::Requests;
use super::prompts::{Entry, Source};
use crate::scenario::model::{ApiEndpoint, Length};
use serde_json::{Map, Value};

/// Body fields that limit an answer's tokens, the stronger one first.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

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
        self.length_of(index)
            .map(u64::from)
            .or_else(|| self.rows_of(index).find_map(|entry| limit(&entry.body)))
            .or_else(|| limit(&self.template))
    }

    /// The choices that request `index` asks for: `n` for each of its prompts. Of embeddings, the vectors.
    #[must_use]
    pub fn choices_of(&self, index: u64) -> u64 {
        let prompts = u64::from(self.prompts_per_request);
        let n = |body: &Map<String, Value>| body.get("n")?.as_u64();
        match self.api {
            ApiEndpoint::Completions | ApiEndpoint::Chat => {
                let own = self.rows_of(index).find_map(|entry| n(&entry.body));
                let each = own.or_else(|| n(&self.template)).unwrap_or(1);
                prompts.saturating_mul(each)
            }
            ApiEndpoint::Embeddings => prompts,
            ApiEndpoint::Responses => 1,
        }
    }

    /// The length that is demanded of the answers of request `index`.
    fn length_of(&self, index: u64) -> Option<u32> {
        self.output_tokens.or_else(|| match &self.prompts.source {
            // Which turn a request is, is known only when it is sent.
            Source::Conversations(talk) => match talk.output_tokens.as_ref()? {
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

/// The limit that body fields set; `null` sets none.
fn limit(body: &Map<String, Value>) -> Option<u64> {
    LIMITS.iter().find_map(|key| body.get(*key)?.as_u64())
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
