use super::*;
use crate::plan::requests::tests::{letters, requests};
use crate::scenario::model::ApiEndpoint;
use serde_json::json;

fn labelled(fields: Value, headers: &[(&str, &str)]) -> (Requests, Vec<(String, String)>) {
    let mut requests = requests(ApiEndpoint::Chat, letters());
    requests.template = fields.as_object().cloned().unwrap_or_default();
    requests.labels = Labels {
        run: "smoke-1".into(),
        variant: "native".into(),
        headers: Vec::new(),
        in_body: in_body(&mut requests.template),
    };
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut headers: Vec<(String, String)> = headers.iter().map(owned).collect();
    requests.labels.take_headers(&mut headers);
    (requests, headers)
}

fn field(requests: &Requests, purpose: Purpose, index: u64) -> Value {
    let body = requests.body("m", purpose, index);
    serde_json::from_slice::<Value>(&body).unwrap()["user"].clone()
}

#[test]
fn every_request_of_a_run_has_a_unique_id() {
    let (requests, _) = labelled(json!({"user": "{run}/{request}"}), &[]);
    let mut seen = std::collections::HashSet::new();
    for round in 1..3 {
        for purpose in [
            Purpose::Readiness { round },
            Purpose::Warmup { round },
            Purpose::Measured { phase: 0, round },
            Purpose::Measured { phase: 1, round },
        ] {
            for index in 0..3 {
                assert!(seen.insert(field(&requests, purpose, index)));
            }
        }
    }
    let purpose = Purpose::Measured { phase: 1, round: 2 };
    assert_eq!(field(&requests, purpose, 7), "smoke-1/native-r2-p1-7");
}

#[test]
fn ids_are_filled_in_at_any_depth_but_not_in_prompts() {
    let fields = json!({
        "metadata": {"ids": ["{request}", 3], "plain": "{{request}}"},
        "chat_template": "{{bos_token}}{% for m in messages %}",
    });
    let (mut requests, _) = labelled(fields, &[]);
    requests.prompts =
        std::sync::Arc::new(crate::plan::Prompts::written(["say {request}".to_owned()]));
    let purpose = Purpose::Measured { phase: 0, round: 1 };
    let body: Value = serde_json::from_slice(&requests.body("m", purpose, 4)).unwrap();
    assert_eq!(
        body["metadata"],
        json!({"ids": ["native-r1-p0-4", 3], "plain": "{request}"})
    );
    assert_eq!(
        body["chat_template"],
        "{{bos_token}}{% for m in messages %}"
    );
    assert_eq!(body["messages"][0]["content"], "say {request}");
}

#[test]
fn headers_with_ids_are_separated_from_those_without() {
    let given = [
        ("x-session-id", "{conversation}"),
        ("a", "{{b}}"),
        ("c", "d"),
    ];
    let (requests, kept) = labelled(json!({}), &given);
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(kept, [owned("a", "{b}"), owned("c", "d")]);
    let label = Label {
        purpose: Purpose::Measured { phase: 2, round: 1 },
        index: 9,
        conversation: 4,
    };
    assert_eq!(
        requests.labelled_headers(&label),
        [owned("x-session-id", "native-r1-p2-c4")]
    );
    assert!(!labelled(json!({"user": "{{run}}"}), &[]).0.labels.in_body);
}

#[test]
fn a_query_is_percent_encoded() {
    let parts = [
        ("api-version".to_owned(), "2024-10-21".to_owned()),
        ("a b".to_owned(), "c&d/é".to_owned()),
    ];
    let query = query(parts.iter().map(|(key, value)| (key, value)));
    assert_eq!(query, "?api-version=2024-10-21&a%20b=c%26d%2F%C3%A9");
}

#[test]
fn braces_of_a_secret_are_sent_literally() {
    let fields = json!({"user": "{JA|{H}"});
    let (requests, headers) = labelled(fields, &[("x", "q{H}{run}")]);
    let purpose = Purpose::Measured { phase: 0, round: 1 };
    assert_eq!(field(&requests, purpose, 0), "{JA|{H}");
    assert_eq!(headers, [("x".to_owned(), "q{H}{run}".to_owned())]);
}
