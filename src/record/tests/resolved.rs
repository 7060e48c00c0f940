use super::*;
use serde_json::json;

fn settings(json: Value) -> Settings {
    Resolved::from(json).settings
}

#[test]
fn what_a_scenario_says_is_read_once() {
    let json = json!({
        "version": 1,
        "model": {"id": "m"},
        "load": {"phases": []},
        "request": {"params": {"temperature": 0}},
        "compare": {"baseline": "native", "same_text": true, "same_text_share": "98%"},
    });
    let resolved = Resolved::from(json.clone());
    let found = resolved.settings();
    assert_eq!(found.origin, Origin::Run);
    assert_eq!(found.model.as_ref().map(|m| m.id.as_str()), Some("m"));
    assert_eq!(found.baseline.as_deref(), Some("native"));
    assert_eq!(
        (found.same_text, found.temperature),
        (Some(0.98), Some(0.0))
    );
    assert_eq!(found.load, Some(json!({"phases": []})));
    assert_eq!(serde_json::to_value(&resolved).expect("JSON"), json);
}

#[test]
fn what_another_version_wrote_is_read_as_far_as_it_is_understood() {
    let json = json!({
        "model": "an older form",
        "compare": {"baseline": "a", "same_text": true, "newer": 1},
        "request": {"params": {"temperature": {"env": "T"}}},
    });
    let found = settings(json.clone());
    assert_eq!((found.model, found.temperature), (None, None));
    assert_eq!(
        (found.baseline.as_deref(), found.same_text),
        (Some("a"), Some(1.0))
    );
    let read: Resolved = serde_json::from_value(json.clone()).expect("read");
    assert_eq!(*read.json(), json);
}

#[test]
fn the_origin_of_figures_is_told_by_what_stands_beside_the_scenario() {
    let origin = |key: &str| settings(json!({ key: {} })).origin;
    assert_eq!(origin(IMPORTED), Origin::Imported);
    assert_eq!(origin(COMPARED), Origin::Compared);
    assert_eq!(origin(AGAINST_ITSELF), Origin::AgainstItself);
    assert_eq!(
        settings(json!({"compare": {"same_text": false}})).same_text,
        None
    );
}
