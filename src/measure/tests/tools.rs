use super::trouble;
use serde_json::{Value, json};

fn calls(finish_reason: &str, calls: Value) -> Option<String> {
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    trouble(&json!({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}))
}

#[test]
fn a_call_names_its_function_and_has_json_for_it() {
    let call =
        |name, arguments| json!([{"id": "a", "function": {"name": name, "arguments": arguments}}]);
    assert_eq!(calls("tool_calls", call("f", "{\"x\": 1}")), None);
    let cut = calls("tool_calls", call("f", "{\"x\": "));
    assert!(
        cut.unwrap()
            .starts_with("the arguments of tool call 0 are not JSON")
    );
    assert_eq!(
        calls("tool_calls", call("", "{}")).unwrap(),
        "tool call 0 names no function"
    );
    assert_eq!(
        calls("tool_calls", json!([])).unwrap(),
        "it ends with `tool_calls` and calls none"
    );
    // The limit on tokens may cut a call short; that is the answer that was asked for.
    assert_eq!(calls("length", call("f", "{\"x\": ")), None);
}
