//! From prompts to request bodies: deterministic, so that every variant gets the same.

use super::Requests;
use super::draw::mix;
use super::prompts::{Entry, Salt, Text};
use crate::scenario::model::{ApiEndpoint, Assertion, CacheBust, RequestOptions};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Proving that the topology serves.
    Readiness,
    /// Warming up.
    Warmup,
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
            Self::Warmup
        }
    }

    /// Drawn prompts are never the same for two purposes, so that every phase, of every round, meets a cache that does not know
    /// them.
    fn salt(self) -> u64 {
        match self {
            Self::Readiness => u64::MAX,
            Self::Warmup => u64::MAX - 1,
            Self::Measured { phase, round } => u64::from(round - 1) << 32 | u64::from(phase),
        }
    }
}

impl Requests {
    /// Path of the API, below the endpoint's URL.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.api {
            ApiEndpoint::Completions => "/v1/completions",
            ApiEndpoint::Chat => "/v1/chat/completions",
            ApiEndpoint::Responses => "/v1/responses",
            ApiEndpoint::Embeddings => "/v1/embeddings",
        }
    }

    /// The body of request `index` for a served model. Prompts of warm-up and readiness are distinct from each other and from
    /// the measured ones, so that no measured prompt is in a cache before its time.
    #[must_use]
    pub fn body(&self, model: &str, purpose: Purpose, index: u64) -> Vec<u8> {
        let mut output_tokens = self.output_tokens;
        let mut prompts: Vec<String> = Vec::new();
        let mut own = Map::new();
        for number in self.numbers(index) {
            let entry = self.prompts.entry(number);
            output_tokens = output_tokens.or(entry.output_tokens);
            prompts.push(self.prompt(purpose, number, &entry));
            own.extend(entry.body.clone());
        }
        let prompt = match <[String; 1]>::try_from(prompts) {
            Ok([one]) => Value::String(one),
            Err(several) => several.into(),
        };
        let (key, content) = match self.api {
            ApiEndpoint::Completions => ("prompt", prompt),
            ApiEndpoint::Chat => ("messages", json!([{"role": "user", "content": prompt}])),
            ApiEndpoint::Responses | ApiEndpoint::Embeddings => ("input", prompt),
        };
        self.whole(model, (key, content), output_tokens, &own)
    }

    /// The body of a chat's turn, after all that was said.
    #[must_use]
    pub fn chat(&self, model: &str, output_tokens: Option<u32>, said: &[Value]) -> Vec<u8> {
        self.whole(
            model,
            ("messages", said.into()),
            self.output_tokens.or(output_tokens),
            &Map::new(),
        )
    }

    /// What the user of a conversation says.
    #[must_use]
    pub fn says(&self, purpose: Purpose, conversation: u64, entry: &Entry) -> Value {
        json!({"role": "user", "content": self.prompt(purpose, conversation, entry)})
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

    fn whole(
        &self,
        model: &str,
        (key, content): (&str, Value),
        output_tokens: Option<u32>,
        own: &Map<String, Value>,
    ) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        body.insert(key.into(), content);
        body.extend(self.template.clone());
        body.extend(own.clone());
        if let Some(tokens) = output_tokens {
            self.demand(&mut body, tokens);
        }
        Value::Object(body).to_string().into_bytes()
    }

    /// Asks for an answer of exactly so many tokens, in vLLM's and Dynamo's words.
    fn demand(&self, body: &mut Map<String, Value>, tokens: u32) {
        match self.api {
            ApiEndpoint::Embeddings => return,
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

    fn prompt(&self, purpose: Purpose, number: u64, entry: &Entry) -> String {
        let bust = match self.cache_bust {
            None => 0,
            Some(CacheBust::Run) => mix(self.run),
            Some(CacheBust::Request) => mix(self.run ^ mix(number + 1) ^ mix(!purpose.salt())),
        };
        let text = self.prompts.text(entry, Salt(purpose.salt() ^ bust));
        if matches!(entry.text, Text::Drawn(_)) {
            return text.into_owned();
        }
        let tag = if bust == 0 {
            String::new()
        } else {
            format!("[{bust:016x}] ")
        };
        match purpose {
            Purpose::Measured { .. } => format!("{tag}{text}"),
            Purpose::Warmup => format!("{tag}Warm-up {number}. {text}"),
            Purpose::Readiness => format!("{tag}Ready {number}? {text}"),
        }
    }
}

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
        if request.endpoint != ApiEndpoint::Responses {
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
    hex(&hash.0.finalize())
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

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plan::Prompts;
    use std::sync::Arc;

    fn rules(value: Value) -> Vec<Assertion> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_paths_below_nvext_that_must_be_there_ask_for_fields() {
        let asks = |value| nvext_fields(&rules(value));
        let nothing: [&str; 0] = [];
        assert_eq!(asks(json!([{"at": "nvext", "absent": true}])), nothing);
        assert_eq!(
            asks(json!([{"at": "nvext.timing", "absent": true}])),
            nothing
        );
        assert_eq!(
            asks(json!([{"at": "nvext.timing.ttft_ms", "type": "number"}])),
            ["timing"]
        );
        assert_eq!(
            asks(json!([{"at": "nvext['worker_id'].x", "present": true}])),
            ["worker_id"]
        );
        assert_eq!(
            asks(json!([{"at": "x.nvext.timing", "present": true}])),
            nothing
        );
    }

    #[test]
    fn the_users_own_nvext_is_added_to() {
        let params = json!({"nvext": {"extra_fields": ["timing"], "annotations": []}});
        let request = RequestOptions {
            params: params.as_object().unwrap().clone(),
            ..RequestOptions::default()
        };
        let body = template(&request, &["timing", "worker_id"]);
        assert_eq!(
            body["nvext"]["extra_fields"],
            json!(["timing", "worker_id"])
        );
        assert_eq!(body["nvext"]["annotations"], json!([]));
    }

    pub(in crate::plan) fn requests(api: ApiEndpoint, prompts: Prompts) -> Requests {
        Requests {
            api,
            stream: true,
            prompts_per_request: 1,
            prompts: Arc::new(prompts),
            template: Map::new(),
            output_tokens: None,
            cache_bust: None,
            run: 7,
            timeout: std::time::Duration::from_secs(1),
            accept: crate::scenario::model::Accept::default(),
            sha256: String::new(),
        }
    }

    pub(in crate::plan) fn letters() -> Prompts {
        Prompts::written(["a", "b", "c"].map(String::from))
    }

    fn measured(requests: &Requests, index: u64) -> String {
        String::from_utf8(requests.body("m", Purpose::of_phase(true, 1, 1), index)).unwrap()
    }

    #[test]
    fn warm_up_prompts_are_distinct_from_each_other_and_from_the_measured() {
        let mut requests = requests(ApiEndpoint::Completions, letters());
        requests.prompts_per_request = 2;
        let mut seen = std::collections::HashSet::new();
        for index in 0..4 {
            assert!(seen.insert(requests.body("m", Purpose::Warmup, index)));
        }
        assert_eq!(
            measured(&requests, 1),
            r#"{"model":"m","prompt":["c","a"]}"#
        );
    }

    #[test]
    fn every_api_is_asked_for_a_length_in_its_own_words() {
        let body = |api| {
            let mut requests = requests(api, letters());
            requests.output_tokens = Some(5);
            measured(&requests, 0)
        };
        let exact = r#""max_tokens":5,"min_tokens":5,"ignore_eos":true}"#;
        assert_eq!(
            body(ApiEndpoint::Completions),
            format!(r#"{{"model":"m","prompt":"a",{exact}"#)
        );
        let chat = r#"{"model":"m","messages":[{"role":"user","content":"a"}],"#;
        assert_eq!(body(ApiEndpoint::Chat), format!("{chat}{exact}"));
        assert_eq!(
            body(ApiEndpoint::Responses),
            r#"{"model":"m","input":"a","max_output_tokens":5,"ignore_eos":true}"#
        );
        assert_eq!(
            body(ApiEndpoint::Embeddings),
            r#"{"model":"m","input":"a"}"#
        );
    }

    #[test]
    fn a_busted_cache_knows_no_beginning() {
        let mut requests = requests(ApiEndpoint::Completions, letters());
        requests.cache_bust = Some(CacheBust::Run);
        let first = measured(&requests, 0);
        assert_eq!(first, measured(&requests, 3), "shared within a run");
        requests.run = 8;
        assert_ne!(first, measured(&requests, 0));
        requests.cache_bust = Some(CacheBust::Request);
        assert_ne!(measured(&requests, 0), measured(&requests, 3));
        let later = requests.body("m", Purpose::of_phase(true, 1, 2), 0);
        assert_ne!(
            measured(&requests, 0).into_bytes(),
            later,
            "nor another round's"
        );
    }
}
