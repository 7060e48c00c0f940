use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_text_comes_back_as_it_was(bytes: Vec<u8>) {
        let original = RawText(OsString::from_vec(bytes));
        let text = serde_json::to_string(&original).unwrap();
        prop_assert_eq!(serde_json::from_str::<RawText>(&text).unwrap(), original);
    }
}

#[test]
fn text_stays_text() {
    let text = serde_json::to_string(&RawText("a b".into())).unwrap();
    assert_eq!(text, "\"a b\"");
}
