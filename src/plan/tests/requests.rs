use super::*;
use crate::plan::Prompts;
use std::sync::Arc;

fn rules(value: Value) -> Vec<Assertion> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn only_rules_on_present_fields_below_nvext_request_them() {
    let asks = |value| nvext_fields(&rules(value));
    let nothing: [&str; 0] = [];
    assert_eq!(asks(json!([{"at": "nvext", "absent": true}])), nothing);
    assert_eq!(
        asks(json!([{"at": "nvext.timing", "absent": true}])),
        nothing
    );
    assert_eq!(
        asks(json!([{"at": "nvext.timing.ttft_ms", "type": "number"}])),
        ["timing"]
    );
    assert_eq!(
        asks(json!([{"at": "nvext['worker_id'].x", "present": true}])),
        ["worker_id"]
    );
    assert_eq!(
        asks(json!([{"at": "x.nvext.timing", "present": true}])),
        nothing
    );
}

#[test]
fn requested_fields_are_added_to_the_users_nvext() {
    let params = json!({"nvext": {"extra_fields": ["timing"], "annotations": []}});
    let request = RequestOptions {
        params: params.as_object().unwrap().clone(),
        ..RequestOptions::default()
    };
    let body = template(&request, &["timing", "worker_id"]);
    assert_eq!(
        body["nvext"]["extra_fields"],
        json!(["timing", "worker_id"])
    );
    assert_eq!(body["nvext"]["annotations"], json!([]));
}

pub(in crate::plan) fn requests(api: ApiEndpoint, prompts: Prompts) -> Requests {
    Requests {
        api,
        stream: true,
        prompts_per_request: 1,
        prompts: Arc::new(prompts),
        template: Map::new(),
        output_tokens: None,
        cache_bust: None,
        run: 7,
        timeout: std::time::Duration::from_secs(1),
        accept: crate::scenario::model::Accept::default(),
        query: String::new(),
        labels: crate::plan::labels::Labels::default(),
        sha256: String::new(),
    }
}

pub(in crate::plan) fn letters() -> Prompts {
    Prompts::written(["a", "b", "c"].map(String::from))
}

fn measured(requests: &Requests, index: u64) -> String {
    String::from_utf8(requests.body("m", Purpose::of_phase(true, 1, 1), index)).unwrap()
}

#[test]
fn warm_up_prompts_differ_from_each_other_and_from_measured_prompts() {
    let mut requests = requests(ApiEndpoint::Completions, letters());
    requests.prompts_per_request = 2;
    let mut seen = std::collections::HashSet::new();
    for index in 0..4 {
        assert!(seen.insert(requests.body("m", Purpose::Warmup { round: 1 }, index)));
    }
    assert_eq!(
        measured(&requests, 1),
        r#"{"model":"m","prompt":["c","a"]}"#
    );
}

#[test]
fn every_api_gets_its_own_fields_for_a_length() {
    let body = |api| {
        let mut requests = requests(api, letters());
        requests.output_tokens = Some(5);
        measured(&requests, 0)
    };
    let exact = r#""max_tokens":5,"min_tokens":5,"ignore_eos":true}"#;
    assert_eq!(
        body(ApiEndpoint::Completions),
        format!(r#"{{"model":"m","prompt":"a",{exact}"#)
    );
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"a"}],"#;
    assert_eq!(body(ApiEndpoint::Chat), format!("{chat}{exact}"));
    assert_eq!(
        body(ApiEndpoint::Responses),
        r#"{"model":"m","input":"a","max_output_tokens":5,"ignore_eos":true}"#
    );
    assert_eq!(
        body(ApiEndpoint::Embeddings),
        r#"{"model":"m","input":"a"}"#
    );
}

#[test]
fn cache_bust_makes_the_start_of_prompts_unique() {
    let mut requests = requests(ApiEndpoint::Completions, letters());
    requests.cache_bust = Some(CacheBust::Run);
    let first = measured(&requests, 0);
    assert_eq!(first, measured(&requests, 3), "shared within a run");
    requests.run = 8;
    assert_ne!(first, measured(&requests, 0));
    requests.cache_bust = Some(CacheBust::Request);
    assert_ne!(measured(&requests, 0), measured(&requests, 3));
    let later = requests.body("m", Purpose::of_phase(true, 1, 2), 0);
    assert_ne!(
        measured(&requests, 0).into_bytes(),
        later,
        "nor another round's"
    );
}

fn of_rows(api: ApiEndpoint, rows: Value) -> Requests {
    let entry = |row: &Value| Entry {
        body: row[1].as_object().unwrap().clone(),
        ..Entry::of(match &row[0] {
            Value::String(text) => Text::Written(text.clone()),
            Value::Array(list) if list[0].is_number() => {
                Text::Tokens(serde_json::from_value(row[0].clone()).unwrap())
            }
            messages => Text::Messages(messages.as_array().unwrap().clone()),
        })
    };
    let rows = rows.as_array().unwrap().iter().map(entry).collect();
    requests(api, Prompts::listed(rows))
}

fn sent(requests: &Requests, purpose: Purpose, index: u64) -> Value {
    serde_json::from_slice(&requests.body("m", purpose, index)).unwrap()
}

const MEASURED: Purpose = Purpose::Measured { phase: 1, round: 1 };

#[test]
fn fields_of_a_row_replace_those_of_all_requests() {
    let rows = json!([["a", {}], ["b", {"model": "lora", "max_tokens": 3, "seed": 1}]]);
    let mut of = of_rows(ApiEndpoint::Chat, rows);
    let params = json!({"seed": 7, "max_completion_tokens": 50, "user": "u"});
    of.template = params.as_object().unwrap().clone();
    let user = |text: &str| json!([{"role": "user", "content": text}]);
    let first = json!({"model": "m", "messages": user("a"), "seed": 7, "max_completion_tokens": 50, "user": "u"});
    assert_eq!(sent(&of, MEASURED, 0), first);
    // Only one limit is sent, because an engine would use either.
    let second =
        json!({"model": "lora", "messages": user("b"), "seed": 1, "max_tokens": 3, "user": "u"});
    assert_eq!(sent(&of, MEASURED, 1), second);
    of.output_tokens = Some(9);
    let demanded = sent(&of, MEASURED, 1);
    assert_eq!(demanded["max_tokens"], 9);
    assert_eq!(of.max_tokens_of(1), Some(9));
}

#[test]
fn messages_and_token_ids_are_sent_unchanged() {
    let said = json!([{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "U"}]}]);
    for (api, key) in [
        (ApiEndpoint::Chat, "messages"),
        (ApiEndpoint::Responses, "input"),
    ] {
        let of = of_rows(api, json!([[said, {}]]));
        assert_eq!(sent(&of, MEASURED, 0)[key], said);
    }
    for (api, key) in [
        (ApiEndpoint::Completions, "prompt"),
        (ApiEndpoint::Embeddings, "input"),
    ] {
        let mut of = of_rows(api, json!([[[1, 2, 3], {}], [[4], {}]]));
        assert_eq!(sent(&of, MEASURED, 0)[key], json!([1, 2, 3]));
        of.prompts_per_request = 2;
        assert_eq!(sent(&of, MEASURED, 0)[key], json!([[1, 2, 3], [4]]));
    }
}

#[test]
fn warm_up_messages_and_token_ids_differ_from_the_measured_ones() {
    let first_text = |said: Value| {
        let of = of_rows(ApiEndpoint::Chat, json!([[said, {}]]));
        sent(&of, Purpose::Warmup { round: 1 }, 3)["messages"].clone()
    };
    assert_eq!(
        first_text(json!([{"role": "system", "content": "S"}, {"role": "user", "content": "U"}])),
        json!([{"role": "system", "content": "Warm-up 3. S"}, {"role": "user", "content": "U"}])
    );
    let image = json!({"type": "image_url", "image_url": {"url": "data:,"}});
    assert_eq!(
        first_text(json!([{"role": "user", "content": [image]}])),
        json!([{"role": "user", "content": [{"type": "text", "text": "Warm-up 3. "}, image]}])
    );
    assert_eq!(
        first_text(
            json!([{"role": "assistant", "content": null, "tool_calls": []}, {"role": "user", "content": [{"type": "text", "text": "U"}]}])
        )[1],
        json!({"role": "user", "content": [{"type": "text", "text": "Warm-up 3. U"}]})
    );
    let mut of = of_rows(ApiEndpoint::Completions, json!([[[1, 2, 3], {}]]));
    let mut seen = std::collections::HashSet::new();
    for index in 0..50 {
        for purpose in [
            Purpose::Warmup { round: 1 },
            Purpose::Readiness { round: 1 },
        ] {
            let prompt = sent(&of, purpose, index)["prompt"].clone();
            let ids: Vec<u64> = serde_json::from_value(prompt.clone()).unwrap();
            assert_eq!((ids.len(), &ids[16..]), (19, &[1, 2, 3][..]));
            assert!(ids[..16].iter().all(|id| (64..80).contains(id)));
            assert!(seen.insert(prompt.to_string()));
        }
    }
    of.cache_bust = Some(CacheBust::Request);
    assert_ne!(sent(&of, MEASURED, 0), sent(&of, MEASURED, 1));
}

#[test]
fn a_conversation_starts_with_its_system_message() {
    use crate::plan::prompts::{ConversationSpec, Script};
    let script = |system: Option<&str>| Script {
        system: system.map(str::to_owned),
        user: vec!["hi".to_owned()],
    };
    let spec = ConversationSpec {
        written: vec![script(Some("Be terse.")), script(None)],
        turns: 1,
        think_time: std::time::Duration::ZERO,
        input_tokens: crate::scenario::model::Length::Fixed(1),
        output_tokens: None,
        seed: 0,
    };
    let listed = serde_json::to_value(&spec.written).unwrap();
    assert_eq!(
        listed,
        json!([["Be terse.", ["hi"]], ["hi"]]),
        "hashes without a system message do not change"
    );
    let of = requests(ApiEndpoint::Chat, Prompts::of(Source::Conversations(spec)));
    let user = json!({"role": "user", "content": "hi"});
    let system = json!({"role": "system", "content": "Be terse."});
    assert_eq!(sent(&of, MEASURED, 0)["messages"], json!([system, user]));
    assert_eq!(sent(&of, MEASURED, 1)["messages"], json!([user]));
    assert_eq!(of.opening(MEASURED, 2), Some(system));
}

#[test]
fn requests_ask_for_usage_of_streams_unless_it_is_switched_off() {
    let fields = |stream_options, endpoint| {
        let request = RequestOptions {
            stream_options,
            endpoint,
            ..RequestOptions::default()
        };
        Value::Object(template(&request, &[]))
    };
    let usage = json!({"stream": true, "stream_options": {"include_usage": true}});
    assert_eq!(fields(true, ApiEndpoint::Chat), usage);
    let bare = json!({"stream": true});
    assert_eq!(fields(false, ApiEndpoint::Chat), bare);
    assert_eq!(fields(true, ApiEndpoint::Responses), bare);
    assert_eq!(fields(false, ApiEndpoint::Embeddings), json!({}));
}

#[test]
fn the_query_is_part_of_the_hash() {
    let mut requests = requests(ApiEndpoint::Chat, letters());
    let plain = sha256(&requests, &());
    requests.query = "?api-version=1".into();
    assert_ne!(plain, sha256(&requests, &()));
    assert_eq!(requests.target(), "/v1/chat/completions?api-version=1");
}
