//! The encoded forms of a secret that decoding does not cover, and the windows of all its forms.

use super::decode::decode;
use super::windows::Windows;
use crate::plan::RESERVED;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_encode;
use serde_json::Value;
use std::borrow::Cow;

/// Most layers of escapes that are decoded.
pub(super) const LAYERS: usize = 6;

/// Adds every window of a value.
pub(super) fn add(windows: &mut Windows, value: &[u8], secret: u16) {
    let text = String::from_utf8_lossy(value);
    for case in cases(&text, value) {
        add_layers(windows, &case, secret);
        windows.add_hex(&case, secret);
        for form in encoded(&case) {
            for offset in 0..3 {
                windows.add_packed(&base64_within(&form, offset), secret);
                windows.add_packed(&base64_at_end(&form, offset), secret);
            }
        }
    }
}

/// The value itself and, if they differ, its upper-case and lower-case forms.
pub(super) fn cases<'a>(text: &str, value: &'a [u8]) -> Vec<Cow<'a, [u8]>> {
    let mut cases = vec![Cow::Borrowed(value)];
    for case in [text.to_uppercase(), text.to_lowercase()] {
        if !cases.iter().any(|known| **known == *case.as_bytes()) {
            cases.push(Cow::Owned(case.into_bytes()));
        }
    }
    cases
}

/// Adds the windows of a value, and of what remains of it once a text's escapes are decoded.
fn add_layers(windows: &mut Windows, value: &[u8], secret: u16) {
    windows.add_text(value, secret);
    let mut layer = decode(value, |_| 0..0);
    for _ in 1..LAYERS {
        let Some(found) = layer else { break };
        windows.add_text(&found.bytes, secret);
        layer = decode(&found.bytes, |_| 0..0);
    }
}

/// The texts that may be encoded in Base64: the value, and the value as JSON and URLs contain it.
fn encoded(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec()];
    if let Ok(text) = std::str::from_utf8(value) {
        let json = Value::from(text).to_string();
        forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
    }
    forms.push(percent_encode(value, RESERVED).to_string().into_bytes());
    forms.dedup();
    forms
}

/// The Base64 digits that encode a value when `offset` bytes (modulo 3) precede it, independent of
/// its surroundings.
pub(super) fn base64_within(value: &[u8], offset: usize) -> Vec<u8> {
    let mut digits = base64_at_end(value, offset);
    let begin = (offset * 8).next_multiple_of(6) - offset * 8;
    digits.truncate((value.len() * 8).saturating_sub(begin) / 6);
    digits
}

/// The same if nothing follows the value, so that its last digit is filled with zero bits and
/// padding follows.
fn base64_at_end(value: &[u8], offset: usize) -> Vec<u8> {
    let whole = [&[0; 2][..offset], value].concat();
    let mut digits = BASE64_STANDARD.encode(whole).into_bytes();
    // These digits also contain bits of what precedes the value.
    digits.drain(..(offset * 8).div_ceil(6).min(digits.len()));
    digits
}
