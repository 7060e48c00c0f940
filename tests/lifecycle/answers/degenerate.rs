//! Answers of status 200 that are no answers: each is a failed request of the right class, in the server's own words.

use super::{
    Asked, CHAT, CHAT_UNARY, COMPLETIONS, COMPLETIONS_UNARY, EMBEDDINGS, RESPONSES,
    RESPONSES_UNARY, asked, bad, check, delta, ended, message, open, output, response,
    response_stream, said, stream, text, usage,
};
use crate::server::{events, json};
use serde_json::{Value, json as value};

const INCOMPLETE: &str = "incomplete answer";
const SERVER: &str = "server error";
const BROKEN: &str = "broken stream";
const MISMATCHED: &str = "mismatched answer";

#[test]
fn streams_of_a_chat() {
    let named = |text: &str| events(open(&[said("a")]) + text + "data: [DONE]\n\n");
    check(
        &CHAT,
        &[
            bad("only [DONE]", stream(&[]), INCOMPLETE, "no `choices`"),
            bad(
                "only usage",
                stream(&[usage(0)]),
                INCOMPLETE,
                "no `choices`",
            ),
            bad(
                "choices without end",
                stream(&[
                    value!({"model": "m", "choices": []}),
                    value!({"choices": null}),
                ]),
                INCOMPLETE,
                "no `choices`",
            ),
            bad(
                "a role and no text",
                stream(&[
                    delta(value!({"role": "assistant", "content": ""})),
                    ended("length"),
                    usage(20),
                ]),
                INCOMPLETE,
                "choice 0 has no text and no tool call, though 20 tokens were counted",
            ),
            bad(
                "no text and no count",
                stream(&[delta(value!({"role": "assistant"})), ended("stop")]),
                INCOMPLETE,
                "no count of tokens",
            ),
            bad(
                "no finish reason",
                stream(&[said("a"), said("b"), usage(2)]),
                INCOMPLETE,
                "choice 0 has no finish reason",
            ),
            bad(
                "an empty finish reason",
                stream(&[said("a"), ended(""), usage(1)]),
                INCOMPLETE,
                "choice 0 has no finish reason",
            ),
            bad(
                "finish reason error",
                stream(&[said("a"), ended("error")]),
                SERVER,
                "finish_reason `error`",
            ),
            bad(
                "finish reason abort",
                stream(&[said("a"), ended("abort")]),
                SERVER,
                "finish_reason `abort`",
            ),
            bad(
                "finish reason cancelled",
                stream(&[said("a"), ended("cancelled"), usage(1)]),
                SERVER,
                "finish_reason `cancelled`",
            ),
            bad(
                "an error chunk",
                stream(&[
                    said("a"),
                    value!({"error": {"message": "EngineCore died", "code": 500}}),
                ]),
                SERVER,
                "EngineCore died",
            ),
            bad(
                "an error that is text",
                stream(&[said("a"), value!({"error": "upstream connect error"})]),
                SERVER,
                "upstream connect error",
            ),
            bad(
                "detail, as FastAPI says it",
                stream(&[
                    said("a"),
                    value!({"detail": "KV cache is full"}),
                    ended("stop"),
                ]),
                SERVER,
                "KV cache is full",
            ),
            bad(
                "an object that is an error",
                stream(&[
                    said("a"),
                    value!({"object": "error", "message": "no blocks"}),
                    ended("stop"),
                ]),
                SERVER,
                "no blocks",
            ),
            bad(
                "an error beside a whole choice",
                stream(&[
                    said("a"),
                    value!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "error": {"message": "late"}}),
                ]),
                SERVER,
                "late",
            ),
            bad(
                "an error within a choice",
                stream(&[
                    value!({"choices": [{"index": 0, "delta": {"content": "a"}, "error": {"message": "provider down", "code": 502}, "finish_reason": "stop"}]}),
                ]),
                SERVER,
                "provider down",
            ),
            bad(
                "an event named error",
                named("event: error\ndata: {\"message\":\"queue is full\"}\n\n"),
                SERVER,
                "queue is full",
            ),
            bad(
                "an event named error with text",
                named("event: error\ndata: worker lost\n\n"),
                SERVER,
                "worker lost",
            ),
            bad(
                "an event named error with a comment",
                named("event: error\n: stream ended early\n\n"),
                SERVER,
                "stream ended early",
            ),
            bad(
                "no [DONE]",
                events(open(&[said("a"), ended("stop"), usage(1)])),
                BROKEN,
                "without [DONE]",
            ),
            bad("an empty stream", events(""), BROKEN, "without [DONE]"),
            bad(
                "text that is called a stream",
                events("Service overloaded"),
                BROKEN,
                "no event: `Service overloaded`",
            ),
            bad(
                "an error that is called a stream",
                events("{\"error\": {\"message\": \"no capacity\"}}"),
                SERVER,
                "no capacity",
            ),
            bad(
                "an event that is not JSON",
                named("data: {\"choices\":\n\n"),
                BROKEN,
                "not JSON",
            ),
            bad(
                "an event that is a list",
                named("data: []\n\n"),
                BROKEN,
                "not a JSON object",
            ),
            bad(
                "another model",
                stream(&[
                    value!({"model": "gpt2", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}),
                    value!({"model": "gpt2", "choices": []}),
                ]),
                MISMATCHED,
                "model `gpt2` answered",
            ),
            bad(
                "one body",
                message(value!({"content": "a"}), Some("stop"), value!(1)),
                MISMATCHED,
                "a stream was requested",
            ),
            bad("an empty object", json(200, "{}"), MISMATCHED, "`{}`"),
            bad(
                "an overloaded balancer",
                json(200, "{\"detail\": \"Service overloaded\"}"),
                SERVER,
                "Service overloaded",
            ),
            bad(
                "an error in one body",
                json(200, "{\"error\": {\"message\": \"model overloaded\"}}"),
                SERVER,
                "model overloaded",
            ),
            bad(
                "a page",
                json(200, "<html>Bad gateway</html>"),
                BROKEN,
                "Bad gateway",
            ),
            bad(
                "a call of no tool",
                stream(&[
                    delta(value!({"tool_calls": []})),
                    ended("tool_calls"),
                    usage(3),
                ]),
                BROKEN,
                "calls none",
            ),
            bad(
                "a second choice that nobody asked for",
                stream(&[
                    said("a"),
                    ended("stop"),
                    value!({"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}),
                ]),
                MISMATCHED,
                "2 choices came, and 1 were asked for",
            ),
        ],
    );
}

#[test]
fn streams_of_several_choices() {
    static TWO: Asked = asked("completions", ", params: {n: 2}");
    check(
        &TWO,
        &[
            bad(
                "the second is missing",
                stream(&[text(0, "a", None), text(0, "", Some("stop")), usage(1)]),
                INCOMPLETE,
                "choices 1 of 2: choice 1 is missing",
            ),
            bad(
                "the first is missing",
                stream(&[text(1, "a", Some("stop")), usage(1)]),
                INCOMPLETE,
                "choices 1 of 2: choice 0 is missing",
            ),
            bad(
                "the second does not end",
                stream(&[text(0, "a", Some("stop")), text(1, "b", None), usage(2)]),
                INCOMPLETE,
                "choice 1 has no finish reason",
            ),
            bad(
                "the second says nothing",
                stream(&[
                    text(0, "a", Some("stop")),
                    text(1, "", Some("stop")),
                    usage(2),
                ]),
                INCOMPLETE,
                "choice 1 has no text",
            ),
            bad(
                "the second was given up",
                stream(&[
                    text(0, "a", Some("stop")),
                    text(1, "b", Some("abort")),
                    usage(2),
                ]),
                SERVER,
                "choice 1 ended with finish_reason `abort`",
            ),
        ],
    );
}

#[test]
fn streams_of_completions() {
    check(
        &COMPLETIONS,
        &[
            bad("only [DONE]", stream(&[]), INCOMPLETE, "no `choices`"),
            bad(
                "no text",
                stream(&[text(0, "", Some("length")), usage(8)]),
                INCOMPLETE,
                "no text",
            ),
            bad(
                "a choice without anything",
                stream(&[value!({"choices": [{}]})]),
                INCOMPLETE,
                "no finish reason",
            ),
            bad(
                "a choice that is null",
                stream(&[value!({"choices": [null]})]),
                INCOMPLETE,
                "no finish reason",
            ),
            bad(
                "given up",
                stream(&[text(0, "a", Some("abort")), usage(1)]),
                SERVER,
                "abort",
            ),
        ],
    );
}

#[test]
fn bodies_of_a_chat() {
    let kinds = [
        "{}",
        "[]",
        "42",
        "null",
        "\"busy\"",
        "true",
        "{\"choices\": []}",
        "{\"choices\": null}",
    ];
    let mut cases: Vec<_> = kinds
        .into_iter()
        .map(|body| bad(body, json(200, body), INCOMPLETE, "no `choices`"))
        .collect();
    let of = |message_: Value, reason| message(message_, reason, value!(4));
    cases.extend([
        bad("a choice that is null", json(200, "{\"choices\": [null]}"), INCOMPLETE, "no finish reason"),
        bad("a choice without anything", json(200, "{\"choices\": [{}]}"), INCOMPLETE, "no finish reason"),
        bad("no message", of(value!(null), Some("stop")), INCOMPLETE, "no text"),
        bad("content null", of(value!({"content": null}), Some("stop")), INCOMPLETE, "4 tokens were counted"),
        bad("content empty", of(value!({"content": ""}), Some("length")), INCOMPLETE, "4 tokens were counted"),
        bad("no count", message(value!({"content": ""}), Some("stop"), value!(null)), INCOMPLETE, "no count of tokens"),
        bad("no finish reason", of(value!({"content": "a"}), None), INCOMPLETE, "no finish reason"),
        bad("finish reason error", of(value!({"content": "a"}), Some("error")), SERVER, "finish_reason `error`"),
        bad("a refused message", of(value!({"content": null, "error": "filtered"}), Some("stop")), SERVER, "filtered"),
        bad("detail", json(200, "{\"detail\": \"Service overloaded\"}"), SERVER, "Service overloaded"),
        bad("an object that is an error", json(200, "{\"object\": \"error\", \"message\": \"full\"}"), SERVER, "full"),
        bad("an error", json(200, "{\"error\": \"full\"}"), SERVER, "full"),
        bad("Dynamo's error", json(200, "{\"message\": \"no instances\", \"code\": 503}"), SERVER, "no instances"),
        bad("a stream", stream(&[said("a"), ended("stop")]), MISMATCHED, "JSON was requested"),
        bad("nothing", json(200, ""), BROKEN, "empty"),
        bad("no content", json(204, ""), BROKEN, "empty"),
        bad("a page", json(200, "Service overloaded"), BROKEN, "Service overloaded"),
        bad("half", json(200, "{\"choices\": [{\"index\": 0, \"mess"), BROKEN, "not JSON"),
        bad(
            "another model",
            json(200, value!({"model": "m-mini", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}).to_string()),
            MISMATCHED,
            "model `m-mini` answered, and `m` was requested",
        ),
    ]);
    check(&CHAT_UNARY, &cases);
}

#[test]
fn bodies_of_completions() {
    let choice =
        |index: u64, text: &str| value!({"index": index, "text": text, "finish_reason": "stop"});
    let body = |choices: &[Value], tokens: u64| {
        let usage = value!({"prompt_tokens": 5, "completion_tokens": tokens});
        json(
            200,
            value!({"model": "m", "choices": choices, "usage": usage}).to_string(),
        )
    };
    check(
        &COMPLETIONS_UNARY,
        &[
            bad("no text", body(&[choice(0, "")], 3), INCOMPLETE, "no text"),
            bad(
                "text that is null",
                json(
                    200,
                    value!({"choices": [{"text": null, "finish_reason": "stop"}]}).to_string(),
                ),
                INCOMPLETE,
                "no text",
            ),
            bad(
                "too many",
                body(&[choice(0, "a"), choice(1, "b")], 2),
                MISMATCHED,
                "2 choices came",
            ),
        ],
    );
    static THREE: Asked = asked("completions", ", stream: false, params: {n: 3}");
    check(
        &THREE,
        &[
            bad(
                "one of three",
                body(&[choice(0, "a")], 1),
                INCOMPLETE,
                "choices 1 of 3",
            ),
            bad(
                "one twice",
                body(&[choice(0, "a"), choice(1, "b"), choice(1, "b")], 3),
                INCOMPLETE,
                "choices 2 of 3: choice 2 is missing",
            ),
        ],
    );
}

#[test]
fn streams_of_responses() {
    let end = |kind: &str, response: &Value| events(response_stream(&["a"], kind, response));
    let failed = {
        let mut failed = response("failed", output("a"), 1);
        failed["error"] = value!({"code": "server_error", "message": "engine died"});
        failed
    };
    check(
        &RESPONSES,
        &[
            bad(
                "no output",
                events(response_stream(
                    &[],
                    "response.completed",
                    &response("completed", value!([]), 0),
                )),
                INCOMPLETE,
                "no `output`",
            ),
            bad(
                "an item that says nothing",
                events(response_stream(
                    &[],
                    "response.completed",
                    &response("completed", output(""), 4),
                )),
                INCOMPLETE,
                "no text",
            ),
            bad(
                "failed",
                end("response.failed", &failed),
                SERVER,
                "engine died",
            ),
            bad(
                "failed without words",
                end("response.failed", &value!(null)),
                SERVER,
                "failed",
            ),
            bad(
                "cancelled",
                end("response.cancelled", &response("cancelled", output("a"), 1)),
                SERVER,
                "cancelled",
            ),
            bad(
                "completed by name, failed by status",
                end("response.completed", &failed),
                SERVER,
                "engine died",
            ),
            bad(
                "an error event",
                events(
                    "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"boom\"}\n\n",
                ),
                SERVER,
                "boom",
            ),
            bad(
                "cut",
                events(open(&[
                    value!({"type": "response.output_text.delta", "delta": "a"}),
                ])),
                BROKEN,
                "without response.completed",
            ),
            bad("only [DONE]", stream(&[]), INCOMPLETE, "no `output`"),
            bad(
                "text lost on the way",
                end(
                    "response.completed",
                    &response("completed", output("ab"), 2),
                ),
                BROKEN,
                "lost, doubled or changed",
            ),
        ],
    );
}

#[test]
fn bodies_of_responses() {
    let body = |response: Value| json(200, response.to_string());
    let mut failed = response("failed", value!([]), 0);
    failed["error"] = value!({"message": "engine died"});
    let mut silent = response("completed", output("a"), 1);
    silent.as_object_mut().unwrap().remove("status");
    check(
        &RESPONSES_UNARY,
        &[
            bad(
                "no output",
                body(response("completed", value!([]), 0)),
                INCOMPLETE,
                "no `output`",
            ),
            bad(
                "output null",
                body(response("completed", value!(null), 0)),
                INCOMPLETE,
                "no `output`",
            ),
            bad(
                "nothing said",
                body(response("completed", output(""), 3)),
                INCOMPLETE,
                "no text",
            ),
            bad("no status", body(silent), INCOMPLETE, "no status"),
            bad("failed", body(failed), SERVER, "engine died"),
            bad(
                "in progress",
                body(response("in_progress", output("a"), 1)),
                SERVER,
                "in_progress",
            ),
            bad(
                "an empty object",
                body(value!({})),
                INCOMPLETE,
                "no `output`",
            ),
        ],
    );
}

#[test]
fn vectors() {
    let data = |data: Value| json(200, value!({"model": "m", "data": data}).to_string());
    let vector = |vector: Value| data(value!([{"index": 0, "embedding": vector}]));
    check(
        &EMBEDDINGS,
        &[
            bad(
                "no data",
                json(200, "{\"model\": \"m\"}"),
                INCOMPLETE,
                "no `data`",
            ),
            bad("none", data(value!([])), INCOMPLETE, "no `data`"),
            bad("null", vector(value!(null)), INCOMPLETE, "vector 0 is null"),
            bad("empty", vector(value!([])), INCOMPLETE, "vector 0 is empty"),
            bad(
                "of nulls",
                vector(value!([null, null])),
                INCOMPLETE,
                "vector 0 has null in place of number 0",
            ),
            bad("not base64", vector(value!("?!")), INCOMPLETE, "not base64"),
            bad("no base64", vector(value!("")), INCOMPLETE, "empty"),
            bad(
                "another index",
                data(value!([{"index": 3, "embedding": [0.1]}])),
                INCOMPLETE,
                "vector 0 is missing",
            ),
            bad(
                "two",
                data(value!([{"index": 0, "embedding": [0.1]}, {"index": 1, "embedding": [0.1]}])),
                MISMATCHED,
                "2 vectors came",
            ),
            bad(
                "an error",
                json(200, "{\"detail\": \"busy\"}"),
                SERVER,
                "busy",
            ),
            bad(
                "another model",
                json(
                    200,
                    value!({"model": "x", "data": [{"embedding": [0.5]}]}).to_string(),
                ),
                MISMATCHED,
                "model `x`",
            ),
        ],
    );
}
