use super::*;
use proptest::prelude::*;

/// A tokenizer of two letters a token, which knows no upper case; a character of several bytes is several tokens.
fn pairs() -> Tokenizer {
    Box::new(|text| {
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes().chunks(2).enumerate();
        let token = |(i, pair): (usize, &[u8])| {
            let id = pair.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
            (id, 2 * i..2 * i + pair.len())
        };
        Some(bytes.map(token).collect())
    })
}

fn shown(a: &str, b: &str, tokenizer: Option<&Tokenizer>) -> (u64, String, String) {
    let (n, a, b) = part(a, b, tokenizer);
    (n, a.to_string(), b.to_string())
}

fn expected(n: u64, a: &str, b: &str) -> (u64, String, String) {
    (n, a.to_owned(), b.to_owned())
}

#[test]
fn words_part_where_one_differs_or_ends() {
    assert_eq!(
        shown(
            "The capital of France is Paris, yes",
            "The capital of France is Lyon.",
            None
        ),
        expected(
            5,
            "The capital of France is[ Paris,] yes",
            "The capital of France is[ Lyon.]"
        )
    );
    assert_eq!(
        shown("a b\nc", "a b", None),
        expected(2, "a b[\\nc]", "a b[(end)]")
    );
    let long = "x".repeat(30);
    assert_eq!(
        shown(&format!("{long} a"), &format!("{long} b"), None).1,
        format!("...{}[ a]", "x".repeat(24))
    );
}

#[test]
fn tokens_part_within_a_word() {
    assert_eq!(
        shown("abcdef", "abcxef", Some(&pairs())),
        expected(1, "ab[cd]ef", "ab[cx]ef")
    );
    assert_eq!(
        shown("abcd", "ab", Some(&pairs())),
        expected(1, "ab[cd]", "ab[(end)]")
    );
    // Two of the four bytes of each are the same: one token, and no character is cut.
    assert_eq!(
        shown("😀", "😄", Some(&pairs())),
        expected(1, "[😀]", "[😄]")
    );
}

#[test]
fn what_the_tokenizer_does_not_see_is_told_by_words() {
    assert_eq!(
        shown("ab Cd", "ab cd", Some(&pairs())),
        expected(1, "ab[ Cd]", "ab[ cd]")
    );
    let blind: Tokenizer = Box::new(|_| None);
    assert_eq!(
        shown("a b", "a c", Some(&blind)),
        expected(1, "a[ b]", "a[ c]")
    );
}

proptest! {
    #[test]
    fn any_two_texts_are_cut(x in ".*", y in ".*") {
        for tokenizer in [None, Some(&pairs())] {
            let (n, a, b) = part(&x, &y, tokenizer);
            prop_assert_eq!(x == y, a == b && a.piece.is_none() && n as usize == words(&x).len());
        }
    }
}
