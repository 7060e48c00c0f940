//! The JSON of one stream event and of a complete answer, key by key as vLLM 0.31 and Dynamo 1.6.1
//! with vLLM workers send it.

use super::options::Flavour;
use super::request::Api;
use serde_json::{Value, json};

/// The `system_fingerprint` that vLLM sends.
const FINGERPRINT: &str = "vllm-0.31.0-bench-sim";

/// What every object of one answer repeats.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) flavour: Flavour,
    pub(super) api: Api,
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    /// Whether the request has several choices.
    pub(super) several: bool,
}

/// Tokens of a whole request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
}

impl Envelope {
    /// vLLM's first chunk of a chat, before any text.
    pub(super) fn role_chunk(&self, index: usize) -> Value {
        let delta = json!({"role": "assistant", "content": ""});
        let choice =
            json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null});
        let mut chunk = self.wrap(&self.id, vec![choice]);
        chunk["prompt_token_ids"] = Value::Null;
        chunk["prompt_text"] = Value::Null;
        chunk
    }

    /// A chunk of text: the `first` of its choice, or its last if it has a `finish_reason`.
    pub(super) fn text_chunk(
        &self,
        index: usize,
        text: &str,
        first: bool,
        finish_reason: Option<&str>,
    ) -> Value {
        let choice = match (self.flavour, self.api) {
            (Flavour::Vllm, Api::Completions) => json!({
                "index": index, "text": text, "logprobs": null, "finish_reason": finish_reason, "stop_reason": null,
                "prompt_token_ids": null, "token_ids": null,
            }),
            (Flavour::Vllm, _) => {
                let mut choice = json!({
                    "index": index, "delta": {"content": text}, "logprobs": null, "finish_reason": finish_reason,
                });
                if finish_reason.is_some() {
                    choice["stop_reason"] = Value::Null;
                }
                choice["token_ids"] = Value::Null;
                choice
            }
            (Flavour::Dynamo, Api::Completions) => match finish_reason {
                None => json!({"text": text, "index": index}),
                Some(reason) => json!({"text": text, "index": index, "finish_reason": reason}),
            },
            (Flavour::Dynamo, _) => {
                let delta = if first {
                    json!({"content": text, "role": "assistant"})
                } else {
                    json!({"content": text})
                };
                json!({"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": null})
            }
        };
        self.wrap(&self.id_of(index), vec![choice])
    }

    /// The chunk of usage that ends a stream.
    pub(super) fn usage_chunk(&self, usage: Usage) -> Value {
        let mut chunk = self.wrap(&self.id, Vec::new());
        chunk["usage"] = self.usage(usage);
        self.sign(chunk)
    }

    /// vLLM adds its fingerprint to the last object of a stream.
    pub(super) fn sign(&self, mut chunk: Value) -> Value {
        if self.flavour == Flavour::Vllm {
            chunk["system_fingerprint"] = FINGERPRINT.into();
        }
        chunk
    }

    fn wrap(&self, id: &str, choices: Vec<Value>) -> Value {
        let (created, model) = (self.created, &self.model);
        match (self.flavour, self.api) {
            (Flavour::Vllm, Api::Completions) => json!({
                "id": id, "object": "text_completion", "created": created, "model": model, "choices": choices,
            }),
            (Flavour::Vllm, _) => json!({
                "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": choices,
            }),
            (Flavour::Dynamo, Api::Completions) => json!({
                "id": id, "choices": choices, "created": created, "model": model, "system_fingerprint": null,
                "object": "text_completion", "usage": null,
            }),
            (Flavour::Dynamo, _) => json!({
                "id": id, "choices": choices, "created": created, "model": model, "object": "chat.completion.chunk",
            }),
        }
    }

    /// Dynamo distinguishes the choices of a request with several prompts by their ids.
    fn id_of(&self, index: usize) -> String {
        if self.several && self.flavour == Flavour::Dynamo {
            format!("{}-{index}", self.id)
        } else {
            self.id.clone()
        }
    }

    /// The complete answer of a call that does not stream. Each choice is its text and finish
    /// reason.
    pub(super) fn whole(&self, choices: &[(String, &str)], usage: Usage) -> Value {
        let choices: Vec<_> = choices
            .iter()
            .enumerate()
            .map(|(index, (text, finish_reason))| self.whole_choice(index, text, finish_reason))
            .collect();
        let (id, created, model) = (&self.id, self.created, &self.model);
        let usage = self.usage(usage);
        match (self.flavour, self.api) {
            (Flavour::Vllm, Api::Completions) => json!({
                "id": id, "object": "text_completion", "created": created, "model": model, "choices": choices,
                "service_tier": null, "system_fingerprint": FINGERPRINT, "usage": with_details(usage),
                "kv_transfer_params": null, "ec_transfer_params": null, "metrics": null,
            }),
            (Flavour::Vllm, _) => json!({
                "id": id, "object": "chat.completion", "created": created, "model": model, "choices": choices,
                "service_tier": null, "system_fingerprint": FINGERPRINT, "usage": with_details(usage), "prompt_logprobs": null,
                "prompt_token_ids": null, "prompt_text": null, "kv_transfer_params": null, "ec_transfer_params": null,
                "metrics": null,
            }),
            (Flavour::Dynamo, Api::Completions) => json!({
                "id": id, "choices": choices, "created": created, "model": model, "system_fingerprint": null,
                "object": "text_completion", "usage": usage,
            }),
            (Flavour::Dynamo, _) => json!({
                "id": id, "choices": choices, "created": created, "model": model, "object": "chat.completion",
                "usage": usage,
            }),
        }
    }

    fn whole_choice(&self, index: usize, text: &str, finish_reason: &str) -> Value {
        match (self.flavour, self.api) {
            (Flavour::Vllm, Api::Completions) => json!({
                "index": index, "text": text, "logprobs": null, "finish_reason": finish_reason, "stop_reason": null,
                "token_ids": null, "prompt_logprobs": null, "prompt_token_ids": null, "routed_experts": null,
            }),
            (Flavour::Vllm, _) => json!({
                "index": index,
                "message": {
                    "role": "assistant", "content": text, "refusal": null, "annotations": null, "audio": null,
                    "function_call": null, "reasoning": null,
                },
                "logprobs": null, "finish_reason": finish_reason, "stop_reason": null, "token_ids": null,
                "routed_experts": null,
            }),
            (Flavour::Dynamo, Api::Completions) => json!({
                "text": text, "index": index, "finish_reason": finish_reason,
            }),
            (Flavour::Dynamo, _) => json!({
                "index": index, "message": {"content": text, "refusal": null, "role": "assistant"},
                "finish_reason": finish_reason, "logprobs": null,
            }),
        }
    }

    fn usage(&self, Usage { prompt, completion }: Usage) -> Value {
        let total = prompt + completion;
        match (self.flavour, self.api) {
            (Flavour::Vllm, _) => json!({
                "prompt_tokens": prompt, "total_tokens": total, "completion_tokens": completion,
            }),
            (Flavour::Dynamo, Api::Completions) => json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
                "prompt_tokens_details": {"audio_tokens": null, "cached_tokens": 0},
            }),
            (Flavour::Dynamo, _) => json!({
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
                "prompt_tokens_details": {"cached_tokens": 0},
            }),
        }
    }
}

/// vLLM's usage outside of streams.
fn with_details(mut usage: Value) -> Value {
    usage["prompt_tokens_details"] = Value::Null;
    usage["completion_tokens_details"] = Value::Null;
    usage
}
