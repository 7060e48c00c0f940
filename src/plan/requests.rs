//! Turns prompts into request bodies. It is deterministic, so that every variant gets the same requests.

use super::Requests;
use super::expected::{LIMITS, limits};
use super::labels::Label;
use super::prompts::{Entry, Salt, Source, Text};
use super::rng::mix;
use crate::scenario::model::{ApiEndpoint, Assertion, CacheBust, RequestOptions};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To prove that the topology serves requests.
    Readiness {
        /// The round, from 1.
        round: u32,
    },
    /// To warm up the server.
    Warmup {
        /// The round, from 1.
        round: u32,
    },
    /// To measure.
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

    /// Salt of generated prompts. It differs between purposes, so that no prompt of a phase or round is in a server's
    /// cache from an earlier one.
    fn salt(self) -> u64 {
        match self {
            Self::Readiness { .. } => u64::MAX,
            Self::Warmup { .. } => u64::MAX - 1,
            Self::Measured { phase, round } => u64::from(round - 1) << 32 | u64::from(phase),
        }
    }
}

/// The parts of one request body.
struct Parts<'a> {
    model: &'a str,
    /// Name of the field for the prompt. `content` is the prompt.
    key: &'static str,
    content: Value,
    output_tokens: Option<u32>,
    /// Fields of the prompt's row, which replace those of all requests.
    own: &'a Map<String, Value>,
    label: &'a Label,
}

impl Requests {
    /// Path of the API relative to the endpoint's URL, with the query string.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}{}", self.path(), self.query)
    }

    /// Path of the API relative to the endpoint's URL.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.api.path()
    }

    /// The body of request `index` for a served model. Prompts of warm-up and readiness differ from each other and from
    /// the measured prompts, so that no measured prompt is in a cache too early.
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

    /// The body of a turn of a conversation. `said` contains all earlier messages and the new one.
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

    /// The message of the user in a conversation.
    #[must_use]
    pub fn user_message(&self, purpose: Purpose, conversation: u64, entry: &Entry) -> Value {
        json!({"role": "user", "content": self.content(purpose, conversation, entry)})
    }

    /// The system message of a conversation.
    #[must_use]
    pub fn opening(&self, purpose: Purpose, conversation: u64) -> Option<Value> {
        let Source::Conversations(spec) = &self.prompts.source else {
            return None;
        };
        let text = spec.system(conversation)?;
        let mark = self.mark(purpose, conversation);
        Some(json!({"role": "system", "content": format!("{mark}{text}")}))
    }

    /// Input and output tokens of request `index`, as the server should count them. `None` where they were not planned.
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

    /// Asks for an answer of exactly `tokens` tokens, with the fields of vLLM and Dynamo.
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

    /// The content of a prompt in a body: text, messages or token ids.
    fn content(&self, purpose: Purpose, number: u64, entry: &Entry) -> Value {
        match &entry.text {
            Text::Generated(_) => {
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

    /// A number that makes the start of a prompt unique for the run or the request. 0 without `cache_bust`.
    fn bust(&self, purpose: Purpose, number: u64) -> u64 {
        match self.cache_bust {
            None => 0,
            Some(CacheBust::Run) => mix(self.run),
            Some(CacheBust::Request) => mix(self.run ^ mix(number + 1) ^ mix(!purpose.salt())),
        }
    }

    /// Text before a written prompt, so that the prompt is not in a cache too early.
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

/// Inserts a mark before the first text of messages.
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

/// Inserts a mark before the text of one message. Whether the message has a place for it.
fn marked(content: &mut Value, mark: &str) -> bool {
    match content {
        Value::String(text) => text.insert_str(0, mark),
        Value::Array(parts) => match parts.first_mut().and_then(|part| part.get_mut("text")) {
            Some(Value::String(text)) => text.insert_str(0, mark),
            // The first part is not text, such as an image.
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

/// A mark as sixteen token ids. They are among the lowest ids of ordinary tokens, which every vocabulary has.
fn mark_tokens(mark: &str) -> impl Iterator<Item = u32> + use<> {
    let hash = Sha256::digest(mark);
    let nibbles = if mark.is_empty() { 0 } else { 16 };
    (0..nibbles).map(move |at| FIRST_PLAIN + u32::from(hash[at / 2] >> (at % 2 * 4) & 15))
}

/// Ids below this one are special tokens in some vocabularies. Ids of single bytes follow.
const FIRST_PLAIN: u32 = 64;

/// The `nvext.extra_fields` that rules need. Dynamo sends timing and worker ids only on request. A rule that a field is
/// absent does not request it.
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

/// The first step below `nvext`, if a path starts there. `nvext["timing"]` and `nvext.timing` are the same.
fn below_nvext(path: &str) -> Option<&str> {
    let mut steps = path
        .split(['.', '[', '"', '\'', ']', '$'])
        .filter(|step| !step.is_empty());
    (steps.next() == Some("nvext"))
        .then(|| steps.next())
        .flatten()
}

/// The body without model and prompt: the user's fields, streaming, and the extra fields that rules need.
pub(super) fn template(request: &RequestOptions, nvext_fields: &[&str]) -> Map<String, Value> {
    let mut body = request.params.clone();
    if request.streams() {
        body.insert("stream".into(), true.into());
        // Streams of the responses API always end with their usage.
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

/// Hash of everything that all variants must share: API, streaming, prompts, body fields except `model` and `nvext`,
/// and the phases.
pub(super) fn sha256(requests: &Requests, phases: &impl serde::Serialize) -> String {
    let mut template = requests.template.clone();
    template.remove("nvext");
    let shared = (
        (requests.api, requests.stream, requests.prompts_per_request),
        (requests.output_tokens, requests.cache_bust),
        (&template, phases, &*requests.prompts),
    );
    let mut hash = HashWriter(Sha256::new());
    // Neither the hash nor the serialisation of these types can fail.
    let _ = serde_json::to_writer(&mut hash, &shared);
    hash.0.update(&requests.query);
    hex::encode(hash.0.finalize())
}

/// Hashes bytes as they are written, so that a list of a million prompts is never in memory.
struct HashWriter(Sha256);

impl std::io::Write for HashWriter {
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
