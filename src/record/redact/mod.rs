//! Secrets never reach disk or screen: wherever their values occur, they are replaced by
//! `<redacted:NAME>`.
//!
//! Other programs cut, split, quote and escape the texts that arrive here: a server truncates its
//! messages, a log is read in blocks, a terminal is narrow. Therefore a secret is not searched as a
//! whole. Every eight consecutive characters of it are searched ([`windows`]): plain, in Base64, in
//! hexadecimal, and in the text with its escapes decoded layer by layer ([`decode`]). Adjacent hits
//! become one replacement. A piece of a secret with fewer than eight characters may stay, except
//! for its beginning or end at a cut.
//!
//! Values of four to seven characters are searched as a whole, in every layer. Shorter values and
//! placeholders ([`names`]) are not searched: they occur everywhere by chance, and replacing every
//! `1` would destroy a record and hide nothing.

mod decode;
mod forms;
mod kinds;
mod names;
mod places;
mod stream;
mod windows;

pub(super) use kinds::{document, object};
pub(crate) use names::names_a_secret;
pub(crate) use places::{held, of_urls, written};
pub(super) use stream::{Mark, copy};

use base64::Engine as _;
use decode::{decode, unfinished};
use forms::LAYERS;
use memchr::memmem::{self, Finder};
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use windows::{Hit, WINDOW, Windows};

/// Shortest value that is searched, in bytes.
pub(crate) const SHORTEST: usize = 4;
/// Shortest value that is treated as a secret only because of its variable's name, in bytes.
pub(crate) const SHORTEST_NAMED: usize = 8;
/// Shortest beginning or end of a value that is searched where a text was cut, in bytes.
const SHORTEST_CUT: usize = 6;
/// Marks the rest of a text that was cut.
const CUTS: [&str; 2] = ["...", "\u{2026}"];
/// Most bytes of an escape that was cut.
const LONGEST_ESCAPE: usize = 8;

/// Public texts that may occur within a secret.
const PUBLIC: [&str; 5] = [
    "https://",
    "http://localhost:",
    "http://127.0.0.1:",
    "http://0.0.0.0:",
    "<redacted:",
];

/// Members of a record that contain foreign JSON, including foreign member names.
const FOREIGN: [&str; 5] = ["resolved", "nvext_timing", "times", "counters", "gauges"];

/// Replaces the values of secrets. The default redactor knows none.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<Secrets>>);

#[derive(Default)]
struct Secrets {
    names: Vec<String>,
    windows: Windows,
    /// Values that are shorter than a window.
    short: Vec<(Finder<'static>, u16)>,
    /// Values in lower case whose beginning or end may remain at a cut.
    long: Vec<(Vec<u8>, u16)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.as_ref().map_or(0, |secrets| secrets.names.len());
        write!(f, "Redactor of {count} values")
    }
}

impl Redactor {
    /// Creates a redactor for (name, value) pairs. If two have the same value, the first name is
    /// used.
    pub fn new<N: Into<String>, V: AsRef<[u8]>>(secrets: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::except(secrets, &[])
    }

    /// Creates a redactor for (name, value) pairs that leaves public parts of values alone, such as
    /// the path of the scenario.
    pub fn except<N: Into<String>, V: AsRef<[u8]>>(
        secrets: impl IntoIterator<Item = (N, V)>,
        public: &[String],
    ) -> Self {
        let mut all = Secrets::default();
        for (name, value) in secrets {
            all.add(name.into(), value.as_ref());
        }
        let own = PUBLIC
            .iter()
            .copied()
            .chain(public.iter().map(String::as_str));
        for text in own {
            all.show(text.as_bytes());
        }
        let none = all.windows.is_empty() && all.short.is_empty() && all.long.is_empty();
        Self((!none).then(|| Arc::new(all)))
    }

    /// Whether a text contains a secret or a piece of one.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        !self.hits(text.as_bytes()).is_empty()
    }

    /// Replaces every secret and every piece of one by `<redacted:NAME>`.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        self.shown(text).into_owned()
    }

    /// As [`apply`](Self::apply), without copying a text that has no secret.
    #[must_use]
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hits = self.hits(text.as_bytes());
        let Some(secrets) = self.0.as_ref().filter(|_| !hits.is_empty()) else {
            return Cow::Borrowed(text);
        };
        let (mut out, mut end) = (String::with_capacity(text.len()), 0);
        for Hit { range, secret } in hits {
            // Windows are byte ranges and may begin or end within a character.
            let start = text.floor_char_boundary(range.start).max(end);
            out.push_str(&text[end..start]);
            out.push_str(&secrets.mark(secret));
            end = text.ceil_char_boundary(range.end).max(start);
        }
        out.push_str(&text[end..]);
        Cow::Owned(out)
    }

    /// Redacts every string of a JSON value, except the members of the outermost object named in
    /// `keep`, which contain the tool's own words. Member names are redacted only where they are
    /// not the record's own.
    pub fn json(&self, value: &mut Value, keep: &[&str]) {
        if self.0.is_some() {
            self.walk(value, keep, false);
        }
    }

    /// Redacts every string, number and name of foreign JSON.
    pub fn foreign(&self, value: &mut Value) {
        if self.0.is_some() {
            self.walk(value, &[], true);
        }
    }

    fn walk(&self, value: &mut Value, keep: &[&str], foreign: bool) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(shown) = self.shown(text) {
                    *text = shown;
                }
            }
            Value::Number(number) if foreign => {
                if let Cow::Owned(shown) = self.shown(&number.to_string()) {
                    *value = Value::String(shown);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.walk(item, keep, foreign);
                }
            }
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    let foreign = foreign || FOREIGN.contains(&name.as_str());
                    if foreign {
                        self.walk(member, &[], true);
                    } else if !keep.contains(&name.as_str()) {
                        self.walk(member, keep, false);
                    }
                }
                if foreign && members.keys().any(|name| self.finds(name)) {
                    let renamed = std::mem::take(members).into_iter();
                    *members = renamed
                        .map(|(name, member)| (self.apply(&name), member))
                        .collect();
                }
            }
            _ => {}
        }
    }

    /// The secret pieces of a text, from left to right. Adjacent pieces of one secret are merged.
    fn hits(&self, text: &[u8]) -> Vec<Hit> {
        let Some(secrets) = &self.0 else {
            return Vec::new();
        };
        let mut hits = secrets.found(text);
        secrets.at_cuts(text, &mut hits);
        merged(hits)
    }
}

impl Secrets {
    fn add(&mut self, name: String, value: &[u8]) {
        // A value read from a file often has a trailing line end that is not part of it.
        let value = value.trim_ascii();
        let secret = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.truncate(usize::from(u16::MAX));
        // The mark must not break the text that contains it.
        let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        self.names
            .push(name.chars().filter(|c| plain(*c)).collect());
        let credentials = credentials(value);
        let password = credentials.and_then(|rest| password(value, rest));
        let values = [Some(value), credentials, password.as_deref()];
        for value in values.into_iter().flatten() {
            if value.len() >= SHORTEST && !names::is_common(value) {
                self.add_value(value, secret);
            }
        }
    }

    fn add_value(&mut self, value: &[u8], secret: u16) {
        forms::add(&mut self.windows, value, secret);
        let text = String::from_utf8_lossy(value);
        let one_byte = value.iter().all(|byte| *byte == value[0]);
        if value.len() >= WINDOW && !one_byte {
            self.long.push((value.to_ascii_lowercase(), secret));
            return;
        }
        for case in forms::cases(&text, value) {
            let hex = hex::encode(&case);
            let form: Vec<u8> = case
                .iter()
                .map(|b| if *b == b' ' { b'+' } else { *b })
                .collect();
            for needle in [case.to_vec(), form, hex.to_uppercase().into(), hex.into()] {
                self.short.push((Finder::new(&needle).into_owned(), secret));
            }
        }
    }

    /// Removes public text from the windows, unless it contains a whole secret.
    fn show(&mut self, text: &[u8]) {
        let lower = text.to_ascii_lowercase();
        if !self
            .long
            .iter()
            .any(|(value, _)| memmem::find(&lower, value).is_some())
        {
            self.windows.remove_text(text);
        }
    }

    fn mark(&self, secret: u16) -> String {
        let name = self.names.get(usize::from(secret));
        format!("<redacted:{}>", name.map_or("secret", String::as_str))
    }

    /// Finds secrets in a text and in every layer beneath its escapes.
    fn found(&self, text: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        self.look(text, |at| at..at + 1, &mut hits);
        let mut layer = decode(text, |at| at..at + 1);
        for _ in 0..LAYERS {
            let Some(found) = layer else { break };
            self.look(&found.bytes, |at| found.span(at), &mut hits);
            layer = decode(&found.bytes, |at| found.span(at));
        }
        hits
    }

    fn look(&self, text: &[u8], span: impl Fn(usize) -> Range<usize>, hits: &mut Vec<Hit>) {
        self.windows.scan(text, &span, |hit| join(hits, hit));
        for (needle, secret) in &self.short {
            let length = needle.needle().len();
            for at in needle.find_iter(text) {
                let range = span(at).start..span(at + length - 1).end;
                hits.push(Hit {
                    range,
                    secret: *secret,
                });
            }
        }
    }

    /// At a cut (`...`), a shorter piece of a secret is replaced as well, together with an
    /// incomplete escape.
    fn at_cuts(&self, text: &[u8], hits: &mut Vec<Hit>) {
        for cut in CUTS {
            for at in memmem::find_iter(text, cut) {
                let after = at + cut.len();
                for hit in hits.iter_mut() {
                    let rest = text.get(hit.range.end..at).unwrap_or_default();
                    if rest.len() < LONGEST_ESCAPE && unfinished(rest) {
                        hit.range.end = at;
                    }
                }
                for (value, secret) in &self.long {
                    let sizes = || (SHORTEST_CUT..WINDOW).rev();
                    let begins = sizes().find(|n| ends(&text[..at], &value[..*n]));
                    let tail = |n: &usize| starts(&text[after..], &value[value.len() - n..]);
                    let pieces = [
                        begins.map(|n| at - n..at),
                        sizes().find(tail).map(|n| after..after + n),
                    ];
                    for range in pieces.into_iter().flatten() {
                        hits.push(Hit {
                            range,
                            secret: *secret,
                        });
                    }
                }
            }
        }
    }
}

fn ends(text: &[u8], lower: &[u8]) -> bool {
    let start = text.len().checked_sub(lower.len());
    start.is_some_and(|start| text[start..].eq_ignore_ascii_case(lower))
}

fn starts(text: &[u8], lower: &[u8]) -> bool {
    let beginning = text.get(..lower.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(lower))
}

/// Adds a hit. Most hits follow the previous one closely.
fn join(hits: &mut Vec<Hit>, hit: Hit) {
    match hits.last_mut() {
        Some(last)
            if last.secret == hit.secret
                && (last.range.start..=last.range.end).contains(&hit.range.start) =>
        {
            last.range.end = last.range.end.max(hit.range.end);
        }
        _ => hits.push(hit),
    }
}

/// The hits in order. Overlapping hits are merged under the name of the longest.
fn merged(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
    let mut all: Vec<Hit> = Vec::new();
    // Length of the longest hit that was merged into the last one.
    let mut longest = 0;
    for hit in hits {
        let touches = |last: &&mut Hit| match last.secret == hit.secret {
            true => hit.range.start <= last.range.end,
            false => hit.range.start < last.range.end,
        };
        match all.last_mut().filter(touches) {
            Some(last) => {
                last.range.end = last.range.end.max(hit.range.end);
                if hit.range.len() > longest {
                    (longest, last.secret) = (hit.range.len(), hit.secret);
                }
            }
            None => {
                longest = hit.range.len();
                all.push(hit);
            }
        }
    }
    all
}

/// The part after the scheme in the value of an `Authorization` header. Servers repeat it alone in
/// their answers.
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let space = value.iter().position(|b| *b == b' ')?;
    let (scheme, rest) = value.split_at(space);
    let is_scheme = scheme.iter().all(|b| b.is_ascii_alphabetic() || *b == b'-');
    is_scheme.then(|| rest.trim_ascii())
}

/// The password within `Basic CREDENTIALS`.
fn password(value: &[u8], rest: &[u8]) -> Option<Vec<u8>> {
    let basic = value
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"));
    let pair = base64::prelude::BASE64_STANDARD
        .decode(rest)
        .ok()
        .filter(|_| basic)?;
    let colon = pair.iter().position(|b| *b == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests;
