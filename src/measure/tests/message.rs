use super::*;
use serde_json::json;

#[test]
fn text_is_found_under_every_name() {
    let message = |message: Value| text(&json!({"message": message}));
    assert_eq!(text(&json!({"text": "a"})), "a");
    assert_eq!(
        message(json!({"content": "a", "reasoning": "b", "refusal": "c"})),
        "bac"
    );
    assert_eq!(message(json!({"content": null, "refusal": "no"})), "no");
    assert_eq!(
        message(json!({"content": [{"type": "text", "text": "a"}, {"text": "b"}]})),
        "ab"
    );
    assert_eq!(
        message(
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "a"}, {"summary": "b"}]})
        ),
        "ab"
    );
    assert_eq!(
        message(json!({"function_call": {"name": "f", "arguments": "{}"}})),
        "{}"
    );
    assert_eq!(text(&json!({})), "");
}

#[test]
fn a_choice_is_generated_by_text_a_call_or_audio() {
    for message in [
        json!({"content": "a"}),
        json!({"refusal": "no"}),
        json!({"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "x"}}]}),
        json!({"function_call": {"name": "f"}}),
        json!({"audio": {"data": "QQ=="}}),
    ] {
        assert!(generated(&json!({"message": message})), "{message}");
    }
    for choice in [
        json!({"text": ""}),
        json!({"text": null}),
        json!({"message": {"content": "", "tool_calls": []}}),
        json!({"message": {"content": null, "audio": null}}),
        json!({"message": {"tool_calls": [{"function": {"name": ""}}]}}),
        json!({}),
        json!(null),
    ] {
        assert!(!generated(&choice), "{choice}");
    }
}

#[test]
fn an_item_is_generated_by_text_or_a_call() {
    let text =
        |text| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
    assert!(item_generated(&text("a")));
    assert!(!item_generated(&text("")));
    assert!(item_generated(
        &json!({"type": "function_call", "name": "f", "arguments": ""})
    ));
    assert!(item_generated(
        &json!({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]})
    ));
    assert!(!item_generated(&json!({"type": "message", "content": []})));
    assert!(!item_generated(&json!({})));
}
