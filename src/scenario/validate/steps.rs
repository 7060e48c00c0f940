//! Parses a JSONPath (RFC 9535) into segments, as far as the check of field names needs it.

use std::ops::Range;

/// One segment of a path. It selects among the children of a node, or among all of its descendants (`deep`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) deep: bool,
    pub(super) selects: Vec<Select>,
}

/// One selector of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Select {
    /// A field: its name, and the position of the name in the path.
    Name(String, Range<usize>),
    /// An element by its index, or a slice.
    Item,
    /// A slice that is always empty.
    Nothing,
    /// All children.
    All,
    /// Children that satisfy a condition. Holds the paths of the condition that start at the child (`@`).
    Filter(Vec<Vec<Segment>>),
}

/// The segments of `at`, in which the leading `$.` is optional. `None` if this parser does not support the path.
pub(super) fn segments(at: &str) -> Option<Vec<Segment>> {
    let mut reader = Reader { text: at, at: 0 };
    if !reader.eat("$") && !at.starts_with('[') {
        let first = reader.dotted(false)?;
        let rest = reader.segments()?;
        return reader.ended(std::iter::once(first).chain(rest).collect());
    }
    let all = reader.segments()?;
    reader.ended(all)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn eat(&mut self, what: &str) -> bool {
        let there = self.rest().starts_with(what);
        if there {
            self.at += what.len();
        }
        there
    }

    fn blank(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn ended(&self, segments: Vec<Segment>) -> Option<Vec<Segment>> {
        self.rest().trim().is_empty().then_some(segments)
    }

    /// Segments up to the first character that does not start a segment.
    fn segments(&mut self) -> Option<Vec<Segment>> {
        let mut all = Vec::new();
        loop {
            let before = self.at;
            self.blank();
            if self.eat("..") {
                all.push(if self.rest().starts_with('[') {
                    self.bracket(true)?
                } else {
                    self.dotted(true)?
                });
            } else if self.eat(".") {
                all.push(self.dotted(false)?);
            } else if self.rest().starts_with('[') {
                all.push(self.bracket(false)?);
            } else {
                self.at = before;
                return Some(all);
            }
        }
    }

    /// A name or a star after a dot.
    fn dotted(&mut self, deep: bool) -> Option<Segment> {
        if self.eat("*") {
            return Some(Segment {
                deep,
                selects: vec![Select::All],
            });
        }
        let of_name = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
        let length = self
            .rest()
            .find(|c| !of_name(c))
            .unwrap_or(self.rest().len());
        if length == 0 {
            return None;
        }
        let range = self.at..self.at + length;
        self.at = range.end;
        let name = self.text[range.clone()].to_owned();
        Some(Segment {
            deep,
            selects: vec![Select::Name(name, range)],
        })
    }

    /// Selectors between brackets.
    fn bracket(&mut self, deep: bool) -> Option<Segment> {
        self.eat("[");
        let mut selects = Vec::new();
        loop {
            self.blank();
            selects.push(self.selector()?);
            self.blank();
            if self.eat("]") {
                return Some(Segment { deep, selects });
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    fn selector(&mut self) -> Option<Select> {
        if self.eat("*") {
            return Some(Select::All);
        }
        if self.eat("?") {
            return self.filter();
        }
        match self.rest().chars().next()? {
            quote @ ('\'' | '"') => {
                let start = self.at + 1;
                let name = self.quoted(quote)?;
                Some(Select::Name(name, start..self.at - 1))
            }
            _ => {
                let of_slice = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ');
                let length = self.rest().find(|c| !of_slice(c))?;
                let written = &self.text[self.at..self.at + length];
                self.at += length;
                elements(written)
            }
        }
    }

    /// A quoted text. Only quotes and backslashes can be escaped.
    fn quoted(&mut self, quote: char) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let c = self.rest().chars().next()?;
            self.at += c.len_utf8();
            match c {
                '\\' => {
                    let escaped = self.rest().chars().next()?;
                    if !matches!(escaped, '\\' | '\'' | '"') {
                        return None;
                    }
                    self.at += 1;
                    text.push(escaped);
                }
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// A condition, up to the bracket or comma that ends it.
    fn filter(&mut self) -> Option<Select> {
        let mut paths = Vec::new();
        let mut open = 0_usize;
        loop {
            match self.rest().chars().next()? {
                ']' | ',' if open == 0 => return Some(Select::Filter(paths)),
                quote @ ('\'' | '"') => drop(self.quoted(quote)?),
                '@' => {
                    self.at += 1;
                    paths.push(self.segments()?);
                }
                // A path from the root within a condition.
                '$' => {
                    self.at += 1;
                    self.segments()?;
                }
                c => {
                    open += usize::from(c == '(');
                    open = open.saturating_sub(usize::from(c == ')'));
                    self.at += c.len_utf8();
                }
            }
        }
    }
}

/// An index or a slice, `start:end:step`.
fn elements(written: &str) -> Option<Select> {
    let parts: Vec<&str> = written.split(':').map(str::trim).collect();
    let number = |part: &&str| part.parse::<i64>().ok();
    let good = |part: &&str| part.is_empty() || number(part).is_some();
    match parts[..] {
        [index] => number(&index).map(|_| Select::Item),
        [_, _] | [_, _, _] if parts.iter().all(good) => {
            let [start, end, step] = [0, 1, 2].map(|i| parts.get(i).and_then(number));
            // Empty if both ends count from the same side and are out of order, or if the end is the first element.
            let empty = match (start.unwrap_or(0), end) {
                (start, Some(end)) => (start < 0) == (end < 0) && start >= end,
                (_, None) => false,
            };
            let nothing = match step {
                Some(step) if step < 0 => false,
                Some(0) => true,
                _ => empty || end == Some(0),
            };
            Some(if nothing {
                Select::Nothing
            } else {
                Select::Item
            })
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "tests/steps.rs"]
mod tests;
