//! Bodies of status 200 that are no answers: the same for requests that do not stream.

use super::{
    Asked, BROKEN, CHAT_UNARY, COMPLETIONS_UNARY, INCOMPLETE, MISMATCHED, SERVER, asked, bad,
    check, ended, message, said, stream,
};
use crate::server::json;
use serde_json::{Value, json as value};

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
