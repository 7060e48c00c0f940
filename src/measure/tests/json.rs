use super::read;

fn text(json: &str) -> Option<String> {
    Some(read(json.as_bytes()).ok()?.as_str()?.to_owned())
}

#[test]
fn lone_surrogates_become_replacement_characters() {
    assert_eq!(text(r#""a\ud83d""#).as_deref(), Some("a\u{fffd}"));
    assert_eq!(text(r#""\uDE00b""#).as_deref(), Some("\u{fffd}b"));
    assert_eq!(
        text(r#""\ud83d\ud83d\ude00""#).as_deref(),
        Some("\u{fffd}😀")
    );
    assert_eq!(
        text(r#""\ud83dx\ude00""#).as_deref(),
        Some("\u{fffd}x\u{fffd}")
    );
    // A backslash that is itself escaped begins no escape.
    assert_eq!(text(r#""\\ud83d""#).as_deref(), Some("\\ud83d"));
    assert_eq!(text(r#""\\\ud83d""#).as_deref(), Some("\\\u{fffd}"));
}

#[test]
fn what_is_not_json_stays_refused() {
    for bad in [
        r#""\ud83""#,
        r#""\ud83d"#,
        "{",
        r#""\x""#,
        "\"\\",
        r#"["\ud83d"#,
    ] {
        assert!(read(bad.as_bytes()).is_err(), "{bad}");
    }
}
