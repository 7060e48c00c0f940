//! Pieces that several parts of the page are made of.

use maud::{Markup, html};

/// A table that scrolls sideways on a narrow screen, and what it is called there.
pub(crate) fn wide(label: &str, table: Markup) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) { (table) } "\n"
    }
}

/// The first `most` characters of a text.
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A name as part of an `id`: letters, digits and dashes.
pub(crate) fn slug(raw: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    raw.chars().map(plain).collect()
}
