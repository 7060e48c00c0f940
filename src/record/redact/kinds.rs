//! Redacts documents so that they stay valid: JSON stays JSON, and markup keeps its tags.

use super::Redactor;
use serde_json::Value;
use std::borrow::Cow;

/// Delimiters of markup that contains no text of the record.
const OWN: [(&str, &str); 4] = [
    ("<style", "</style>"),
    ("<script", "</script>"),
    ("<!DOCTYPE", ">"),
    ("<?", "?>"),
];
/// Delimiters of text in which `<` is an ordinary character.
const CDATA: (&str, &str) = ("<![CDATA[", "]]>");

/// Redacts the text of a file. The file name determines its kind.
pub(in crate::record) fn document<'a>(
    redactor: &Redactor,
    name: &str,
    text: &'a str,
) -> Cow<'a, str> {
    if !redactor.finds(text) {
        return Cow::Borrowed(text);
    }
    let end = name.rsplit('.').next().unwrap_or_default();
    Cow::Owned(match end {
        "jsonl" => text
            .split_inclusive('\n')
            .map(|line| json(redactor, line))
            .collect(),
        "json" => json(redactor, text),
        "xml" | "html" => markup(redactor, text),
        _ => redactor.apply(text),
    })
}

/// Redacts a row of a journal. `None` if it contains no secret outside the members named in `keep`.
pub(in crate::record) fn object(
    redactor: &Redactor,
    object: &str,
    keep: &[&str],
) -> serde_json::Result<Option<String>> {
    if !redactor.finds(object) {
        return Ok(None);
    }
    let before: Value = serde_json::from_str(object)?;
    let mut value = before.clone();
    redactor.json(&mut value, keep);
    match value == before {
        true => Ok(None),
        false => serde_json::to_string(&value).map(Some),
    }
}

/// Redacts JSON of any origin and keeps its layout: one line or several.
fn json(redactor: &Redactor, text: &str) -> String {
    if !redactor.finds(text) {
        return text.to_owned();
    }
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return redactor.apply(text);
    };
    redactor.foreign(&mut value);
    let trimmed = text.trim_end();
    let shown = match trimmed.contains('\n') {
        true => serde_json::to_string_pretty(&value),
        false => serde_json::to_string(&value),
    };
    shown.unwrap_or_default() + &text[trimmed.len()..]
}

/// Redacts HTML or XML: texts and attribute values, but not tags.
fn markup(redactor: &Redactor, text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('<') {
        out += &escaped(&redactor.shown(&rest[..start]));
        rest = &rest[start..];
        let (length, own) = piece(rest);
        let (tag, after) = rest.split_at(length);
        match own {
            Piece::Own => out += tag,
            Piece::Text => out += &redactor.shown(tag),
            Piece::Tag => out += &attributes(redactor, tag),
        }
        rest = after;
    }
    out + &escaped(&redactor.shown(rest))
}

enum Piece {
    Own,
    Text,
    Tag,
}

/// Length and kind of the tag (or similar) at the beginning of a text.
fn piece(text: &str) -> (usize, Piece) {
    let until = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    let begins = |start: &str| {
        let beginning = text.get(..start.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    if begins(CDATA.0) {
        return (until(CDATA.1), Piece::Text);
    }
    match OWN.iter().find(|(start, _)| begins(start)) {
        Some((_, end)) => (until(end), Piece::Own),
        None => (tag(text), Piece::Tag),
    }
}

/// End of a tag. A `>` within quotes does not end it.
fn tag(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Redacts the quoted parts of a tag.
fn attributes(redactor: &Redactor, tag: &str) -> String {
    let (mut out, mut rest) = (String::new(), tag);
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start + 1);
        out += before;
        let end = quoted.find(&before[start..]).unwrap_or(quoted.len());
        out += &escaped(&redactor.shown(&quoted[..end]));
        rest = &quoted[end..];
        let closing = rest.chars().next().map_or(0, char::len_utf8);
        out += &rest[..closing];
        rest = &rest[closing..];
    }
    out + rest
}

/// Redacts a text of markup so that the marks contain the only `<`.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains("<redacted:") {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split("<redacted:");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out += "&lt;redacted:";
        out += &piece.replacen('>', "&gt;", 1);
    }
    Cow::Owned(out)
}
