//! Parses JSON as servers send it. Pure.

use serde_json::Value;

/// Parses JSON. A lone half of a surrogate pair, which servers send when they cut an emoji in two,
/// becomes U+FFFD. RFC 8259, section 8.2, allows it in a text and leaves its meaning to the reader.
///
/// # Errors
/// What is not JSON.
pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(bytes).or_else(|error| match without_lone_surrogates(bytes) {
        Some(mended) => serde_json::from_slice(&mended),
        None => Err(error),
    })
}

/// The text with every lone surrogate escape replaced; `None` if there is none.
fn without_lone_surrogates(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..)?) {
        at += found;
        let Some(unit) = unit(bytes, at) else {
            at += 2;
            continue;
        };
        let pair = (0xD800..0xDC00).contains(&unit)
            && self::unit(bytes, at + 6).is_some_and(|low| (0xDC00..0xE000).contains(&low));
        if pair {
            at += 12;
            continue;
        }
        if (0xD800..0xE000).contains(&unit) {
            let mended = mended.get_or_insert_with(|| bytes.to_vec());
            mended[at + 2..at + 6].copy_from_slice(b"fffd");
        }
        at += 6;
    }
    mended
}

/// The UTF-16 unit of an escape `\uXXXX` at offset `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
#[path = "tests/json.rs"]
mod tests;
