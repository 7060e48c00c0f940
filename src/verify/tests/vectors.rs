use super::*;
use serde_json::json;

fn said(data: Value, inputs: u64) -> String {
    fault(&json!({"data": data}), inputs).map_or_else(String::new, |(_, why)| why)
}

fn one(vector: Value) -> String {
    said(json!([{"index": 0, "embedding": vector}]), 1)
}

#[test]
fn as_many_vectors_as_inputs() {
    let vector = |index| json!({"index": index, "embedding": [0.1, 0.2]});
    assert_eq!(said(json!([vector(1), vector(0)]), 2), "");
    assert_eq!(
        said(json!([vector(0), vector(2)]), 3),
        "vectors 2 of 3: vector 1 is missing"
    );
    assert_eq!(
        said(json!([vector(0), vector(0)]), 2),
        "vectors 1 of 2: vector 1 is missing"
    );
    assert_eq!(
        said(json!([vector(0), vector(1)]), 1),
        "2 vectors came for 1 inputs"
    );
    assert_eq!(
        said(json!([]), 1),
        "the answer has no `data`; it is `{\"data\":[]}`"
    );
    let other = json!({"index": 1, "embedding": [0.1]});
    assert_eq!(
        said(json!([vector(0), other]), 2),
        "vector 1 has 1 numbers, and the first vector 2"
    );
}

#[test]
fn a_vector_has_numbers() {
    assert_eq!(one(json!([0.0, 1])), "");
    assert_eq!(one(json!(null)), "vector 0 is null");
    assert_eq!(one(json!([])), "vector 0 is empty");
    assert_eq!(one(json!([0.5, null])), "vector 0 has null at position 1");
    assert_eq!(one(json!({})), "vector 0 is a map");
    assert_eq!(said(json!([{"index": 0}]), 1), "vector 0 is missing");
}

#[test]
fn a_vector_may_be_base64_of_floats() {
    // Two zeros, and 1.0 (00 00 80 3f).
    assert_eq!(one(json!("AAAAAAAAAAA=")), "");
    assert_eq!(one(json!("AACAPw==")), "");
    assert_eq!(one(json!("")), "vector 0 is empty");
    assert_eq!(
        one(json!("AAAA")),
        "vector 0 has 3 bytes, which are no 32-bit floats"
    );
    assert_eq!(one(json!("%%%%")), "vector 0 is not base64");
    // Not a number: 00 00 c0 7f.
    assert_eq!(
        one(json!("AADAfw==")),
        "vector 0 has a number at position 0 that is not finite"
    );
}
