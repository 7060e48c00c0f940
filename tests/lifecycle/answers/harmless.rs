//! Answers of other habits that are whole: none of them is a failure.

use super::{
    Asked, CHAT, CHAT_UNARY, COMPLETIONS, EMBEDDINGS, RESPONSES, asked, check, delta, ended, good,
    message, open, output, response, response_stream, said, stream, text, usage,
};
use crate::server::{Reply, events, json};
use serde_json::{Value, json as value};

const DONE: &str = "data: [DONE]\n\n";

fn whole() -> Vec<Value> {
    vec![said("a"), said("b"), ended("stop"), usage(2)]
}

#[test]
fn streams_of_a_chat() {
    let raw = |text: String| events(text + DONE);
    let lines = |end: &str| events((open(&whole()) + DONE).replace('\n', end));
    let with = |key: &str, worth: Value| {
        let mut chunks = whole();
        for chunk in &mut chunks {
            chunk[key] = worth.clone();
        }
        stream(&chunks)
    };
    let counted = |counts: &[Option<u64>]| {
        let chunk = |(nth, count): (usize, &Option<u64>)| {
            let mut chunk = if nth + 1 == counts.len() {
                ended("stop")
            } else {
                said("a")
            };
            chunk["usage"] = match count {
                Some(n) => value!({"prompt_tokens": 5, "completion_tokens": n}),
                None => Value::Null,
            };
            chunk
        };
        stream(&counts.iter().enumerate().map(chunk).collect::<Vec<_>>())
    };
    let call = |function: Value| {
        delta(
            value!({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": function}]}),
        )
    };
    let half = |unit: &str| format!("data: {}\n\n", said("@").to_string().replace('@', unit));
    let floats = value!({"choices": [], "usage": {"prompt_tokens": 5.0, "completion_tokens": 2.0}});
    check(
        &CHAT,
        &[
            good("as OpenAI sends it", stream(&whole())),
            good("CRLF", lines("\r\n")),
            good("CR", lines("\r")),
            good(
                "a byte order mark",
                events(format!("\u{feff}{}{DONE}", open(&whole()))),
            ),
            good(
                "comments and empty data",
                raw(format!(
                    ": ping\n\ndata:\n\ndata: \n\nid: 7\n\nretry: 3\n\nevent: ping\n\n{}",
                    open(&whole())
                )),
            ),
            good(
                "pings with data",
                raw(format!(
                    "event: ping\ndata: {{\"type\":\"ping\"}}\n\n{}",
                    open(&whole())
                )),
            ),
            good(
                "annotations",
                raw(format!("event: note\ndata: [1]\n\n{}", open(&whole()))),
            ),
            good(
                "[DONE] without its blank line",
                events(open(&whole()) + "data: [DONE]"),
            ),
            good("no usage", stream(&whole()[..3])),
            good("usage that grows", counted(&[Some(1), Some(2), Some(2)])),
            good(
                "usage that is null until the end",
                counted(&[None, None, Some(2)]),
            ),
            good("error that is null", with("error", value!(null))),
            good("error that is empty", with("error", value!({}))),
            good("a model with a date", with("model", value!("m-2024-08-06"))),
            good("a model that is not told", with("model", value!(""))),
            good(
                "halves of an emoji",
                raw(half("\\ud83d") + &half("\\ude00") + &open(&whole()[2..])),
            ),
            good(
                "counts with a fraction of zero",
                stream(&[said("a"), said("b"), ended("stop"), floats]),
            ),
            good(
                "reasoning alone",
                stream(&[
                    delta(value!({"reasoning_content": "hm"})),
                    ended("length"),
                    usage(1),
                ]),
            ),
            good(
                "reasoning in details",
                stream(&[
                    delta(value!({"reasoning_details": [{"text": "hm"}]})),
                    ended("length"),
                    usage(1),
                ]),
            ),
            good(
                "a refusal",
                stream(&[delta(value!({"refusal": "no"})), ended("stop"), usage(1)]),
            ),
            good(
                "a tool call",
                stream(&[
                    call(value!({"name": "f", "arguments": ""})),
                    call(value!({"arguments": "{}"})),
                    ended("tool_calls"),
                    usage(9),
                ]),
            ),
            good(
                "a tool call cut by its length",
                stream(&[
                    call(value!({"name": "f", "arguments": "{"})),
                    ended("length"),
                    usage(9),
                ]),
            ),
            good(
                "a call of a function",
                stream(&[
                    delta(value!({"function_call": {"name": "f", "arguments": "{}"}})),
                    ended("function_call"),
                    usage(4),
                ]),
            ),
            good(
                "audio",
                stream(&[
                    delta(value!({"audio": {"id": "a", "data": "QUJD"}})),
                    ended("stop"),
                    usage(4),
                ]),
            ),
            good(
                "content as a list",
                stream(&[
                    delta(value!({"content": [{"type": "text", "text": "a"}]})),
                    ended("stop"),
                    usage(1),
                ]),
            ),
            good(
                "an empty answer by its own count",
                stream(&[
                    delta(value!({"role": "assistant", "content": ""})),
                    ended("stop"),
                    usage(0),
                ]),
            ),
            good(
                "reasoning that is not shown",
                stream(&[
                    ended("length"),
                    value!({"choices": [], "usage": {"completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 20}}}),
                ]),
            ),
            good(
                "an empty finish reason until the end",
                stream(&[
                    value!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": ""}]}),
                    ended("stop"),
                    usage(1),
                ]),
            ),
            good(
                "a filter of content",
                stream(&[said("a"), ended("content_filter"), usage(1)]),
            ),
            good(
                "plain text by its type",
                Reply {
                    kind: "text/plain",
                    ..stream(&whole())
                },
            ),
        ],
    );
}

#[test]
fn bodies_of_a_chat() {
    let call = value!({"content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    check(
        &CHAT_UNARY,
        &[
            good("a tool call", message(call, Some("tool_calls"), value!(9))),
            good(
                "a refusal",
                message(
                    value!({"content": null, "refusal": "no"}),
                    Some("stop"),
                    value!(1),
                ),
            ),
            good(
                "no count",
                message(value!({"content": "a"}), Some("stop"), value!(null)),
            ),
            good(
                "empty by its own count",
                message(value!({"content": ""}), Some("stop"), value!(0)),
            ),
            good(
                "a lone surrogate",
                json(
                    200,
                    message(value!({"content": "@"}), Some("stop"), value!(1))
                        .body
                        .iter()
                        .flat_map(|b| {
                            if *b == b'@' {
                                b"\\ud83d".to_vec()
                            } else {
                                vec![*b]
                            }
                        })
                        .collect::<Vec<u8>>(),
                ),
            ),
            good(
                "no index",
                json(
                    200,
                    "{\"choices\": [{\"message\": {\"content\": \"a\"}, \"finish_reason\": \"stop\"}]}",
                ),
            ),
        ],
    );
}

#[test]
fn streams_of_completions_and_responses_and_vectors() {
    check(
        &COMPLETIONS,
        &[
            good(
                "a stop token alone",
                stream(&[text(0, "", Some("stop")), usage(0)]),
            ),
            good(
                "text with the finish reason",
                stream(&[text(0, "a", Some("length")), usage(1)]),
            ),
        ],
    );
    let completed = |output: Value, texts: &[&str]| {
        events(response_stream(
            texts,
            "response.completed",
            &response("completed", output, 4),
        ))
    };
    let cut = response_stream(
        &["a"],
        "response.incomplete",
        &response("incomplete", output("a"), 1),
    );
    check(
        &RESPONSES,
        &[
            good("text", completed(output("ab"), &["a", "b"])),
            good("cut by its length", events(cut)),
            good(
                "a function call",
                completed(
                    value!([{"type": "function_call", "name": "f", "arguments": "{}"}]),
                    &[],
                ),
            ),
            good(
                "a [DONE] behind it",
                events(
                    response_stream(
                        &["a"],
                        "response.completed",
                        &response("completed", output("a"), 1),
                    ) + DONE,
                ),
            ),
        ],
    );
    let vector = |vector: Value| {
        json(
            200,
            value!({"model": "m", "data": [{"embedding": vector}]}).to_string(),
        )
    };
    check(
        &EMBEDDINGS,
        &[
            good("numbers", vector(value!([0.0, 1, -0.5]))),
            good("base64", vector(value!("AAAAAAAAAAA="))),
        ],
    );
}

#[test]
fn what_the_scenario_accepts() {
    static NO_DONE: Asked = asked("chat", ", accept: {no_done: true}");
    check(
        &NO_DONE,
        &[
            good(
                "every choice has ended",
                events(open(&[said("a"), ended("stop")])),
            ),
            good(
                "the usage came",
                events(open(&[said("a"), ended("stop"), usage(1)])),
            ),
        ],
    );
    static LOOSE: Asked = asked(
        "chat",
        ", accept: {no_finish_reason: true, no_text: true, models: [llama]}",
    );
    check(
        &LOOSE,
        &[
            good("no finish reason", stream(&[said("a"), usage(1)])),
            good("tokens without text", stream(&[ended("stop"), usage(1)])),
            good(
                "an alias",
                stream(&[
                    value!({"model": "llama", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}),
                ]),
            ),
        ],
    );
}
