//! Tests of ShareGPT files with the irregularities of published ones.

use super::*;
use serde_json::json;

const CHAT: &str = "{endpoint: chat}";

#[test]
fn a_system_turn_is_a_system_message() {
    let turn = json!({"conversations": [
        {"from": "system", "value": "Be terse."}, {"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"},
        {"from": "human", "value": "more"},
    ]});
    let beside = json!({"system": "Be terse.", "conversations": [{"from": "human", "value": "hi"}, {"from": "user", "value": "more"}]});
    let said =
        json!([{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi"}]);
    for row in [turn, beside] {
        let bytes = row.to_string();
        let prompts = read_with_request("{sharegpt: f}", CHAT, bytes.as_bytes()).unwrap();
        assert_eq!(
            prompts.entry(0).text,
            Text::Messages(said.as_array().unwrap().clone())
        );
        let message = of_file("{sharegpt: f}", bytes.as_bytes()).unwrap_err();
        assert!(
            message
                .starts_with("f:1: this row has a system prompt, but `completions` accepts none"),
            "{message}"
        );
        let prompts = read_with_request(
            "{conversations: {sharegpt: f, turns: 2}}",
            CHAT,
            bytes.as_bytes(),
        );
        let Source::Conversations(spec) = prompts.unwrap().source else {
            panic!()
        };
        assert_eq!((spec.system(0), spec.turns(0)), (Some("Be terse."), 2));
    }
}

#[test]
fn conversations_without_a_human_message_are_left_out_and_counted() {
    let messy = json!([
        {"id": "0", "conversations": []},
        {"id": "1", "conversations": [{"from": "gpt", "value": "starts"}, {"from": "human", "value": "q1"}]},
        {"id": "2", "conversations": [{"from": "human", "value": ""}]},
        {"id": "3", "conversations": [{"from": "human", "value": null}]},
        {"id": "4", "conversations": [{"from": "human", "value": "q4"}, {"from": "gpt", "value": null}]},
    ]);
    let prompts = of_file("{sharegpt: f}", messy.to_string().as_bytes()).unwrap();
    assert_eq!(texts(&prompts), ["q1", "q4"]);
    let expected = ["3 of 5 rows were left out: they have no message from a human"];
    assert_eq!(prompts.notes, expected);
    let options = "{conversations: {sharegpt: f, turns: 9}}";
    let prompts = read_with_request(options, CHAT, messy.to_string().as_bytes()).unwrap();
    assert_eq!(prompts.notes, expected);
    let silent = of_file("{sharegpt: f}", b"[{\"conversations\": []}]").unwrap_err();
    assert_eq!(
        silent,
        "f contains no prompt: 1 of 1 rows were left out: they have no message from a human"
    );
}

#[test]
fn a_bad_conversation_is_named_and_can_be_skipped() {
    let good = json!({"id": "a", "model": "x", "lang": "en", "conversations": [{"from": "human", "value": "q", "markdown": null}]});
    let cases = [
        (
            json!({"conversation_s": []}),
            "unknown key `conversation_s`; did you mean `conversations`?",
        ),
        (json!({"id": "1"}), "expected conversations such as"),
        (
            json!({"conversations": {}}),
            "expected conversations such as",
        ),
        (json!(["x"]), "expected conversations such as"),
        (
            json!({"conversations": [], "messages": []}),
            "this row has several of",
        ),
        (
            json!({"conversations": [], "systm": "x"}),
            "unknown key `systm`; did you mean `system`?",
        ),
        (
            json!({"conversations": [], "system": 1}),
            "`system` must be text",
        ),
        (
            json!({"conversations": ["hi"]}),
            "turn 1: expected {\"from\"",
        ),
        (
            json!({"conversations": [{"from": "humn", "value": "q"}]}),
            "turn 1: `from` must be a speaker such as `human`, `gpt` or `system`, found \"humn\"; did you mean `human`?",
        ),
        (
            json!({"conversations": [{"value": "q"}]}),
            "turn 1: `from` must be a speaker",
        ),
        (
            json!({"conversations": [{"from": "human", "valeu": "q"}]}),
            "turn 1: unknown key `valeu`; did you mean `value`?",
        ),
        (
            json!({"conversations": [{"from": "human"}]}),
            "turn 1: this turn has no `value`",
        ),
        (
            json!({"conversations": [{"from": "human", "value": 1}]}),
            "turn 1: `value` must be text",
        ),
        (
            json!({"system": "a", "conversations": [{"from": "system", "value": "b"}, {"from": "human", "value": "q"}]}),
            "turn 1: this conversation has two system prompts",
        ),
    ];
    for (row, expected) in cases {
        let list = json!([good, row]).to_string();
        let message = of_file("{sharegpt: f}", list.as_bytes()).expect_err(expected);
        assert!(
            message.starts_with(&format!("f:1 (row 2): {expected}")),
            "{expected}\n{message}"
        );
        let skip = "{sharegpt: {file: f, on_bad_row: skip}}";
        let prompts = of_file(skip, list.as_bytes()).unwrap();
        assert_eq!(prompts.count(), Some(1));
        let note = &prompts.notes[0];
        assert!(
            note.starts_with("1 of 2 rows are invalid and were skipped: "),
            "{note}"
        );
        assert!(note.contains("f:1 (row 2): "), "{note}");
        let skip = "{conversations: {sharegpt: {file: f, on_bad_row: skip}, turns: 1}}";
        let prompts = read_with_request(skip, CHAT, list.as_bytes()).unwrap();
        assert!(
            prompts.notes[0].starts_with("1 of 2 rows are invalid"),
            "{:?}",
            prompts.notes
        );
    }
}
