//! Tables of all eight-character windows of the secrets, and the scan that searches for them. The
//! scan remembers only the last eight bytes, so it finds a secret that is complete, cut anywhere,
//! or split over lines and blocks.

use std::collections::HashMap;
use std::ops::Range;

/// Size of a window in bytes: the shortest piece of a secret that is always found.
pub(super) const WINDOW: usize = 8;
/// Bits of the filter in front of the map. Most windows of most texts are rejected there.
const FILTER: u32 = 17;

/// A piece of text that belongs to a secret, with the secret's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    pub(super) secret: u16,
}

/// Windows of eight bytes, each with its secret.
#[derive(Clone, Default)]
struct Table {
    filter: Vec<u64>,
    known: HashMap<u64, u16>,
}

impl Table {
    fn add(&mut self, window: u64, secret: u16) {
        let one_byte = window.to_be_bytes().windows(2).all(|two| two[0] == two[1]);
        // Equal characters in a row, such as the ruler of a table, identify no secret.
        if one_byte {
            return;
        }
        self.filter.resize(1 << (FILTER - 6), 0);
        let (word, bit) = place(window);
        self.filter[word] |= bit;
        self.known.entry(window).or_insert(secret);
    }

    fn remove(&mut self, window: u64) {
        // The filter keeps the bit, because other windows may share it. It may let more through
        // than the map contains.
        self.known.remove(&window);
    }

    #[inline]
    fn get(&self, window: u64) -> Option<u16> {
        let (word, bit) = place(window);
        match self.filter.get(word) {
            Some(found) if found & bit != 0 => self.known.get(&window).copied(),
            _ => None,
        }
    }
}

/// The word and the bit of a window in the filter.
#[inline]
fn place(window: u64) -> (usize, u64) {
    let hash = window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The tables of all secrets.
#[derive(Clone, Default)]
pub(super) struct Windows {
    /// Plain text in lower case, with a space for `+`.
    plain: Table,
    /// Text without white space, with both Base64 alphabets mapped to one.
    packed: Table,
    /// Bytes written as hexadecimal digits.
    hex: Table,
}

impl Windows {
    pub(super) fn is_empty(&self) -> bool {
        self.plain.known.is_empty() && self.packed.known.is_empty() && self.hex.known.is_empty()
    }

    /// Adds the windows of text that is searched plain and split by white space.
    pub(super) fn add_text(&mut self, text: &[u8], secret: u16) {
        each(text.iter().map(|b| plain(*b)), |window| {
            self.plain.add(window, secret);
        });
        self.add_packed(text, secret);
    }

    /// Adds the windows of text that is searched with or without white space in it, such as Base64.
    pub(super) fn add_packed(&mut self, text: &[u8], secret: u16) {
        each(text.iter().filter_map(|b| packed(*b)), |window| {
            self.packed.add(window, secret);
        });
    }

    /// Adds the windows of bytes that are searched in hexadecimal.
    pub(super) fn add_hex(&mut self, bytes: &[u8], secret: u16) {
        each(bytes.iter().copied(), |window| self.hex.add(window, secret));
    }

    /// Removes the windows of public text.
    pub(super) fn remove_text(&mut self, text: &[u8]) {
        each(text.iter().map(|b| plain(*b)), |window| {
            self.plain.remove(window);
        });
        each(text.iter().filter_map(|b| packed(*b)), |window| {
            self.packed.remove(window);
        });
    }

    /// Passes on every piece that belongs to a secret, from left to right in each table. `span`
    /// gives the origin of a byte.
    pub(super) fn scan(
        &self,
        text: &[u8],
        span: impl Fn(usize) -> Range<usize>,
        mut hit: impl FnMut(Hit),
    ) {
        let mut found = |first: usize, last: usize, secret| {
            let range = span(first).start..span(last).end;
            hit(Hit { range, secret });
        };
        let (mut whole, mut dense) = (0u64, 0u64);
        // Positions of the last eight bytes that are not white space.
        let (mut ring, mut count) = ([0; WINDOW], 0);
        let mut digits = Digits::default();
        for (at, byte) in text.iter().copied().enumerate() {
            whole = whole << 8 | u64::from(plain(byte));
            if at + 1 >= WINDOW
                && let Some(secret) = self.plain.get(whole)
            {
                found(at + 1 - WINDOW, at, secret);
            }
            if let Some(byte) = packed(byte) {
                // The same scan without white space finds text that is wrapped over several lines.
                dense = dense << 8 | u64::from(byte);
                ring[count % WINDOW] = at;
                count += 1;
                if count >= WINDOW
                    && let Some(secret) = self.packed.get(dense)
                {
                    found(ring[count % WINDOW], at, secret);
                }
            }
            if digits.take(at, byte)
                && let Some(secret) = self.hex.get(digits.value)
            {
                found(digits.first(), at, secret);
            }
        }
    }
}

/// The last sixteen hexadecimal digits of a text, without the separators that may stand between
/// them.
#[derive(Default)]
struct Digits {
    value: u64,
    ring: [usize; 2 * WINDOW],
    /// Digits in a row.
    count: usize,
    /// Digits taken so far, modulo the ring's size.
    next: usize,
    zero: bool,
}

impl Digits {
    /// Takes a byte. Returns whether it completes sixteen digits.
    #[inline]
    fn take(&mut self, at: usize, byte: u8) -> bool {
        let zero = std::mem::replace(&mut self.zero, byte == b'0');
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'x' | b'X' => {
                // The zero of `0x` is not a digit.
                if zero && self.count > 0 {
                    self.value >>= 4;
                    self.count -= 1;
                    self.next = (self.next + self.ring.len() - 1) % self.ring.len();
                }
                return false;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b':' | b'-' | b'_' | b',' | b'\\' => return false,
            _ => {
                self.count = 0;
                return false;
            }
        };
        self.value = self.value << 4 | u64::from(digit);
        self.ring[self.next] = at;
        self.next = (self.next + 1) % self.ring.len();
        self.count += 1;
        self.count >= self.ring.len()
    }

    /// Position of the first of the sixteen digits.
    fn first(&self) -> usize {
        self.ring[self.next]
    }
}

/// Passes on every eight consecutive bytes.
fn each(bytes: impl Iterator<Item = u8>, mut take: impl FnMut(u64)) {
    let mut window = 0u64;
    for (at, byte) in bytes.enumerate() {
        window = window << 8 | u64::from(byte);
        if at + 1 >= WINDOW {
            take(window);
        }
    }
}

#[inline]
fn plain(byte: u8) -> u8 {
    match byte {
        b'+' => b' ',
        _ => byte.to_ascii_lowercase(),
    }
}

#[inline]
fn packed(byte: u8) -> Option<u8> {
    match byte {
        b' ' | b'\t' | b'\r' | b'\n' | 0 => None,
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        _ => Some(byte.to_ascii_lowercase()),
    }
}
