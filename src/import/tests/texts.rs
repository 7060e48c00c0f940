use super::*;
use serde_json::json;

#[test]
fn values_can_have_any_separator() {
    for text in [
        "{\"a\":1}\n{\"a\":2}\n",
        "{\"a\":1}{\"a\":2}",
        "\u{feff}{\"a\":1}\r\n\r\n  {\"a\": 2}",
        "{\n \"a\": 1\n}\n{\n \"a\": 2\n}",
    ] {
        assert_eq!(
            values(text).expect("values"),
            [json!({"a": 1}), json!({"a": 2})],
            "{text}"
        );
    }
}

#[test]
fn numbers_of_python_are_read_outside_of_strings() {
    let text = r#"{"rate": Infinity, "low": -Infinity, "none": NaN, "text": "NaN \" Infinity", "é": [NaN]}"#;
    let wanted =
        json!({"rate": "inf", "low": null, "none": null, "text": "NaN \" Infinity", "é": [null]});
    assert_eq!(values(text).expect("values"), [wanted]);
}

#[test]
fn a_cut_value_is_reported_with_its_number() {
    let said = values("{\"a\": 1}\n{\"a\": ").expect_err("cut").to_string();
    assert!(
        said.contains("has 1 results") && said.contains("result 2"),
        "{said}"
    );
    for text in ["", " \n", "{", "nonsense", "Infinit"] {
        assert!(
            values(text)
                .expect_err("no JSON")
                .to_string()
                .contains("is not JSON")
        );
    }
}
