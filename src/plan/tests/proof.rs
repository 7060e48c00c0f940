use super::*;
use crate::plan::requests::tests::{letters, requests};
use serde_json::json;

fn shortened(api: ApiEndpoint, fields: Value) -> Value {
    let mut requests = requests(api, letters());
    requests.template = fields.as_object().cloned().unwrap_or_default();
    let body = requests.proof("m", (1, 1), false);
    let mut body: Map<String, Value> = serde_json::from_slice(&body).unwrap();
    for key in ["model", "prompt", "messages", "input"] {
        body.remove(key);
    }
    Value::Object(body)
}

#[test]
fn a_short_readiness_request_asks_for_few_tokens_and_never_more_than_the_load() {
    use ApiEndpoint::{Chat, Completions, Embeddings, Responses};
    let cases = [
        (Chat, json!({}), json!({"max_tokens": 8})),
        (Chat, json!({"max_tokens": 1000}), json!({"max_tokens": 8})),
        (Chat, json!({"max_tokens": 3}), json!({"max_tokens": 3})),
        (
            Chat,
            json!({"max_completion_tokens": 1000}),
            json!({"max_completion_tokens": 8}),
        ),
        (
            Completions,
            json!({"max_tokens": 64, "min_tokens": 64, "ignore_eos": true}),
            json!({"max_tokens": 8, "min_tokens": 8, "ignore_eos": true}),
        ),
        (Responses, json!({}), json!({"max_output_tokens": 16})),
        (
            Responses,
            json!({"max_output_tokens": 20}),
            json!({"max_output_tokens": 16}),
        ),
        (Embeddings, json!({}), json!({})),
    ];
    for (api, fields, expected) in cases {
        assert_eq!(shortened(api, fields.clone()), expected, "{api:?} {fields}");
    }
}

#[test]
fn a_whole_readiness_request_equals_a_request_of_the_load() {
    let mut requests = requests(ApiEndpoint::Chat, letters());
    requests.output_tokens = Some(100);
    let body = requests.proof("m", (1, 1), true);
    assert_eq!(body, requests.body("m", Purpose::Readiness { round: 1 }, 1));
    let short: Value = serde_json::from_slice(&requests.proof("m", (1, 1), false)).unwrap();
    assert_eq!(
        (&short["max_tokens"], &short["min_tokens"]),
        (&8.into(), &8.into())
    );
}

#[test]
fn rules_on_the_whole_answer_need_a_whole_answer() {
    let needs = |rule: Value| needs_whole(&serde_json::from_value(rule).unwrap());
    for rule in [
        json!({"stream": "full_length"}),
        json!({"text": {"json_schema": {}}}),
        json!({"text": {"matches": "a"}}),
        json!({"text": {"contains": "a"}}),
        json!({"text": "well_formed"}),
        json!({"at": "usage.completion_tokens", "equals": 100}),
        json!({"at": "usage.completion_tokens", "between": "9..64"}),
        json!({"at": "choices[0].finish_reason", "equals": "stop"}),
        json!({"at": "choices[0].finish_reason", "matches": "s"}),
        json!({"at": "$.choices[0].message.tool_calls", "present": true}),
        json!({"at": "$..finish_reason", "equals": "stop"}),
        json!({"at": "output[0].status", "equals": "completed"}),
        json!({"at": "[\"status\"]", "equals": "completed"}),
    ] {
        assert!(needs(rule.clone()), "{rule}");
    }
    for rule in [
        json!({"status": 200}),
        json!({"header": "x", "present": true}),
        json!({"stream": "done"}),
        json!({"stream": "usage"}),
        json!({"stream": "one_finish_reason"}),
        json!({"stream": {"first_event_within": "1s"}}),
        json!({"text": "not_empty"}),
        json!({"at": "nvext.timing.ttft_ms", "type": "number"}),
        json!({"at": "usage.completion_tokens", "between": "1..64"}),
        json!({"at": "usage.completion_tokens", "type": "integer"}),
        json!({"at": "choices[0].finish_reason", "one_of": ["stop", "length"]}),
        json!({"at": "$['model']", "equals": "m"}),
    ] {
        assert!(!needs(rule.clone()), "{rule}");
    }
}
