//! The embeddings API: a short vector for each input, which depends only on the input.

use super::answer::Answer;
use super::text::splitmix;
use serde_json::{Value, json};

/// Numbers in a vector.
const DIMENSIONS: u64 = 8;

impl Answer {
    /// The complete answer.
    pub(super) fn embeddings(&self) -> Value {
        let choices = self.ask.choices.iter().enumerate();
        let data: Vec<Value> = choices
            .map(|(index, choice)| {
                let numbers = (0..DIMENSIONS).map(|n| number(choice.prompt.seed.wrapping_add(n)));
                json!({"index": index, "object": "embedding", "embedding": numbers.collect::<Vec<f64>>()})
            })
            .collect();
        let tokens = self.usage().prompt;
        json!({
            "id": self.envelope.id, "object": "list", "created": self.envelope.created, "model": self.envelope.model,
            "data": data,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0, "prompt_tokens_details": null},
        })
    }
}

/// A number from -1 to 1.
fn number(seed: u64) -> f64 {
    (splitmix(seed) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}
