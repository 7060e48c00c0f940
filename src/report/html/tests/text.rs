use super::*;
use proptest::prelude::*;

#[test]
fn base64_is_the_usual_one() {
    assert_eq!(
        ["", "f", "fo", "foo", "foob"].map(|s| base64(s.as_bytes())),
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
    );
}

proptest! {
    #[test]
    fn no_text_is_markup(raw in any::<String>()) {
        let shown = text(&raw) + &block(&raw) + &excerpt(&raw, 5);
        prop_assert!(!shown.contains(['<', '>', '"', '\'']));
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    }
}
