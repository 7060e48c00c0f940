//! A text cut into tokens or words, and what stands around one of them.

use crate::record::model::Excerpt;
use std::ops::Range;

/// Cuts a text as the model does: each token's number, and the bytes of the text that it stands for.
pub(crate) type Tokenizer = Box<dyn Fn(&str) -> Option<Vec<(u32, Range<usize>)>>>;

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
#[path = "tests/cut.rs"]
mod tests;
