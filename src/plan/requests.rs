//! From prompts to request bodies: deterministic, so that every variant gets the same.

use super::Requests;
use super::asked::{LIMITS, limits};
use super::draw::mix;
use super::labels::Label;
use super::prompts::{Entry, Salt, Source, Text};
use crate::scenario::model::{ApiEndpoint, Assertion, CacheBust, RequestOptions};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Proving that the topology serves.
    Readiness {
        /// The round, from 1.
        round: u32,
    },
    /// Warming up.
    Warmup {
        /// The round, from 1.
        round: u32,
    },
    /// Measuring.
    Measured {
        /// Index of the phase.
        phase: u32,
        /// The round, from 1.
        round: u32,
    },
}

impl Purpose {
    /// The purpose of a phase's requests.
    #[must_use]
    pub fn of_phase(measured: bool, index: usize, round: u32) -> Self {
        if measured {
            let phase = u32::try_from(index).unwrap_or(u32::MAX);
            Self::Measured { phase, round }
        } else {
            Self::Warmup { round }
        }
    }

    /// Drawn prompts are never the same for two purposes, so that every phase, of every round, meets a cache that does not know
    /// them.
    fn salt(self) -> u64 {
        match self {
            Self::Readiness { .. } => u64::MAX,
            Self::Warmup { .. } => u64::MAX - 1,
            Self::Measured { phase, round } => u64::from(round - 1) << 32 | u64::from(phase),
        }
    }
}

/// What one body is made of.
struct Parts<'a> {
    model: &'a str,
    /// The field that holds the prompt, and the prompt.
    key: &'static str,
    content: Value,
    output_tokens: Option<u32>,
    /// Fields of the prompt's own row, which replace those of all requests.
    own: &'a Map<String, Value>,
    label: &'a Label,
}

impl Requests {
    /// Path of the API below the endpoint's URL, with the query string.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}{}", self.path(), self.query)
    }

    /// Path of the API, below the endpoint's URL.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.api.path()
    }

    /// The body of request `index` for a served model. Prompts of warm-up and readiness are distinct from each other and from
    /// the measured ones, so that no measured prompt is in a cache before its time.
    #[must_use]
    pub fn body(&self, model: &str, purpose: Purpose, index: u64) -> Vec<u8> {
        let mut output_tokens = self.output_tokens;
        let mut prompts: Vec<Value> = Vec::new();
        let mut own = Map::new();
        for number in self.numbers(index) {
            let entry = self.prompts.entry(number);
            output_tokens = output_tokens.or(entry.output_tokens);
            prompts.push(self.content(purpose, number, &entry));
            own.extend(entry.body.clone());
        }
        let prompt = match <[Value; 1]>::try_from(prompts) {
            Ok([one]) => one,
            Err(several) => several.into(),
        };
        let (key, content) = match self.api {
            ApiEndpoint::Completions => ("prompt", prompt),
            ApiEndpoint::Chat if prompt.is_array() => ("messages", prompt),
            ApiEndpoint::Chat => {
                let user = json!({"role": "user", "content": prompt});
                let system = self.opening(purpose, index);
                ("messages", system.into_iter().chain([user]).collect())
            }
            ApiEndpoint::Responses | ApiEndpoint::Embeddings => ("input", prompt),
        };
        let label = Label {
            purpose,
            index,
            conversation: index,
        };
        self.whole(&Parts {
            model,
            key,
            content,
            output_tokens,
            own: &own,
            label: &label,
        })
    }

    /// The body of a chat's turn, after all that was said.
    #[must_use]
    pub fn chat(
        &self,
        model: &str,
        output_tokens: Option<u32>,
        said: &[Value],
        label: &Label,
    ) -> Vec<u8> {
        self.whole(&Parts {
            model,
            key: "messages",
            content: said.into(),
            output_tokens: self.output_tokens.or(output_tokens),
            own: &Map::new(),
            label,
        })
    }

    /// What the user of a conversation says.
    #[must_use]
    pub fn says(&self, purpose: Purpose, conversation: u64, entry: &Entry) -> Value {
        json!({"role": "user", "content": self.content(purpose, conversation, entry)})
    }

    /// The system message that a conversation begins with.
    #[must_use]
    pub fn opening(&self, purpose: Purpose, conversation: u64) -> Option<Value> {
        let Source::Conversations(spec) = &self.prompts.source else {
            return None;
        };
        let text = spec.system(conversation)?;
        let mark = self.mark(purpose, conversation);
        Some(json!({"role": "system", "content": format!("{mark}{text}")}))
    }

    /// Tokens of request `index`, in and out, as the server should count them; `None` where that was not planned.
    #[must_use]
    pub fn planned(&self, index: u64) -> (Option<u64>, Option<u64>) {
        let (mut input, mut output) = (Some(0), Some(0));
        for number in self.numbers(index) {
            let entry = self.prompts.entry(number);
            let answer = self.output_tokens.or(entry.output_tokens);
            let answer = answer.filter(|_| self.api != ApiEndpoint::Embeddings);
            input = input
                .zip(entry.input_tokens)
                .map(|(sum, n)| sum + u64::from(n));
            output = output.zip(answer).map(|(sum, n)| sum + u64::from(n));
        }
        (input, output)
    }

    fn whole(&self, parts: &Parts<'_>) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".into(), parts.model.into());
        body.insert(parts.key.into(), parts.content.clone());
        body.extend(self.fields(parts.label));
        if limits(parts.own) {
            body.retain(|key, _| !LIMITS.contains(&key.as_str()));
        }
        body.extend(parts.own.clone());
        if let Some(tokens) = parts.output_tokens {
            self.demand(&mut body, tokens);
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// Asks for an answer of exactly so many tokens, in vLLM's and Dynamo's words.
    fn demand(&self, body: &mut Map<String, Value>, tokens: u32) {
        if self.api == ApiEndpoint::Embeddings {
            return;
        }
        body.retain(|key, _| !LIMITS.contains(&key.as_str()));
        match self.api {
            ApiEndpoint::Embeddings => {}
            ApiEndpoint::Responses => {
                body.insert("max_output_tokens".into(), tokens.into());
            }
            ApiEndpoint::Completions | ApiEndpoint::Chat => {
                body.insert("max_tokens".into(), tokens.into());
                body.insert("min_tokens".into(), tokens.into());
            }
        }
        body.insert("ignore_eos".into(), true.into());
    }

    /// What a prompt says in a body: text, messages or numbers of tokens.
    fn content(&self, purpose: Purpose, number: u64, entry: &Entry) -> Value {
        match &entry.text {
            Text::Drawn(_) => {
                let salt = Salt(purpose.salt() ^ self.bust(purpose, number));
                self.prompts.text(entry, salt).into_owned().into()
            }
            Text::Written(text) => format!("{}{text}", self.mark(purpose, number)).into(),
            Text::Messages(messages) => {
                let mut messages = messages.clone();
                mark_messages(&mut messages, &self.mark(purpose, number));
                messages.into()
            }
            Text::Tokens(tokens) => {
                let mark = mark_tokens(&self.mark(purpose, number));
                mark.chain(tokens.iter().copied()).collect()
            }
        }
    }

    /// What sets the beginnings of prompts apart, where they are to be.
    fn bust(&self, purpose: Purpose, number: u64) -> u64 {
        match self.cache_bust {
            None => 0,
            Some(CacheBust::Run) => mix(self.run),
            Some(CacheBust::Request) => mix(self.run ^ mix(number + 1) ^ mix(!purpose.salt())),
        }
    }

    /// What a written prompt begins with, so that no cache knows it before its time.
    fn mark(&self, purpose: Purpose, number: u64) -> String {
        let tag = match self.bust(purpose, number) {
            0 => String::new(),
            bust => format!("[{bust:016x}] "),
        };
        match purpose {
            Purpose::Measured { .. } => tag,
            Purpose::Warmup { .. } => format!("{tag}Warm-up {number}. "),
            Purpose::Readiness { .. } => format!("{tag}Ready {number}? "),
        }
    }
}

/// Puts a mark before the first text of messages.
fn mark_messages(messages: &mut [Value], mark: &str) {
    if mark.is_empty() {
        return;
    }
    for content in messages.iter_mut().filter_map(|m| m.get_mut("content")) {
        if marked(content, mark) {
            break;
        }
    }
}

/// Puts a mark before the text of one message; whether it has a place for it.
fn marked(content: &mut Value, mark: &str) -> bool {
    match content {
        Value::String(text) => text.insert_str(0, mark),
        Value::Array(parts) => match parts.first_mut().and_then(|part| part.get_mut("text")) {
            Some(Value::String(text)) => text.insert_str(0, mark),
            // An image comes first.
            _ => {
                let kind = parts.first().and_then(|part| part["type"].as_str());
                let of_responses = kind.is_some_and(|kind| kind.starts_with("input_"));
                let kind = if of_responses { "input_text" } else { "text" };
                parts.insert(0, json!({"type": kind, "text": mark}));
            }
        },
        _ => return false,
    }
    true
}

/// A mark as numbers of tokens: sixteen of the lowest that any vocabulary has beside its special ones.
fn mark_tokens(mark: &str) -> impl Iterator<Item = u32> + use<> {
    let hash = Sha256::digest(mark);
    let nibbles = if mark.is_empty() { 0 } else { 16 };
    (0..nibbles).map(move |at| FIRST_PLAIN + u32::from(hash[at / 2] >> (at % 2 * 4) & 15))
}

/// Below it, vocabularies have special tokens; a byte's own number follows.
const FIRST_PLAIN: u32 = 64;

/// The `nvext.extra_fields` that rules need: Dynamo sends timing and worker ids only when asked. A rule that something is
/// absent asks for nothing.
pub(super) fn nvext_fields(rules: &[Assertion]) -> Vec<&'static str> {
    let needed: Vec<&str> = rules
        .iter()
        .filter(|rule| rule.absent != Some(true) && rule.present != Some(false))
        .filter_map(|rule| rule.at.as_deref())
        .filter_map(below_nvext)
        .collect();
    ["timing", "worker_id"]
        .into_iter()
        .filter(|field| needed.contains(field))
        .collect()
}

/// The first step below `nvext`, where a path begins there; `nvext["timing"]` and `nvext.timing` are the same.
fn below_nvext(path: &str) -> Option<&str> {
    let mut steps = path
        .split(['.', '[', '"', '\'', ']', '$'])
        .filter(|step| !step.is_empty());
    (steps.next() == Some("nvext"))
        .then(|| steps.next())
        .flatten()
}

/// The body without model and prompt: the user's fields, streaming, and what the rules need the server to send.
pub(super) fn template(request: &RequestOptions, nvext_fields: &[&str]) -> Map<String, Value> {
    let mut body = request.params.clone();
    if request.streams() {
        body.insert("stream".into(), true.into());
        // A stream of the responses API always ends with its usage.
        if request.endpoint != ApiEndpoint::Responses && request.stream_options {
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
    }
    if !nvext_fields.is_empty() {
        let nvext = body.entry("nvext").or_insert_with(|| json!({}));
        if let Value::Object(nvext) = nvext {
            let fields = nvext.entry("extra_fields").or_insert_with(|| json!([]));
            if let Value::Array(fields) = fields {
                for field in nvext_fields {
                    if !fields.iter().any(|known| known == field) {
                        fields.push((*field).into());
                    }
                }
            }
        }
    }
    body
}

/// Hash over what all variants must share: API, streaming, prompts and body fields, but not `model` and `nvext`, and the
/// phases they are sent in.
pub(super) fn sha256(requests: &Requests, phases: &impl serde::Serialize) -> String {
    let mut template = requests.template.clone();
    template.remove("nvext");
    let shared = (
        (requests.api, requests.stream, requests.prompts_per_request),
        (requests.output_tokens, requests.cache_bust),
        (&template, phases, &*requests.prompts),
    );
    let mut hash = Hashing(Sha256::new());
    // Hashing never fails, and neither do these types.
    let _ = serde_json::to_writer(&mut hash, &shared);
    hash.0.update(&requests.query);
    hex::encode(hash.0.finalize())
}

/// A list of a million prompts is hashed as it is written, and never held.
struct Hashing(Sha256);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests/requests.rs"]
pub(super) mod tests;
