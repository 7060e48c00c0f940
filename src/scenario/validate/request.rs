//! Checks of requests: fields that `bench` sets itself, headers, limits.

use super::{Checker, Path, at, limits};
use crate::scenario::mistake::quote;
use crate::scenario::model::{Accept, ApiEndpoint};
use crate::scenario::units::Time;
use indexmap::IndexMap;

/// Fields of the request body that `bench` sets, and what to use instead.
const OWN_PARAMS: [(&str, &str); 6] = [
    ("model", "use `model: {served_name: ...}`"),
    ("prompt", "use `prompts`"),
    ("messages", "use `prompts`"),
    ("input", "use `prompts`"),
    ("stream", "use `request: {stream: ...}`"),
    (
        "stream_options",
        "`bench` asks for usage; to omit the field, use `request: {stream_options: false}`",
    ),
];

/// Headers that belong to the connection, not to the request.
const OWN_HEADERS: [&str; 6] = [
    "expect",
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
];

impl Checker<'_> {
    pub(super) fn request(&mut self) {
        let request = &self.scenario.request;
        let path = at("request");
        self.positive(&path.key("timeout"), request.timeout);
        let per_request = path.key("prompts_per_request");
        self.count(
            &per_request,
            request.prompts_per_request.into(),
            limits::PROMPTS_PER_REQUEST.into(),
        );
        if request.prompts_per_request > 1
            && !matches!(
                request.endpoint,
                ApiEndpoint::Completions | ApiEndpoint::Embeddings
            )
            && self.intact(&path.key("endpoint"))
        {
            let help = "set `endpoint: completions`, or leave `prompts_per_request` out";
            self.wrong(
                &per_request,
                "only `completions` and `embeddings` accept several prompts in one request",
                help,
            );
        }
        if let Some(tokens) = request.output_tokens {
            let path = path.key("output_tokens");
            self.count(&path, tokens.into(), limits::TOKENS.into());
            self.no_second_limit(&path);
        }
        for (own, instead) in OWN_PARAMS {
            if request.params.contains_key(own) {
                let message = format!("`{own}` is set by `bench` itself");
                self.wrong_key(&path.key("params").key(own), message, instead);
            }
        }
        self.labels(&path.key("params"), &request.params);
        self.headers(&path.key("headers"), &request.headers);
        self.query(&path.key("query"), &request.query);
        self.accept(&path.key("accept"), &request.accept);
    }

    fn accept(&mut self, path: &Path, accept: &Accept) {
        for (i, model) in accept.models.iter().enumerate() {
            self.plain(&path.key("models").item(i), "the model's name", model);
        }
    }

    fn query(&mut self, path: &Path, query: &IndexMap<String, String>) {
        for name in query.keys() {
            if name.is_empty() || name.contains(['?', '&', '=', '#']) {
                let message = format!("{} is not the name of a query parameter", quote(name));
                self.wrong_key(&path.key(name), message, "such as `api-version`");
            }
        }
    }

    /// Checks headers. `path` is the path of the map.
    pub(super) fn headers(&mut self, path: &Path, headers: &IndexMap<String, String>) {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for (i, (name, value)) in headers.iter().enumerate() {
            let path = path.key(name);
            let mut others = headers.keys().take(i);
            if let Some(other) = others.find(|other| other.eq_ignore_ascii_case(name)) {
                let message = format!("{} is the same header as {}", quote(name), quote(other));
                self.wrong_key(&path, message, "leave one of them out");
            }
            if name.is_empty() || !name.chars().all(token) {
                let message = format!("{} is not the name of a header", quote(name));
                self.wrong_key(&path, message, "such as `authorization`");
            } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                let message = format!("the header {} is set by `bench` itself", quote(name));
                self.wrong_key(&path, message, "leave it out");
            }
            if !value.chars().all(|c| matches!(c, ' '..='~' | '\t')) {
                let message = "the value of a header must be one line of ASCII text";
                self.wrong(
                    &path,
                    message,
                    "remove line breaks and other special characters",
                );
            } else {
                self.label(&path, value);
            }
        }
    }

    /// Reports a duration of zero.
    pub(super) fn positive(&mut self, path: &Path, time: Time) {
        if time.0.is_zero() {
            self.wrong(
                path,
                "the limit must be longer than zero",
                "write a duration above zero, such as `30s`",
            );
        }
    }
}
