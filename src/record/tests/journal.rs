use super::*;
use proptest::prelude::*;

#[test]
fn the_checksum_is_the_one_that_everyone_computes() {
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    assert_eq!(hexadecimal(0x0bf4_392a), *b"0bf4392a");
}

#[test]
fn a_sealed_line_is_json_and_opens_again() {
    let line = seal("{\"a\":1}".to_owned());
    let value: serde_json::Value = serde_json::from_str(&line).expect("still JSON");
    assert_eq!(value["a"], 1);
    let mut bytes = line.into_bytes();
    assert_eq!(unseal(&mut bytes), Ok(true));
    assert_eq!(bytes, b"{\"a\":1}");
    assert_eq!(unseal(&mut bytes), Ok(false));
}

proptest! {
    #[test]
    fn no_changed_line_opens(text in "[a-z\"\\\\é ]{0,40}", at in any::<prop::sample::Index>(), bit in 0..8) {
        let line = seal(serde_json::json!({"text": text}).to_string()).into_bytes();
        let mut changed = line.clone();
        let at = at.index(line.len() - 1);
        changed[at] ^= 1u8 << bit;
        // A seal that is no longer one is left for the reader to miss.
        prop_assert!(!matches!(unseal(&mut changed), Ok(true)), "{:?}", line);
    }
}
