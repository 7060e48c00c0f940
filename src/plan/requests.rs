//! From prompts to request bodies: deterministic, so that every variant gets the same.

use super::Requests;
use crate::scenario::model::{ApiEndpoint, Assertion};
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
    Measured,
}

impl Requests {
    /// Path of the API, below the endpoint's URL.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.api {
            ApiEndpoint::Completions => "/v1/completions",
            ApiEndpoint::Chat => "/v1/chat/completions",
        }
    }

    /// The body of request `index` for a served model. Prompts of warm-up and readiness carry their number, so that they are
    /// distinct from each other and from the measured ones, and no measured prompt is in a cache before its time.
    #[must_use]
    pub fn body(&self, model: &str, purpose: Purpose, index: u64) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        let per_request = u64::from(self.prompts_per_request);
        let prompts: Vec<String> = (0..per_request)
            .map(|offset| self.prompt(purpose, index * per_request + offset))
            .collect();
        match self.api {
            ApiEndpoint::Completions => {
                let prompt = match <[String; 1]>::try_from(prompts) {
                    Ok([one]) => Value::String(one),
                    Err(several) => several.into(),
                };
                body.insert("prompt".into(), prompt);
            }
            ApiEndpoint::Chat => {
                let content = prompts.into_iter().next().unwrap_or_default();
                body.insert(
                    "messages".into(),
                    json!([{"role": "user", "content": content}]),
                );
            }
        }
        body.extend(self.template.clone());
        Value::Object(body).to_string().into_bytes()
    }

    fn prompt(&self, purpose: Purpose, number: u64) -> String {
        let count = u64::try_from(self.prompts.len()).unwrap_or(1).max(1);
        let prompt = usize::try_from(number % count)
            .ok()
            .and_then(|at| self.prompts.get(at))
            .map_or("", String::as_str);
        match purpose {
            Purpose::Measured => prompt.to_owned(),
            Purpose::Warmup => format!("Warm-up {number}. {prompt}"),
            Purpose::Readiness => format!("Ready {number}? {prompt}"),
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
pub(super) fn template(
    params: &Map<String, Value>,
    stream: bool,
    nvext_fields: &[&str],
) -> Map<String, Value> {
    let mut body = params.clone();
    if stream {
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({"include_usage": true}));
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
    let shared = json!({
        "api": requests.api,
        "stream": requests.stream,
        "prompts_per_request": requests.prompts_per_request,
        "prompts": requests.prompts,
        "template": template,
        "phases": serde_json::to_value(phases).unwrap_or_default(),
    });
    hex(&Sha256::digest(shared.to_string()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let params = params.as_object().unwrap();
        let body = template(params, false, &["timing", "worker_id"]);
        assert_eq!(
            body["nvext"]["extra_fields"],
            json!(["timing", "worker_id"])
        );
        assert_eq!(body["nvext"]["annotations"], json!([]));
    }

    #[test]
    fn warm_up_prompts_are_distinct_from_each_other_and_from_the_measured() {
        let requests = Requests {
            api: ApiEndpoint::Completions,
            stream: true,
            prompts_per_request: 2,
            prompts: vec!["a".into(), "b".into(), "c".into()],
            template: Map::new(),
            timeout: std::time::Duration::from_secs(1),
            sha256: String::new(),
        };
        let mut seen = std::collections::HashSet::new();
        for index in 0..4 {
            assert!(seen.insert(requests.body("m", Purpose::Warmup, index)));
        }
        let measured = requests.body("m", Purpose::Measured, 1);
        assert_eq!(
            String::from_utf8_lossy(&measured),
            r#"{"model":"m","prompt":["c","a"]}"#
        );
    }
}
