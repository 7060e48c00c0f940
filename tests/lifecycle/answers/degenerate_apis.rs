//! Responses and embeddings that are no answers.

use super::{
    BROKEN, EMBEDDINGS, INCOMPLETE, MISMATCHED, RESPONSES, RESPONSES_UNARY, SERVER, bad, check,
    open, output, response, response_stream, stream,
};
use crate::server::{events, json};
use serde_json::{Value, json as value};

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
                "vector 0 has null at position 0",
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
