//! Whether an answer is the whole answer to what was asked. Load demands it of every answer, as readiness does: a load
//! balancer that answers `200 {"detail": "overloaded"}` has not answered. Pure.

use super::model_name::answers_for;
use crate::measure::answer::{Answer, shorten};
use crate::measure::message::{generated, item_generated};
use crate::measure::sample::ErrorClass;
use crate::measure::usage::{self, Count};
use crate::plan::Requests;
use crate::scenario::model::{Accept, ApiEndpoint};
use serde_json::Value;
use std::collections::BTreeSet;

/// What one request asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    /// The API.
    pub api: ApiEndpoint,
    /// Whether a stream was requested.
    pub stream: bool,
    /// Choices; of embeddings, vectors.
    pub choices: u64,
    /// The model.
    pub model: &'a str,
    /// The most tokens that each choice may have, where the request sets a limit.
    pub max_tokens: Option<u64>,
    /// Whether the prompt is to stand in front of the answer.
    pub echoes: bool,
    /// What the answer may lack or be called.
    pub accept: &'a Accept,
}

#[cfg(test)]
impl Asked<'static> {
    /// A stream of so many completions of `m`.
    pub(super) fn completions(choices: u64, max_tokens: Option<u64>) -> Self {
        static STRICT: Accept = Accept {
            no_done: false,
            no_finish_reason: false,
            no_text: false,
            models: Vec::new(),
        };
        Self {
            api: ApiEndpoint::Completions,
            stream: true,
            choices,
            model: "m",
            max_tokens,
            echoes: false,
            accept: &STRICT,
        }
    }
}

/// Why an answer is not whole: the class of the failure, and the failure in words.
type Fault = (ErrorClass, String);

impl<'a> Asked<'a> {
    /// What request `index` asks for; `model` where its prompt names none.
    #[must_use]
    pub(crate) fn of(requests: &'a Requests, model: &'a str, index: u64) -> Self {
        Self {
            api: requests.api,
            stream: requests.stream,
            choices: requests.choices_of(index),
            model: requests.model_of(index).unwrap_or(model),
            max_tokens: requests.max_tokens_of(index),
            echoes: requests.echoes(index),
            accept: &requests.accept,
        }
    }

    /// Why an answer with a 2xx status is not the whole answer to this request.
    #[must_use]
    pub(crate) fn fault(&self, answer: &Answer) -> Option<Fault> {
        let broken = |why: String| (ErrorClass::BrokenStream, why);
        let reported = answer.reported.clone();
        reported
            .map(|said| (ErrorClass::ServerError, said))
            .or_else(|| answer.broken.clone().map(broken))
            .or_else(|| self.kind(answer))
            .or_else(|| self.unended(answer).map(broken))
            .or_else(|| self.parts(answer))
            .or_else(|| self.other_model(&answer.body))
    }

    /// JSON in place of a stream, or the other way round.
    fn kind(&self, answer: &Answer) -> Option<Fault> {
        let what = match (self.stream, answer.streamed) {
            (true, false) => "a stream was requested, and one body of JSON came",
            (false, true) => "JSON was requested, and a stream came",
            _ => return None,
        };
        let came = shorten(&answer.body.to_string());
        Some((ErrorClass::MismatchedAnswer, format!("{what}: `{came}`")))
    }

    /// A stream that was cut, as far as its events tell.
    fn unended(&self, answer: &Answer) -> Option<String> {
        if !answer.streamed || answer.timeline.done {
            return None;
        }
        if self.api == ApiEndpoint::Responses {
            return Some("the stream ended without response.completed".to_owned());
        }
        let finished = || {
            let mut choices = choices(&answer.body).peekable();
            let any = choices.peek().is_some();
            any && choices.all(|choice| finish_reason(choice).is_some())
        };
        let counted = || usage::output(&answer.body) != Count::Absent;
        let whole = self.accept.no_done && (finished() || counted());
        (!whole).then(|| {
            "the stream ended without [DONE]; `request.accept.no_done` allows it".to_owned()
        })
    }

    fn parts(&self, answer: &Answer) -> Option<Fault> {
        match self.api {
            ApiEndpoint::Completions | ApiEndpoint::Chat => self.choices(&answer.body),
            ApiEndpoint::Responses => self.response(&answer.body),
            ApiEndpoint::Embeddings => super::vectors::fault(&answer.body, self.choices),
        }
    }

    /// As many choices as were asked for, each with a finish reason and with something that was generated.
    fn choices(&self, body: &Value) -> Option<Fault> {
        if choices(body).next().is_none() {
            return Some(incomplete(lacks(body, "choices")));
        }
        let indices = choices(body).enumerate().map(|(nth, choice)| {
            let index = choice.get("index").and_then(Value::as_u64);
            index.unwrap_or(nth as u64)
        });
        let came: BTreeSet<u64> = indices.collect();
        let count = choices(body).count() as u64;
        let asked = self.choices;
        if let Some(missing) = (0..asked).find(|index| !came.contains(index)) {
            return Some(incomplete(format!(
                "choices {} of {asked}: choice {missing} is missing",
                came.range(..asked).count()
            )));
        }
        if count > asked {
            let what = format!("{count} choices came, and {asked} were asked for");
            return Some((ErrorClass::MismatchedAnswer, what));
        }
        let mut each = choices(body).enumerate();
        let unfinished =
            |choice: &Value| finish_reason(choice).is_none() && !self.accept.no_finish_reason;
        if let Some((nth, _)) = each.find(|(_, choice)| unfinished(choice)) {
            return Some(incomplete(format!(
                "choice {nth} has no finish reason; `request.accept.no_finish_reason` allows it"
            )));
        }
        let mut each = choices(body).enumerate();
        let (nth, _) = each.find(|(_, choice)| !generated(choice))?;
        self.nothing_said(body, &format!("choice {nth} has"))
    }

    /// A response that ended, with an item in its output.
    fn response(&self, body: &Value) -> Option<Fault> {
        let items = body.get("output").and_then(Value::as_array);
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            return Some(incomplete(lacks(body, "output")));
        };
        if body.get("status").and_then(Value::as_str).is_none() && !self.accept.no_finish_reason {
            let what = "the response has no status; `request.accept.no_finish_reason` allows it";
            return Some(incomplete(what.to_owned()));
        }
        if items.iter().any(item_generated) {
            return None;
        }
        self.nothing_said(body, "the output has")
    }

    /// An answer may be empty only by its own count.
    fn nothing_said(&self, body: &Value, what: &str) -> Option<Fault> {
        if self.accept.no_text {
            return None;
        }
        let hint = "`request.accept.no_text` allows it";
        match usage::output(body) {
            Count::Tokens(n) if n <= usage::reasoning(body) || stop_alone(body, n) => None,
            Count::Tokens(n) => Some(incomplete(format!(
                "{what} no text and no tool call, though {n} tokens were counted; {hint}"
            ))),
            Count::Absent | Count::Nonsense(_) => Some(incomplete(format!(
                "{what} no text, no tool call and no count of tokens; {hint}"
            ))),
        }
    }

    fn other_model(&self, body: &Value) -> Option<Fault> {
        let found = body.get("model")?.as_str()?.trim();
        let known = |name: &str| answers_for(found, name);
        let fine = found.is_empty()
            || known(self.model)
            || self.accept.models.iter().any(|alias| known(alias));
        (!fine).then(|| {
            let what = format!(
                "model `{}` answered, and `{}` was requested; `request.accept.models` allows other names",
                shorten(found),
                self.model
            );
            (ErrorClass::MismatchedAnswer, what)
        })
    }
}

pub(super) fn incomplete(what: String) -> Fault {
    (ErrorClass::IncompleteAnswer, what)
}

/// That an answer lacks its main part, and what it is instead.
pub(super) fn lacks(body: &Value, part: &str) -> String {
    match body {
        Value::Null => format!("the answer is empty: no `{part}`"),
        body => format!(
            "the answer has no `{part}`; it is `{}`",
            shorten(&body.to_string())
        ),
    }
}

/// Whether an answer of `tokens` is its stop token alone, which has no text: the model ended at once.
pub(super) fn stop_alone(body: &Value, tokens: u64) -> bool {
    let mut choices = choices(body);
    let stopped = match choices.next() {
        Some(choice) => finish_reason(choice) == Some("stop"),
        None => body
            .get("status")
            .is_some_and(|status| status == "completed"),
    };
    tokens == 1 && stopped && choices.next().is_none()
}

fn choices(body: &Value) -> impl Iterator<Item = &Value> {
    let choices = body.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten()
}

/// The finish reason of a choice; an empty one, as some servers send it, is none.
fn finish_reason(choice: &Value) -> Option<&str> {
    let reason = choice.get("finish_reason")?.as_str()?;
    (!reason.is_empty()).then_some(reason)
}
