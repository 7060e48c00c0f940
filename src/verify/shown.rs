//! Text of a server, made short and harmless enough for one line of a message.

use std::fmt::Write as _;

/// Characters of a found value that are shown.
const SHOWN: usize = 120;

/// The first 120 characters, control and direction-changing characters escaped, with a mark where it was cut.
pub(super) fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN) {
        if hidden(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    let rest = chars.count();
    if rest > 0 {
        let _ = write!(out, "... ({rest} more)");
    }
    out
}

/// Whether a character is not seen but changes what is: controls, line separators, bidirectional overrides.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
#[path = "tests/shown.rs"]
mod tests;
