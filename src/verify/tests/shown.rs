use super::shorten;

#[test]
fn long_and_hostile_text_is_shown_short_and_plain() {
    assert_eq!(
        shorten("a\u{1b}[31m\n\u{202e}b"),
        "a\\u{1b}[31m\\n\\u{202e}b"
    );
    assert_eq!(
        shorten(&"x".repeat(130)),
        format!("{}... (10 more)", "x".repeat(120))
    );
    assert_eq!(shorten(&"é".repeat(120)), "é".repeat(120));
}
