//! A text cut into tokens or words, and what stands around one of them.

use crate::record::model::Excerpt;
use std::ops::Range;

/// Cuts a text as the model does: each token's number, and the bytes of the text that it stands for.
pub type Tokenizer = Box<dyn Fn(&str) -> Option<Vec<(u32, Range<usize>)>>>;

/// Characters shown before the first piece that differs.
const BEFORE: usize = 24;
/// Characters shown after it.
const AFTER: usize = 24;

/// What tells one piece from another.
#[derive(PartialEq)]
enum Key<'t> {
    Token(u32),
    Word(&'t str),
}

type Pieces<'t> = Vec<(Key<'t>, Range<usize>)>;

/// How many pieces two texts have in common at their beginning, and each text around there.
pub(super) fn part(a: &str, b: &str, tokenizer: Option<&Tokenizer>) -> (u64, Excerpt, Excerpt) {
    let tokens = |text| tokenizer.and_then(|cut| tokens(text, cut));
    let cut = tokens(a).zip(tokens(b));
    // Texts of the same tokens that are not the same all the same: the tokenizer leaves out what differs.
    let cut = cut.filter(|(x, y)| agree(x, y) < x.len().max(y.len()));
    let (x, y) = cut.unwrap_or_else(|| (words(a), words(b)));
    let n = agree(&x, &y);
    (n as u64, excerpt(a, &x, n), excerpt(b, &y, n))
}

fn agree(a: &Pieces<'_>, b: &Pieces<'_>) -> usize {
    a.iter()
        .zip(b)
        .take_while(|((x, _), (y, _))| x == y)
        .count()
}

fn tokens<'t>(text: &'t str, cut: &Tokenizer) -> Option<Pieces<'t>> {
    // A token can be part of a character, which is then shown whole.
    let whole = |at: Range<usize>| {
        text.floor_char_boundary(at.start)..text.ceil_char_boundary(at.end.max(at.start))
    };
    let all = cut(text)?.into_iter();
    Some(all.map(|(id, at)| (Key::Token(id), whole(at))).collect())
}

/// Words, each with the space before it, as tokens have it; space at the end is a word.
fn words(text: &str) -> Pieces<'_> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let start = rest
            .find(|c: char| !c.is_whitespace())
            .unwrap_or(rest.len());
        let end = rest[start..].find(char::is_whitespace);
        let end = end.map_or(text.len(), |end| at + start + end);
        found.push((Key::Word(&text[at..end]), at..end));
        at = end;
    }
    found
}

/// The surroundings of a text's nth piece.
fn excerpt(text: &str, pieces: &Pieces<'_>, n: usize) -> Excerpt {
    let found = pieces.get(n).map(|(_, at)| at.clone());
    let at = found.clone().unwrap_or(text.len()..text.len());
    let (before, after) = (&text[..at.start], &text[at.end..]);
    let skipped = before.chars().count().saturating_sub(BEFORE);
    let tail: String = before.chars().skip(skipped).collect();
    let head: String = after.chars().take(AFTER).collect();
    let cut = |more: bool| if more { "..." } else { "" };
    Excerpt {
        before: cut(skipped > 0).to_owned() + &plain(tail.trim_start()),
        piece: found.map(|at| plain(&text[at])),
        after: plain(&head) + cut(head.len() < after.len()),
    }
}

/// A text in one line, with what is not to be seen written out.
fn plain(text: &str) -> String {
    let written = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(written).collect()
}

#[cfg(test)]
mod tests {
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
}
