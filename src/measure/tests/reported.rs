use super::*;
use serde_json::json;

#[test]
fn errors_are_found_where_servers_put_them() {
    let said = |body: Value| error_message(&body).unwrap_or_default();
    assert_eq!(said(json!({"error": {"message": "a", "code": 1}})), "a");
    assert_eq!(said(json!({"error": "b"})), "b");
    assert_eq!(said(json!({"message": "c", "code": 404})), "c");
    assert_eq!(said(json!({"detail": [{"loc": 1}]})), "[{\"loc\":1}]");
    assert_eq!(said(json!({"error_code": 3, "error_msg": "d"})), "d");
    assert_eq!(said(json!({"x": 1})), "");
    assert_eq!(said(json!({"error": "é".repeat(999)})).chars().count(), 303);
}

#[test]
fn an_object_that_reports_an_error_is_told_from_an_answer() {
    for error in [
        json!({"error": {"message": "m"}}),
        json!({"error": true}),
        json!({"choices": [], "error": "m"}),
        json!({"detail": "Service overloaded"}),
        json!({"object": "error", "message": "m"}),
        json!({"type": "error", "message": "m"}),
        json!({"message": "m", "code": 503}),
        json!({"message": "m", "status": 503}),
        json!({"errors": [{"message": "m"}]}),
    ] {
        assert!(in_object(&error).is_some(), "{error}");
    }
    for answer in [
        json!({"choices": [], "error": null}),
        json!({"choices": [], "error": ""}),
        json!({"choices": [], "error": {}}),
        json!({"output": [], "error": null, "status": "completed"}),
        json!({"choices": [], "detail": "x", "message": "y", "code": 0}),
        json!({"type": "ping"}),
        json!([]),
        json!(7),
    ] {
        assert_eq!(in_object(&answer), None, "{answer}");
    }
}

#[test]
fn a_choice_may_report_an_error_of_its_own() {
    let said = |choice: Value| in_choices(&json!({"choices": [choice]})).unwrap_or_default();
    assert_eq!(
        said(json!({"error": {"message": "down", "code": 502}, "finish_reason": "error"})),
        "choice 0 holds an error: down"
    );
    assert_eq!(
        said(json!({"message": {"error": "x"}})),
        "choice 0 holds an error: x"
    );
    for reason in ["error", "abort", "ABORTED", "cancelled", "engine_failure"] {
        let said = said(json!({"text": "a", "finish_reason": reason}));
        assert_eq!(
            said,
            format!("choice 0 ended with finish_reason `{reason}`")
        );
    }
    for reason in [
        "stop",
        "length",
        "tool_calls",
        "content_filter",
        "eos",
        "end_turn",
        "",
    ] {
        assert_eq!(said(json!({"text": "a", "finish_reason": reason})), "");
    }
}

#[test]
fn a_response_says_how_it_ended() {
    let said = |body: Value| in_response(&body).unwrap_or_default();
    assert_eq!(said(json!({"status": "completed"})), "");
    assert_eq!(said(json!({"status": "incomplete"})), "");
    assert_eq!(
        said(json!({"status": "failed", "error": {"message": "died"}})),
        "the response failed: died"
    );
    assert_eq!(
        said(json!({"status": "cancelled"})),
        "the response ended with status `cancelled`"
    );
}
