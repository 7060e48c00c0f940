//! A text with one layer of escapes decoded, and the origin of each of its bytes. All kinds of
//! escapes are decoded at once: JSON, URL, HTML, shells and programming languages.

use std::ops::Range;

/// A text without one layer of escapes.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// Range of the original text that each byte came from.
    spans: Vec<Range<usize>>,
}

impl Decoded {
    pub(super) fn span(&self, at: usize) -> Range<usize> {
        self.spans[at].clone()
    }
}

/// The decoded bytes of an escape, at most four.
struct Escape {
    bytes: [u8; 4],
    length: usize,
    /// Length of the escape itself, in bytes.
    taken: usize,
}

impl Escape {
    fn byte(byte: u8, taken: usize) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
            taken,
        }
    }

    fn char(code: u32, taken: usize) -> Option<Self> {
        let mut bytes = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Self {
            bytes,
            length,
            taken,
        })
    }
}

/// Decodes one layer of escapes; `None` if there is none. `span` gives the origin of a byte.
pub(super) fn decode(text: &[u8], span: impl Fn(usize) -> Range<usize>) -> Option<Decoded> {
    let mut at = escapes(text).find(|at| escape(&text[*at..]).is_some())?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut spans = Vec::with_capacity(text.len());
    bytes.extend_from_slice(&text[..at]);
    spans.extend((0..at).map(&span));
    while at < text.len() {
        match escape(&text[at..]) {
            Some(found) => {
                let from = span(at).start..span(at + found.taken - 1).end;
                bytes.extend_from_slice(&found.bytes[..found.length]);
                spans.extend(std::iter::repeat_n(from, found.length));
                at += found.taken;
            }
            None => {
                bytes.push(text[at]);
                spans.push(span(at));
                at += 1;
            }
        }
    }
    Some(Decoded { bytes, spans })
}

/// Bytes at which escapes may begin.
fn escapes(text: &[u8]) -> impl Iterator<Item = usize> {
    let begins = |b: &u8| matches!(b, b'%' | b'\\' | b'&' | b'\'');
    let places = text.iter().enumerate();
    places.filter(move |(_, b)| begins(b)).map(|(at, _)| at)
}

/// Whether a text is an incomplete escape.
pub(super) fn unfinished(text: &[u8]) -> bool {
    match text {
        [b'%'] | [b'\\'] | [b'&'] => true,
        [b'%', rest @ ..] => rest.len() < 2 && digits(rest, 16),
        [b'\\', b'u' | b'U', rest @ ..] => rest.len() < 4 && digits(rest, 16),
        [b'\\', b'x', rest @ ..] => rest.len() < 2 && digits(rest, 16),
        [b'&', b'#', b'x' | b'X', rest @ ..] => rest.len() < 5 && digits(rest, 16),
        [b'&', b'#', rest @ ..] => rest.len() < 6 && digits(rest, 10),
        [b'&', rest @ ..] => rest.len() < 7 && rest.iter().all(u8::is_ascii_alphabetic),
        _ => false,
    }
}

fn digits(text: &[u8], radix: u32) -> bool {
    text.iter().all(|b| char::from(*b).is_digit(radix))
}

/// The escape at the beginning of a text.
fn escape(text: &[u8]) -> Option<Escape> {
    match text {
        [b'%', ..] => Some(Escape::byte(u8::try_from(number(text, 1, 2, 16)?).ok()?, 3)),
        [b'\\', ..] => backslash(text),
        [b'&', ..] => entity(text),
        // An apostrophe within apostrophes, as shells require it.
        _ if text.starts_with(b"'\\''") => Some(Escape::byte(b'\'', 4)),
        _ if text.starts_with(b"'\"'\"'") => Some(Escape::byte(b'\'', 5)),
        _ => None,
    }
}

fn backslash(text: &[u8]) -> Option<Escape> {
    let next = *text.get(1)?;
    let plain = |byte| Some(Escape::byte(byte, 2));
    match next {
        b'u' | b'U' => unicode(text),
        b'x' | b'X' => Some(Escape::byte(u8::try_from(number(text, 2, 2, 16)?).ok()?, 4)),
        b'0'..=b'7' => match number(text, 1, 3, 8).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => Some(Escape::byte(byte, 4)),
            None if next == b'0' => plain(0),
            None => None,
        },
        b'n' | b'N' => plain(b'\n'),
        b'r' | b'R' => plain(b'\r'),
        b't' | b'T' => plain(b'\t'),
        b'b' => plain(8),
        b'f' => plain(12),
        b'v' => plain(11),
        b'a' => plain(7),
        b'e' | b'E' => plain(27),
        _ if next.is_ascii_punctuation() || next == b' ' => plain(next),
        _ => None,
    }
}

/// `\u00e9`, `\ud83d\ude00`, `\u{1f600}` and `\U0001f600`.
fn unicode(text: &[u8]) -> Option<Escape> {
    if text.get(2) == Some(&b'{') {
        let length = text[3..].iter().take(7).position(|b| *b == b'}')?;
        return Escape::char(number(text, 3, length, 16)?, length + 4);
    }
    if text[1] == b'U'
        && let Some(code) = number(text, 2, 8, 16)
        && let Some(found) = Escape::char(code, 10)
    {
        return Some(found);
    }
    let first = number(text, 2, 4, 16)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Escape::char(first, 6);
    }
    let second = match text.get(6..8) {
        Some([b'\\', b'u' | b'U']) => number(text, 8, 4, 16)?.checked_sub(0xdc00)?,
        _ => return None,
    };
    Escape::char(0x1_0000 + (((first - 0xd800) << 10) | second), 12)
}

/// HTML names of the ASCII characters that are neither letters nor digits.
const NAMES: [(&str, u8); 42] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("nbsp", b' '),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("equals", b'='),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("UnderBar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
];

/// `&amp;`, `&#38;` and `&#x26;`; numeric ones also without the semicolon.
fn entity(text: &[u8]) -> Option<Escape> {
    if text.get(1) != Some(&b'#') {
        let length = text[1..].iter().take(9).position(|b| *b == b';')?;
        let name = &text[1..=length];
        let known = |(known, _): &&(&str, u8)| known.as_bytes().eq_ignore_ascii_case(name);
        let (_, byte) = NAMES.iter().find(known)?;
        return Some(Escape::byte(*byte, length + 2));
    }
    let (start, radix) = match text.get(2)? {
        b'x' | b'X' => (3, 16),
        _ => (2, 10),
    };
    let is_digit = |b: &&u8| char::from(**b).is_digit(radix);
    let length = text[start..].iter().take(8).take_while(is_digit).count();
    let code = number(text, start, length, radix)?;
    let end = start + length;
    let semicolon = text.get(end) == Some(&b';');
    Escape::char(code, end + usize::from(semicolon))
}

/// The number of this many digits.
fn number(text: &[u8], start: usize, length: usize, radix: u32) -> Option<u32> {
    let found = text.get(start..start + length)?;
    if found.is_empty() || !digits(found, radix) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(found).ok()?, radix).ok()
}
