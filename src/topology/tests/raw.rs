use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_word_comes_back_as_it_was(bytes: Vec<u8>) {
        let word = Word(OsString::from_vec(bytes));
        let text = serde_json::to_string(&word).unwrap();
        prop_assert_eq!(serde_json::from_str::<Word>(&text).unwrap(), word);
    }
}

#[test]
fn text_stays_text() {
    let text = serde_json::to_string(&Word("a b".into())).unwrap();
    assert_eq!(text, "\"a b\"");
}
