//! Secrets never reach disk or screen: their values are replaced, wherever they turn up, by `<redacted:NAME>`.
//!
//! A value is found raw, with the escapes of JSON, HTML and Python, URL-encoded and in Base64, there also within something longer
//! (as in `Basic dXNlcjpzZWNyZXQ=`). Of `Bearer TOKEN` the token alone is looked for as well. Values under four characters are
//! not looked for: they occur everywhere by chance, and a record shredded by `1` hides nothing.

use regex::Regex;
use serde_json::Value;

/// Shortest value that is looked for, in bytes.
pub const SHORTEST: usize = 4;
/// Shortest beginning of a value that is looked for where a text was cut, in bytes.
const SHORTEST_CUT: usize = 6;
/// What stands for the rest of a text that was cut.
const CUT: &str = "...";
/// Shortest piece of Base64 that is looked for; a shorter one is met by chance.
const SHORTEST_BASE64: usize = 8;

/// Members of a record that hold another's JSON, names of members included.
const FOREIGN: [&str; 2] = ["resolved", "nvext_timing"];

/// Whether a variable of this name is taken for a secret without being asked: `HF_TOKEN`, `OPENAI_API_KEY`, ...
#[must_use]
pub fn names_a_secret(variable: &str) -> bool {
    let ends = ["_TOKEN", "_SECRET", "_PASSWORD", "_API_KEY", "_ACCESS_KEY"];
    let upper = variable.to_ascii_uppercase();
    ends.iter().any(|end| upper.ends_with(end))
}

/// Replaces the values of secrets. The default one knows none.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Every form of every value with the secret's name, longest first, so that no rest of a longer one stays.
    forms: Vec<(String, String)>,
    any: Option<Regex>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor of {} forms", self.forms.len())
    }
}

impl Redactor {
    /// A redactor of these (name, value) pairs. The first name wins where two have one value.
    pub fn new<N: Into<String>, V: AsRef<str>>(secrets: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in secrets {
            let name = name.into();
            // A value read from a file often carries a line end that is not part of it.
            let value = value.as_ref().trim();
            for value in std::iter::once(value).chain(credentials(value)) {
                if value.len() >= SHORTEST {
                    found.extend(forms(value).into_iter().map(|form| (form, name.clone())));
                }
            }
        }
        found.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        let pattern: Vec<_> = found.iter().map(|(form, _)| regex::escape(form)).collect();
        let any = Regex::new(&pattern.join("|")).ok();
        Self {
            any: any.filter(|_| !found.is_empty()),
            forms: found,
        }
    }

    /// Whether a secret is in this text, as it is or inside JSON, or may be the beginning of one.
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.found(text) || self.cut(text.to_owned()) != text
    }

    fn found(&self, text: &str) -> bool {
        match &self.any {
            Some(any) => any.is_match(text),
            None => self.forms.iter().any(|(form, _)| text.contains(form)),
        }
    }

    /// The text with every secret replaced by `<redacted:NAME>`, and the beginning of one where a text was cut within it.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        self.cut(self.whole(text))
    }

    /// Texts of servers are cut, with `...` for the rest, before they come here: what is left of a secret there goes too.
    fn cut(&self, text: String) -> String {
        if self.forms.is_empty() || !text.contains(CUT) {
            return text;
        }
        let pieces: Vec<String> = text
            .split_inclusive(CUT)
            .map(|piece| match piece.strip_suffix(CUT) {
                Some(before) => self.without_beginning(before) + CUT,
                None => piece.to_owned(),
            })
            .collect();
        pieces.concat()
    }

    /// The text without the beginning of a secret at its end.
    fn without_beginning(&self, text: &str) -> String {
        for (form, name) in &self.forms {
            let ends = form.char_indices().map(|(at, _)| at);
            let mut begins = ends.filter(|at| *at >= SHORTEST_CUT).rev();
            if let Some(at) = begins.find(|at| text.ends_with(&form[..*at])) {
                return format!("{}<redacted:{name}>", &text[..text.len() - at]);
            }
        }
        text.to_owned()
    }

    fn whole(&self, text: &str) -> String {
        let Some(any) = &self.any else {
            // No secrets, or too many for one expression.
            return self
                .forms
                .iter()
                .fold(text.to_owned(), |text, (form, name)| {
                    text.replace(form, &format!("<redacted:{name}>"))
                });
        };
        let mark = |found: &regex::Captures<'_>| {
            let form = self.forms.iter().find(|(form, _)| *form == found[0]);
            format!("<redacted:{}>", form.map_or("secret", |(_, name)| name))
        };
        any.replace_all(text, mark).into_owned()
    }

    /// Replaces secrets in every string of a JSON value, but for the members of the outermost object named in `keep`;
    /// those hold the tool's own words. Members' names are replaced only where they are not the record's own.
    pub fn json(&self, value: &mut Value, keep: &[&str]) {
        if !self.forms.is_empty() {
            self.walk(value, keep, false);
        }
    }

    fn walk(&self, value: &mut Value, keep: &[&str], foreign: bool) {
        match value {
            Value::String(text) => *text = self.apply(text),
            Value::Array(items) => {
                for item in items {
                    self.walk(item, &[], foreign);
                }
            }
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if !keep.contains(&name.as_str()) {
                        self.walk(member, &[], foreign || FOREIGN.contains(&name.as_str()));
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
}

/// What follows the scheme in the value of an `Authorization` header: servers tell it on its own in what they answer.
fn credentials(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let is_scheme = scheme.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    is_scheme.then(|| rest.trim())
}

/// Every form in which a value is looked for.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    let json = Value::from(value).to_string();
    let json = &json[1..json.len() - 1];
    forms.push(json.to_owned());
    // As Go writes JSON.
    let unicode = |text: &str, c: char| text.replace(c, &format!("\\u{:04x}", u32::from(c)));
    forms.push(
        ['<', '>', '&']
            .into_iter()
            .fold(json.to_owned(), |text, c| unicode(&text, c)),
    );
    // Python's `repr`, within either quotes.
    let doubled = value.replace('\\', "\\\\");
    forms.push(doubled.replace('\'', "\\'"));
    forms.push(doubled);
    let html = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    forms.push(html.clone());
    for (double, single) in [
        ("&quot;", "&#x27;"),
        ("&quot;", "&#39;"),
        ("&#34;", "&#39;"),
    ] {
        forms.push(html.replace('"', double).replace('\'', single));
    }
    forms.push(url_encoded(value, "%20", false));
    forms.push(url_encoded(value, "%20", true));
    forms.push(url_encoded(value, "+", false));
    forms.push(url_encoded(value, "+", true));
    for offset in 0..3 {
        let piece = base64_within(value.as_bytes(), offset);
        if piece.len() >= SHORTEST_BASE64 {
            forms.push(piece.replace('+', "-").replace('/', "_"));
            forms.push(piece);
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

fn url_encoded(value: &str, space: &str, lower: bool) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(b).to_string()
        }
        b' ' => space.to_owned(),
        _ if lower => format!("%{b:02x}"),
        _ => format!("%{b:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// The Base64 digits that a value always has when `offset` bytes (modulo 3) stand before it, whatever is around it.
fn base64_within(value: &[u8], offset: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |i: usize| (value[i / 8] >> (7 - i % 8)) & 1;
    // The first whole digit begins at the first multiple of six bits at or after the value's own first bit.
    let start = (offset * 8).next_multiple_of(6) - offset * 8;
    let bits = value.len() * 8;
    (start..bits)
        .step_by(6)
        .filter(|at| at + 6 <= bits)
        .map(|at| (at..at + 6).fold(0, |digit, i| digit << 1 | bit(i)))
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests;
