use super::*;
use serde_json::json;

#[test]
fn counts_are_whole_numbers() {
    let of = |count: Value| output(&json!({"usage": {"completion_tokens": count}}));
    assert_eq!(of(json!(4)), Count::Tokens(4));
    assert_eq!(of(json!(4.0)), Count::Tokens(4));
    assert_eq!(of(json!(0)), Count::Tokens(0));
    assert_eq!(of(json!(null)), Count::Absent);
    for nonsense in [
        json!(-1),
        json!(-1.0),
        json!(4.5),
        json!("4"),
        json!([4]),
        json!(1e300),
    ] {
        assert_eq!(of(nonsense.clone()), Count::Nonsense(nonsense));
    }
}

#[test]
fn every_api_has_names_of_its_own() {
    let response = json!({"usage": {"input_tokens": 5, "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 3}}});
    assert_eq!(prompt(&response), Count::Tokens(5));
    assert_eq!(output(&response), Count::Tokens(4));
    assert_eq!(reasoning(&response), 3);
    let chat = json!({"usage": {"prompt_tokens": 5.0, "completion_tokens_details": null}});
    assert_eq!(prompt(&chat), Count::Tokens(5));
    assert_eq!(output(&chat), Count::Absent);
    assert_eq!(reasoning(&chat), 0);
    assert_eq!(output(&json!(7)), Count::Absent);
}
