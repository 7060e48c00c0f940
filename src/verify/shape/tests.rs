use crate::measure::answer::{Answer, Timeline};
use crate::measure::exchange::{End, Exchange, RequestId};
use crate::scenario::rules::Assertion;
use crate::verify::Asked;
use crate::verify::Rules;
use serde_json::{Value, json};

/// An exchange that went well, with these headers.
pub(in crate::verify) fn exchange(headers: &[(&str, &str)]) -> Exchange {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Exchange {
        id: RequestId {
            phase: 0,
            index: 0,
            batch: None,
        },
        due: 0,
        sent: Some(1_000_000),
        connect: None,
        reused: false,
        reconnected: false,
        ended: 9_000_000,
        status: Some(200),
        headers: headers.iter().map(own).collect(),
        body: Vec::new(),
        arrivals: Vec::new(),
        end: End::Complete,
    }
}

fn answer(texts: &[&str], tokens: u64) -> Answer {
    let choice = |text: &&str| json!({"text": text, "finish_reason": "length"});
    Answer {
        status: 200,
        body: json!({
            "choices": texts.iter().map(choice).collect::<Vec<_>>(),
            "usage": {"completion_tokens": tokens},
        }),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        timeline: Timeline {
            first_chunk: Some(6_000_000),
            done: true,
            finish_reasons: u32::try_from(texts.len()).expect("few"),
            ..Timeline::default()
        },
        streamed: true,
        ..Answer::default()
    }
}

/// What was found, where the rule is broken.
fn found(rule: Value, answer: &Answer) -> Option<String> {
    let rule: Assertion = serde_json::from_value(rule).expect("a rule");
    let rules = Rules::compile(&[rule]).expect("compiles");
    let exchange = exchange(&[
        ("content-type", "text/event-stream; charset=utf-8"),
        ("x-n", "7"),
    ]);
    let breach = rules
        .check(&exchange, answer, &Asked::completions(2, Some(8)))
        .pop();
    breach.map(|breach| breach.found)
}

#[test]
fn streams_have_their_shape() {
    let good = answer(&["a", "b"], 16);
    for rule in ["done", "usage", "one_finish_reason", "full_length"] {
        assert_eq!(found(json!({"stream": rule}), &good), None, "{rule}");
    }
    let mut bad = answer(&["a", "b"], 15);
    bad.timeline.done = false;
    bad.timeline.finish_reasons = 3;
    let of = |rule: &str, answer: &Answer| found(json!({"stream": rule}), answer);
    assert_eq!(of("done", &bad).as_deref(), Some("without [DONE]"));
    assert_eq!(
        of("one_finish_reason", &bad).as_deref(),
        Some("with 3 finish reasons for 2 choices")
    );
    assert_eq!(of("full_length", &bad).as_deref(), Some("15 tokens long"));
    bad.body["choices"][1]["finish_reason"] = json!("stop");
    assert_eq!(of("usage", &bad), None);
    bad.body["usage"] = Value::Null;
    assert_eq!(of("usage", &bad).as_deref(), Some("without usage"));
}

#[test]
fn the_first_event_comes_in_time_or_is_told() {
    let within = |limit: &str| json!({"stream": {"first_event_within": limit}});
    let good = answer(&["a"], 8);
    assert_eq!(found(within("5ms"), &good), None);
    assert_eq!(
        found(within("4999us"), &good).as_deref(),
        Some("first heard of after 5.0 ms")
    );
    let silent = Answer::default();
    assert_eq!(
        found(within("5s"), &silent).as_deref(),
        Some("never heard of")
    );
}

#[test]
fn texts_are_held_against_every_kind_of_rule() {
    let good = answer(&["{\"city\": \"Paris\"}", "{\"city\": \"Lyon\"}"], 16);
    let schema =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    for rule in [
        json!("not_empty"),
        json!("well_formed"),
        json!({"contains": "city"}),
        json!({"matches": "^\\{"}),
        json!({"json_schema": schema}),
    ] {
        assert_eq!(found(json!({"text": rule}), &good), None, "{rule}");
    }
    let bad = answer(&["{\"city\": 1}", "a\u{fffd}"], 16);
    let schema_says = found(json!({"text": {"json_schema": schema}}), &bad).expect("broken");
    assert!(schema_says.contains("is not of type"), "{schema_says}");
    assert_eq!(
        found(json!({"text": "well_formed"}), &bad).as_deref(),
        Some("\"a\u{fffd}\"")
    );
    assert!(found(json!({"text": {"contains": "Paris"}}), &bad).is_some());
    assert_eq!(
        found(json!({"text": "not_empty"}), &Answer::default()).as_deref(),
        Some("nothing")
    );
    let no_json = answer(&["Sure! {"], 8);
    let says = found(json!({"text": {"json_schema": schema}}), &no_json).expect("broken");
    assert!(says.starts_with("no JSON"), "{says}");
}

#[test]
fn headers_are_read_whatever_their_case() {
    let good = answer(&["a"], 8);
    let of = |rule| found(rule, &good);
    assert_eq!(
        of(json!({"header": "Content-Type", "contains": "event-stream"})),
        None
    );
    assert_eq!(of(json!({"header": "x-n", "between": "1..7"})), None);
    assert_eq!(of(json!({"header": "x-other", "absent": true})), None);
    assert_eq!(
        of(json!({"header": "x-other", "present": true})).as_deref(),
        Some("nothing")
    );
    assert_eq!(
        of(json!({"header": "x-n", "equals": "8"})).as_deref(),
        Some("\"7\"")
    );
}

#[test]
fn rules_that_look_at_two_things_or_nowhere_do_not_compile() {
    for rule in [
        json!({"stream": "done", "status": 200}),
        json!({"text": "not_empty", "contains": "a"}),
        json!({"header": "x"}),
        json!({"text": {"json_schema": {"type": "nonsense"}}}),
        json!({"text": {"matches": "("}}),
    ] {
        let rule: Assertion = serde_json::from_value(rule.clone()).expect("a rule");
        assert!(
            Rules::compile(std::slice::from_ref(&rule)).is_err(),
            "{rule:?}"
        );
    }
}
