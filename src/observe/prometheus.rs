//! Parses the Prometheus text format as vLLM and Dynamo write it: colons in names, escaped labels,
//! timestamps and exemplars. The latter two are skipped. Pure.

use std::borrow::Cow;

/// One sample of a metrics endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line<'a> {
    /// Its name, including `_bucket`, `_sum` or `_count`.
    pub name: &'a str,
    /// The text between the braces, as written.
    pub labels: &'a str,
    /// Its value.
    pub value: f64,
}

/// The samples of a text. Other and unreadable lines are skipped.
pub(crate) fn lines(page: &str) -> impl Iterator<Item = Line<'_>> {
    page.lines().filter_map(line)
}

fn line(text: &str) -> Option<Line<'_>> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => {
            let end = closing(rest)?;
            (&rest[..end], &rest[end + 1..])
        }
        None => ("", rest),
    };
    // A timestamp or an exemplar may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Line {
        name,
        labels,
        value,
    })
}

/// Offset of the brace that closes the one before `text`. Braces between quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

impl<'a> Line<'a> {
    /// Its labels in the order written; empty if they cannot be read.
    #[must_use]
    pub(crate) fn labels(&self) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut all = Vec::new();
        let mut rest = self.labels;
        while let Some((name, after)) = rest.split_once('=') {
            let Some(after) = after.trim_start().strip_prefix('"') else {
                break;
            };
            let Some(end) = quote_end(after) else { break };
            let name = name.trim().trim_start_matches(',').trim_start();
            all.push((name, unescape(&after[..end])));
            rest = &after[end + 1..];
        }
        all
    }
}

fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next)) => {
                chars.next();
                out.push(if next == 'n' { '\n' } else { next });
            }
            _ => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
#[path = "tests/prometheus.rs"]
mod tests;
