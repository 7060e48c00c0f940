//! Text and small pieces of markup. Everything that did not come from this module's callers' source code goes through
//! [`text`], [`attribute`] or [`block`].

use crate::report::escape::line;
use sha2::{Digest, Sha256};

/// Untrusted text within an element or attribute: one line, nothing in it steers or is markup.
pub(in crate::report) fn text(raw: &str) -> String {
    escaped(&line(raw))
}

/// The same; named for where it stands.
pub(in crate::report) fn attribute(raw: &str) -> String {
    text(raw)
}

/// Untrusted text of several lines, for a `pre`.
pub(in crate::report) fn block(raw: &str) -> String {
    let lines: Vec<_> = raw.lines().map(text).collect();
    lines.join("\n")
}

/// The first `most` characters of an untrusted text.
pub(in crate::report) fn excerpt(raw: &str, most: usize) -> String {
    let cut: String = raw.chars().take(most).collect();
    let dots = if cut.len() < raw.len() { "..." } else { "" };
    text(&cut) + dots
}

/// A name as part of an `id`: letters, digits and dashes.
pub(in crate::report) fn slug(raw: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    raw.chars().map(plain).collect()
}

/// The source expression that allows exactly this inline style or script.
pub(super) fn allowed(inline: &str) -> String {
    format!("'sha256-{}'", base64(&Sha256::digest(inline)))
}

fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit <= group.len() {
                char::from(DIGITS[index as usize])
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
#[path = "tests/text.rs"]
mod tests;
