//! What is answered when nothing goes wrong, and what is refused.

use super::Server;
use serde_json::{Value, json};

const FRANCE: &str = "The capital of France is";

fn ask(more: Value) -> String {
    let mut body = json!({"model": "m", "prompt": FRANCE, "max_tokens": 12, "ignore_eos": true});
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    body.to_string()
}

fn streamed(more: Value) -> String {
    let mut more = more;
    more["stream"] = json!(true);
    more["stream_options"] = json!({"include_usage": true});
    ask(more)
}

#[test]
fn the_prompt_decides_the_text_whatever_the_flavour_and_the_transport() {
    let (vllm, dynamo) = (Server::start(""), Server::start("--flavour dynamo"));
    let text = vllm.complete(&ask(json!({}))).texts(1);
    assert_eq!(text[0].split_whitespace().count(), 12);
    for server in [&vllm, &dynamo] {
        assert_eq!(server.complete(&ask(json!({}))).texts(1), text);
        assert_eq!(server.complete(&streamed(json!({}))).texts(1), text);
        assert_ne!(
            server.complete(&ask(json!({"prompt": "Another"}))).texts(1),
            text
        );
    }
}

#[test]
fn several_prompts_are_several_choices() {
    let prompts = json!([FRANCE, "The future of AI is", "One"]);
    for flavour in ["vllm", "dynamo"] {
        let server = Server::start(&format!("--flavour {flavour}"));
        let whole = server.complete(&ask(json!({"prompt": prompts})));
        let stream = server.complete(&streamed(json!({"prompt": prompts})));
        assert_eq!(whole.texts(3), stream.texts(3));
        assert_eq!(
            whole.texts(3)[0],
            server.complete(&ask(json!({}))).texts(1)[0]
        );
        let usage = whole.json()["usage"].clone();
        assert_eq!(
            [&usage["prompt_tokens"], &usage["completion_tokens"]],
            [&json!(11), &json!(36)]
        );
        let ids = server.complete(&ask(json!({"prompt": [[1, 2, 3], [4]]})));
        assert_eq!(ids.json()["usage"]["prompt_tokens"], 4);
        assert_eq!(
            server.complete(&ask(json!({"prompt": [1, 2, 3]}))).texts(1)[0],
            ids.texts(2)[0]
        );
    }
}

#[test]
fn every_event_is_one_chunk_and_usage_is_exact() {
    for flavour in ["vllm", "dynamo"] {
        let server = Server::start(&format!("--flavour {flavour}"));
        let reply = server.complete(&streamed(json!({})));
        assert!(
            reply.head.contains("content-type: text/event-stream"),
            "{}",
            reply.head
        );
        assert!(reply.done() && reply.complete);
        assert_eq!(reply.events().len(), 13, "{flavour}");
        let last = reply.events().pop().expect("a usage chunk");
        assert_eq!(last["choices"], json!([]));
        let usage = server.complete(&ask(json!({}))).json()["usage"].clone();
        for usage in [&last["usage"], &usage] {
            let counts = ["prompt_tokens", "completion_tokens", "total_tokens"]
                .map(|key| usage[key].as_u64());
            assert_eq!(counts, [Some(5), Some(12), Some(17)]);
        }
        let reply = server.complete(&ask(json!({"stream": true})));
        assert_eq!(reply.events().len(), 12, "no usage unless asked for");
    }
}

#[test]
fn chats_have_a_role_and_parts() {
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": FRANCE}]}]);
    let plain = json!([{"role": "user", "content": FRANCE}]);
    for flavour in ["vllm", "dynamo"] {
        let server = Server::start(&format!("--flavour {flavour}"));
        let chat = |messages: &Value, stream: bool| {
            let body = json!({"model": "m", "messages": messages, "max_completion_tokens": 9, "ignore_eos": true, "stream": stream});
            server.post("/v1/chat/completions", &body.to_string())
        };
        let whole = chat(&plain, false);
        assert_eq!(whole.json()["choices"][0]["message"]["role"], "assistant");
        assert_eq!(whole.texts(1), chat(&messages, false).texts(1));
        let stream = chat(&plain, true);
        assert_eq!(whole.texts(1), stream.texts(1));
        assert_eq!(
            stream.events()[0]["choices"][0]["delta"]["role"],
            "assistant"
        );
        assert_eq!(stream.events()[0]["object"], "chat.completion.chunk");
    }
}

#[test]
fn answers_end_by_length_or_by_themselves() {
    let server = Server::start("");
    let reply = |more| server.complete(&ask(more)).json();
    assert_eq!(reply(json!({}))["choices"][0]["finish_reason"], "length");
    let natural = reply(json!({"max_tokens": 1000, "ignore_eos": false}));
    assert_eq!(natural["choices"][0]["finish_reason"], "stop");
    let longer = reply(json!({"max_tokens": 1000, "ignore_eos": false, "min_tokens": 900}));
    assert_eq!(longer["usage"]["completion_tokens"], 900);
    let default = reply(json!({"max_tokens": null}));
    assert_eq!(default["usage"]["completion_tokens"], 16);
}

#[test]
fn nvext_comes_from_dynamo_when_asked_for() {
    let extra = json!({"nvext": {"extra_fields": ["timing", "worker_id", "unheard_of"]}});
    let (vllm, dynamo) = (Server::start(""), Server::start("--flavour dynamo"));
    assert!(
        vllm.complete(&ask(extra.clone()))
            .json()
            .get("nvext")
            .is_none()
    );
    assert!(
        dynamo
            .complete(&ask(json!({})))
            .json()
            .get("nvext")
            .is_none()
    );
    let whole = dynamo.complete(&ask(extra.clone())).json();
    assert!(whole["nvext"]["worker_id"]["decode_worker_id"].is_u64());
    let events = dynamo.complete(&streamed(extra)).events();
    let [tokens @ .., last, usage] = events.as_slice() else {
        panic!("too few events")
    };
    assert!(
        tokens
            .iter()
            .all(|event| event["nvext"].get("timing").is_none())
    );
    assert!(usage.get("nvext").is_none());
    assert_eq!(last["choices"][0]["finish_reason"], "length");
    for timing in [&whole["nvext"]["timing"], &last["nvext"]["timing"]] {
        assert!(timing["request_received_ms"].as_u64() > Some(1_700_000_000_000));
        let ms = |key: &str| timing[key].as_f64().expect("a time");
        let ttft = ms("prefill_wait_time_ms") + ms("prefill_time_ms");
        assert!((ms("ttft_ms") - ttft).abs() < 1e-6);
        assert!(ms("total_time_ms") > ms("ttft_ms"));
    }
}

#[test]
fn refusals_have_the_flavours_shape() {
    let (vllm, dynamo) = (
        Server::start("--max-model-len 32"),
        Server::start("--flavour dynamo --max-model-len 32"),
    );
    let cases = [
        (404, ask(json!({"model": "other"}))),
        (400, "{\"model\": ".to_owned()),
        (400, json!({"model": "m"}).to_string()),
        (400, ask(json!({"prompt": {"a": 1}}))),
        (400, ask(json!({"prompt": []}))),
        (400, ask(json!({"max_tokens": -1}))),
        (400, ask(json!({"max_tokens": 0}))),
        (400, ask(json!({"prompt": "word ".repeat(32)}))),
        (400, ask(json!({"max_tokens": 28}))),
    ];
    for (status, body) in &cases {
        let reply = vllm.complete(body);
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (*status, &json!(status)),
            "{body}"
        );
        let reply = dynamo.complete(body);
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (*status, &json!(status)),
            "{body}"
        );
    }
    assert_eq!(
        dynamo.complete(&cases[0].1).json(),
        json!({"message": "Model not found", "type": "Not Found", "code": 404})
    );
    for unknown in [
        json!({"no_such_field": 1}),
        json!({"nvext": {"no_such": 1}}),
    ] {
        let reply = dynamo.complete(&ask(unknown.clone()));
        assert_eq!(
            (reply.status, vllm.complete(&ask(unknown)).status),
            (400, 200)
        );
        assert!(
            reply.json()["message"]
                .as_str()
                .expect("a message")
                .contains("`no_such")
        );
    }
}

#[test]
fn the_other_endpoints_answer() {
    for (flavour, own, foreign) in [
        ("vllm", "/version", "/live"),
        ("dynamo", "/live", "/version"),
    ] {
        let server = Server::start(&format!("--flavour {flavour}"));
        assert_eq!(server.get("/v1/models").json()["data"][0]["id"], "m");
        let statuses =
            ["/health", own, foreign, "/v1/completions"].map(|path| server.get(path).status);
        assert_eq!(statuses, [200, 200, 404, 405]);
    }
}

#[test]
fn metrics_agree_with_usage() {
    for (flavour, lines) in [
        (
            "vllm",
            [
                "vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 5",
                "vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 12",
                "vllm:time_to_first_token_seconds_count{engine=\"0\",model_name=\"m\"} 1",
                "vllm:inter_token_latency_seconds_bucket{le=\"+Inf\",engine=\"0\",model_name=\"m\"} 11",
                "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 0",
            ],
        ),
        (
            "dynamo",
            [
                "dynamo_frontend_output_sequence_tokens_sum{model=\"m\"} 12",
                "dynamo_frontend_input_sequence_tokens_sum{model=\"m\"} 5",
                "dynamo_frontend_time_to_first_token_seconds_count{model=\"m\"} 1",
                "dynamo_frontend_inflight_requests{model=\"m\"} 0",
                "dynamo_frontend_requests_total{endpoint=\"completions\",request_type=\"unary\",status=\"success\",model=\"m\"} 1",
            ],
        ),
    ] {
        let server = Server::start(&format!("--flavour {flavour}"));
        server.complete(&ask(json!({})));
        let page = server.get("/metrics").chunks.concat();
        for line in lines {
            assert!(page.lines().any(|l| l == line), "{line} in\n{page}");
        }
    }
}

#[test]
fn responses_are_told_event_by_event() {
    let server = Server::start("");
    let body = json!({"model": "m", "input": "Hi", "max_output_tokens": 3, "ignore_eos": true, "stream": true});
    let reply = server.post("/v1/responses", &body.to_string());
    let names: Vec<&str> = reply
        .chunks
        .iter()
        .filter_map(|chunk| chunk.lines().next())
        .collect();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(
        names,
        expected.map(|name| format!("event: response.{name}"))
    );
    let data = reply
        .chunks
        .iter()
        .map(|chunk| chunk.split_once("data: ").expect("data").1);
    let events: Vec<Value> = data
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let whole = &events[10]["response"];
    let counts = ["input_tokens", "output_tokens"].map(|key| whole["usage"][key].as_u64());
    assert_eq!(counts, [Some(3), Some(3)], "`user`, a colon and one word");
    // A chat of the same words is answered with the same text.
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "ignore_eos": true});
    let chat = server.post("/v1/chat/completions", &chat.to_string());
    assert_eq!(whole["output"][0]["content"][0]["text"], chat.texts(1)[0]);
}

#[test]
fn embeddings_depend_on_the_input_alone() {
    let server = Server::start("");
    let ask = |input: Value| {
        let body = json!({"model": "m", "input": input});
        server.post("/v1/embeddings", &body.to_string()).json()
    };
    let both = ask(json!(["one", "two words"]));
    assert_eq!(both["usage"]["prompt_tokens"], 3);
    assert_eq!(
        both["data"][1]["embedding"],
        ask(json!("two words"))["data"][0]["embedding"]
    );
    assert_ne!(both["data"][0]["embedding"], both["data"][1]["embedding"]);
    let refused = server.post(
        "/v1/embeddings",
        &json!({"model": "m", "prompt": "x"}).to_string(),
    );
    assert_eq!(refused.status, 400);
}
