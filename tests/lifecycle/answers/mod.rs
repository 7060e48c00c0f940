//! Whole answers and answers that are none, through the real program: load demands of every answer what readiness demands.

mod counts;
mod degenerate;
mod degenerate_apis;
mod degenerate_bodies;
mod harmless;

use crate::server::{Reply, events, json, serve};
use crate::support::{Done, bench};
use serde_json::{Value, json as value};

pub(super) const INCOMPLETE: &str = "incomplete answer";
pub(super) const SERVER: &str = "server error";
pub(super) const BROKEN: &str = "broken stream";
pub(super) const MISMATCHED: &str = "mismatched answer";

/// One answer, and what is to be said of it: a class of failure and words of its detail, or nothing.
pub(super) struct Case {
    what: &'static str,
    reply: Reply,
    class: &'static str,
    words: &'static str,
}

/// What a group of cases is asked for.
pub(super) struct Asked {
    endpoint: &'static str,
    /// Further keys of `request`.
    request: &'static str,
}

pub(super) const CHAT: Asked = asked("chat", "");
pub(super) const CHAT_UNARY: Asked = asked("chat", ", stream: false");
pub(super) const COMPLETIONS: Asked = asked("completions", "");
pub(super) const COMPLETIONS_UNARY: Asked = asked("completions", ", stream: false");
pub(super) const RESPONSES: Asked = asked("responses", "");
pub(super) const RESPONSES_UNARY: Asked = asked("responses", ", stream: false");
pub(super) const EMBEDDINGS: Asked = asked("embeddings", ", stream: false");

pub(super) const fn asked(endpoint: &'static str, request: &'static str) -> Asked {
    Asked { endpoint, request }
}

pub(super) fn bad(
    what: &'static str,
    reply: Reply,
    class: &'static str,
    words: &'static str,
) -> Case {
    Case {
        what,
        reply,
        class,
        words,
    }
}

pub(super) fn good(what: &'static str, reply: Reply) -> Case {
    bad(what, reply, "", "")
}

/// A stream of these chunks with `[DONE]` at its end.
pub(super) fn stream(chunks: &[Value]) -> Reply {
    events(open(chunks) + "data: [DONE]\n\n")
}

/// A stream of these chunks.
pub(super) fn open(chunks: &[Value]) -> String {
    chunks.iter().map(|c| format!("data: {c}\n\n")).collect()
}

/// A chat's chunk of choice 0.
pub(super) fn delta(delta: Value) -> Value {
    value!({"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

pub(super) fn said(text: &str) -> Value {
    delta(value!({"content": text}))
}

pub(super) fn ended(reason: &str) -> Value {
    value!({"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

pub(super) fn usage(tokens: u64) -> Value {
    value!({"model": "m", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": tokens}})
}

/// A completions chunk of one choice.
pub(super) fn text(index: u64, text: &str, reason: Option<&str>) -> Value {
    value!({"model": "m", "choices": [{"index": index, "text": text, "finish_reason": reason}]})
}

/// A unary chat of one choice.
pub(super) fn message(message: Value, reason: Option<&str>, tokens: Value) -> Reply {
    let choice = value!({"index": 0, "message": message, "finish_reason": reason});
    let usage = value!({"prompt_tokens": 5, "completion_tokens": tokens});
    json(
        200,
        value!({"model": "m", "choices": [choice], "usage": usage}).to_string(),
    )
}

/// A whole response.
pub(super) fn response(status: &str, output: Value, tokens: u64) -> Value {
    value!({"object": "response", "model": "m", "status": status, "output": output,
        "usage": {"input_tokens": 5, "output_tokens": tokens}})
}

/// The output of a response that says something.
pub(super) fn output(text: &str) -> Value {
    value!([{"type": "message", "content": [{"type": "output_text", "text": text}]}])
}

/// A stream of the responses API: deltas of text, and an event that ends it with a response.
pub(super) fn response_stream(texts: &[&str], end: &str, response: &Value) -> String {
    let delta =
        |text| value!({"type": "response.output_text.delta", "output_index": 0, "delta": text});
    let mut all: Vec<Value> = texts.iter().map(delta).collect();
    all.push(value!({"type": end, "response": response}));
    open(&all)
}

/// A good answer to whatever is asked.
fn good_answer(asked: &Asked, body: &str) -> Reply {
    let body: Value = serde_json::from_str(body).unwrap();
    let streams = body["stream"] == true;
    let n = body["n"].as_u64().unwrap_or(1);
    match (asked.endpoint, streams) {
        ("embeddings", _) => json(
            200,
            value!({"model": "m", "data": [{"index": 0, "embedding": [0.1, 0.2]}]}).to_string(),
        ),
        ("responses", true) => events(response_stream(
            &["hi"],
            "response.completed",
            &response("completed", output("hi"), 1),
        )),
        ("responses", false) => json(200, response("completed", output("hi"), 1).to_string()),
        (_, true) => {
            let choice = |index| value!({"index": index, "text": "hi", "delta": {"content": "hi"}, "finish_reason": "stop"});
            let choices: Vec<Value> = (0..n).map(choice).collect();
            stream(&[value!({"model": "m", "choices": choices}), usage(n)])
        }
        (_, false) => {
            let choice = |index| value!({"index": index, "text": "hi", "message": {"content": "hi"}, "finish_reason": "stop"});
            let choices: Vec<Value> = (0..n).map(choice).collect();
            let usage = value!({"prompt_tokens": 5, "completion_tokens": n});
            json(
                200,
                value!({"model": "m", "choices": choices, "usage": usage}).to_string(),
            )
        }
    }
}

/// Sends one request for every case, after good answers to the proof of readiness.
pub(super) fn run(asked: &'static Asked, cases: &[Case], rest: &str) -> Done {
    let replies: Vec<Reply> = cases.iter().map(|case| case.reply.clone()).collect();
    let port = serve(0, move |_, body| {
        let number = body
            .split("case-")
            .nth(1)
            .filter(|_| !body.contains("Ready"));
        let number = number.map(|rest| rest.split('-').next().unwrap().parse::<usize>().unwrap());
        match number {
            Some(number) => replies[number].clone(),
            None if body.is_empty() => json(404, "{}"),
            None => good_answer(asked, body),
        }
    });
    let prompts: Vec<String> = (0..cases.len()).map(|n| format!("case-{n}-")).collect();
    let Asked { endpoint, request } = asked;
    let scenario = format!(
        "version: 1
name: answers
model: {{id: m}}
engine: {{external: {{url: 'http://127.0.0.1:{}'}}}}
prompts: {{inline: [{}]}}
request: {{endpoint: {endpoint}, timeout: 5s{request}}}
load: {{phases: [{{closed: {{concurrency: 1, requests: {}}}}}]}}
report: {{formats: [markdown, junit]}}
{rest}
",
        port.unwrap(),
        prompts.join(", "),
        cases.len()
    );
    bench("run").file("answers.yaml", &scenario).run()
}

/// Fails unless every case came to what was to be said of it.
#[track_caller]
pub(super) fn check(asked: &'static Asked, cases: &[Case]) {
    let done = run(asked, cases, "");
    let rows = done.samples();
    assert_eq!(rows.len(), cases.len(), "{}\n{}", done.stdout, done.stderr);
    let mut wrong = Vec::new();
    for (case, row) in cases.iter().zip(&rows) {
        let class = match &row["error"] {
            Value::String(class) => class.replace('_', " "),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let detail = row["detail"].as_str().unwrap_or_default();
        if class != case.class || !detail.contains(case.words) {
            wrong.push(format!(
                "{}: expected `{}: {}`, found `{class}: {detail}`",
                case.what, case.class, case.words
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let failed = cases.iter().filter(|case| !case.class.is_empty()).count();
    let counts = &done.run()["variants"][0]["phases"][0]["counts"];
    assert_eq!(counts["failed"], failed, "{counts}");
}
