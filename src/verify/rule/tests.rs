use super::*;
use crate::verify::Tally;
use proptest::prelude::*;
use serde_json::json;

fn rules(yaml_like: Value) -> Result<Rules, BadRule> {
    let assertions: Vec<Assertion> = serde_json::from_value(yaml_like).expect("assertions");
    Rules::compile(&assertions)
}

/// One choice.
fn asked() -> Asked<'static> {
    Asked::completions(1, None)
}

fn exchange() -> Exchange {
    crate::verify::shape::tests::exchange(&[])
}

fn answer(body: Value) -> Answer {
    Answer {
        status: 200,
        body,
        ..Answer::default()
    }
}

fn completion() -> Answer {
    answer(json!({
        "choices": [{"text": "a", "finish_reason": "stop", "logprobs": null}, {"text": "b", "finish_reason": "length", "logprobs": null}],
        "usage": {"completion_tokens": 64, "prompt_tokens": 3.0},
        "nvext": {"timing": {"total_time_ms": 12.5}}
    }))
}

fn broken(rule: Value) -> Vec<(String, String, String)> {
    let breaches =
        rules(json!([rule]))
            .expect("compiles")
            .check(&exchange(), &completion(), &asked());
    breaches
        .into_iter()
        .map(|b| (b.path, b.found, b.expected))
        .collect()
}

fn holds(rule: Value) -> bool {
    broken(rule).is_empty()
}

#[test]
fn rules_are_named_as_a_user_would_write_them() {
    let rules = rules(json!([
        {"status": 200},
        {"at": "nvext.timing.total_time_ms", "type": "number"},
        {"at": "nvext", "absent": true},
        {"at": "usage", "present": true},
        {"at": "usage.completion_tokens", "equals": 64},
        {"at": "choices[*].finish_reason", "one_of": ["stop", "length"]},
        {"at": "choices[0].text", "matches": "^a"},
    ]));
    let names: Vec<_> = rules
        .expect("compiles")
        .names()
        .map(str::to_owned)
        .collect();
    let want = [
        "status is 200",
        "nvext.timing.total_time_ms is a number",
        "nvext is absent",
        "usage is present",
        "usage.completion_tokens is 64",
        "choices[*].finish_reason is one of \"stop\", \"length\"",
        "choices[0].text matches /^a/",
    ];
    assert_eq!(names, want);
}

#[test]
fn a_range_is_said_with_its_ends() {
    let range = Range {
        low: 1.0,
        high: 64.0,
    };
    let rule = Assertion {
        at: Some("usage.completion_tokens".to_owned()),
        between: Some(range),
        ..Assertion::default()
    };
    let rules = Rules::compile(&[rule]).expect("compiles");
    assert_eq!(
        rules.names().next(),
        Some("usage.completion_tokens in 1..64")
    );
    assert!(rules.check(&exchange(), &completion(), &asked()).is_empty());
    let over = answer(json!({"usage": {"completion_tokens": 65}}));
    assert_eq!(rules.check(&exchange(), &over, &asked())[0].found, "65");
    let text = answer(json!({"usage": {"completion_tokens": "64"}}));
    assert_eq!(rules.check(&exchange(), &text, &asked())[0].found, "\"64\"");
}

#[test]
fn good_answers_hold() {
    assert!(holds(json!({"status": 200})));
    assert!(holds(
        json!({"at": "nvext.timing.total_time_ms", "type": "number"})
    ));
    assert!(holds(
        json!({"at": "usage.prompt_tokens", "type": "integer"})
    ));
    assert!(holds(json!({"at": "usage.prompt_tokens", "equals": 3})));
    assert!(holds(
        json!({"at": "choices[*].finish_reason", "one_of": ["stop", "length"]})
    ));
    assert!(holds(json!({"at": "choices[*].text", "matches": "^[ab]$"})));
    assert!(holds(
        json!({"at": "choices[?@.text == 'b'].finish_reason", "equals": "length"})
    ));
    assert!(holds(
        json!({"at": "['usage']['completion_tokens']", "present": true})
    ));
    assert!(holds(json!({"at": "$..total_time_ms", "present": true})));
}

#[test]
fn every_node_must_satisfy_and_the_first_offender_is_named() {
    let found = broken(json!({"at": "choices[*].finish_reason", "equals": "stop"}));
    let want = (
        "choices[1].finish_reason".to_owned(),
        "\"length\"".to_owned(),
        "\"stop\"".to_owned(),
    );
    assert_eq!(found, [want]);
}

#[test]
fn nothing_found_satisfies_only_absent() {
    for condition in [
        json!({"at": "nope", "present": true}),
        json!({"at": "nope[*]", "type": "null"}),
        json!({"at": "nope", "matches": ""}),
    ] {
        assert_eq!(broken(condition)[0].1, "nothing");
    }
    assert!(holds(json!({"at": "nope", "absent": true})));
    assert!(holds(json!({"at": "choices[*].logprobs", "absent": true})));
    assert!(holds(
        json!({"at": "choices[*].logprobs", "present": false})
    ));
    assert!(!holds(
        json!({"at": "choices[*].logprobs", "present": true})
    ));
    assert!(!holds(json!({"at": "nvext", "absent": true})));
}

#[test]
fn a_missing_status_is_no_answer() {
    let rules = rules(json!([{"status": 200}])).expect("compiles");
    assert_eq!(
        rules.check(&exchange(), &Answer::default(), &asked())[0].found,
        "no answer"
    );
}

#[test]
fn what_can_not_be_asked_is_refused_with_its_place() {
    let refused = |v: Value| {
        let bad = rules(json!([{"status": 200}, v])).expect_err("refused");
        bad.to_string()
    };
    assert!(refused(json!({})).starts_with("rule 2: write one of `status`"));
    assert!(
        refused(json!({"status": 200, "at": "x", "present": true}))
            .ends_with("; found `status` and `at` and a condition")
    );
    assert!(refused(json!({"at": "x"})).contains("exactly one condition, found 0"));
    assert!(refused(json!({"at": "x", "present": true, "type": "null"})).contains("found 2"));
    assert!(refused(json!({"at": "x[", "present": true})).contains("not a JSONPath"));
    assert!(refused(json!({"at": "x", "matches": "("})).contains("matches: ("));
}

#[test]
fn a_tally_counts_all_and_keeps_the_first_three() {
    let rules = rules(json!([{"status": 200}, {"at": "a", "present": true}])).expect("compiles");
    let mut tally = Tally::new(&rules);
    assert!(
        tally.checks("v").iter().all(|c| !c.passed),
        "nothing asked, nothing held"
    );
    for index in 0..5 {
        tally.add(
            "batch",
            index,
            &rules.check(&exchange(), &answer(json!({})), &asked()),
        );
    }
    let checks = tally.checks("native");
    assert!(checks[0].passed);
    assert_eq!(checks[0].detail, "held on all 5 answers");
    assert!(!checks[1].passed);
    let detail = "broken by 5 of 5 answers\nbatch request 0: a was nothing, expected present\n\
        batch request 1: a was nothing, expected present\nbatch request 2: a was nothing, expected present";
    assert_eq!(checks[1].detail, detail);
    assert_eq!(checks[1].scope, "native");
}

#[test]
fn rules_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Rules>();
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    /// `present` and `absent` are opposites on one node, and any value equals itself.
    #[test]
    fn any_body_is_judged(body in value()) {
        let rules = rules(json!([
            {"at": "x", "present": true}, {"at": "x", "absent": true}, {"at": "x", "one_of": [body]},
        ])).expect("compiles");
        let breaches = rules.check(&exchange(), &answer(json!({"x": body})), &asked());
        prop_assert_eq!(breaches.len(), 1);
        prop_assert!(breaches[0].rule < 2);
        prop_assert!(!breaches[0].found.chars().any(char::is_control));
        let _ = rules.check(&exchange(), &answer(body), &asked());
    }
}

#[test]
fn a_rule_on_every_choice_fails_where_one_is_missing() {
    let three = Asked::completions(3, None);
    let breaches = |rule: Value, asked: &Asked<'_>| {
        let rules = rules(json!([rule])).expect("compiles");
        let breaches = rules.check(&exchange(), &completion(), asked);
        breaches.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for rule in [
        json!({"at": "choices[*].finish_reason", "type": "string"}),
        json!({"at": "$.choices[*].text", "present": true}),
        json!({"at": "choices[*].error", "absent": true}),
    ] {
        assert_eq!(
            breaches(rule.clone(), &three),
            ["choices was 2 of 3 choices, expected every choice"]
        );
        assert!(breaches(rule, &Asked::completions(2, None)).is_empty());
    }
    // The first alone is not every one.
    let first = json!({"at": "choices[0].text", "equals": "a"});
    assert!(breaches(first, &three).is_empty());
}
