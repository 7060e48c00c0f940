//! Streams of status 200 that are no answers: each is a failed request of the right class, in the server's own words.

use super::{
    Asked, BROKEN, CHAT, COMPLETIONS, INCOMPLETE, MISMATCHED, SERVER, asked, bad, check, delta,
    ended, message, open, said, stream, text, usage,
};
use crate::server::{events, json};
use serde_json::json as value;

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
