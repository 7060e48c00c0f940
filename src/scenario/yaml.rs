//! Parses YAML text into a tree of values with their locations. Only this file uses the YAML crate.

use super::mistake::quote;
use super::tree::{Entry, Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Options, Spanned};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Size of the largest text, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of lists and maps.
pub(super) const MAX_DEPTH: usize = 48;
/// Largest number of values in one text.
const MAX_NODES: usize = 50_000;
/// Largest number of values that all aliases expand to.
const MAX_ALIASED: usize = 50_000;

/// Parses the range `bytes` of `source` as one YAML document. `None` when the document is empty.
pub(super) fn parse(
    source: &Arc<Source>,
    bytes: Range<usize>,
) -> Result<Option<Node>, Diagnostics> {
    let text = &source.text[bytes.clone()];
    let excerpt = Excerpt {
        source,
        start: bytes.start,
        end: bytes.end,
    };
    if text.len() > MAX_BYTES {
        let message = format!("{} is larger than 1 MiB", quote(&source.name));
        return Err(Diagnostic::new("limit", message)
            .help("a scenario has a few kilobytes; move prompts to another file: `prompts: {file: ...}`")
            .into());
    }
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| excerpt.error(error.without_snippet()))?;
    let mut mistakes = Diagnostics::default();
    let node = excerpt.node(raw, 0, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let nothing = matches!(node.value, Value::Null) && node.span.text().is_empty();
    Ok((!nothing).then_some(node))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_total_scalar_bytes: MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED,
            max_replay_stack_depth: 4,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// A value as the YAML crate returns it.
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut seq = Vec::new();
        while let Some(item) = items.next_element()? {
            seq.push(item);
        }
        Ok(Raw::Seq(seq))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// The range of a source that is parsed.
struct Excerpt<'a> {
    source: &'a Arc<Source>,
    start: usize,
    end: usize,
}

impl Excerpt<'_> {
    fn span(&self, location: Location) -> Span {
        let text = &self.source.text[self.start..self.end];
        let span = location.span();
        let byte = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
        let start = byte(span.byte_offset()).unwrap_or_else(|| offset(text, location));
        let length = byte(span.byte_len()).unwrap_or(0);
        let start = start.min(text.len());
        let end = start.saturating_add(length).min(text.len());
        let covered = text.get(start..end).unwrap_or("");
        // The span of a block scalar includes its last line break. Without trimming, the next line would be marked.
        let end = start + covered.trim_end().len();
        Span::new(self.source, self.start + start..self.start + end)
    }

    fn node(&self, raw: Spanned<Raw>, depth: usize, mistakes: &mut Diagnostics) -> Node {
        let span = self.span(raw.defined);
        if depth > MAX_DEPTH {
            mistakes.push(
                Diagnostic::new(
                    "limit",
                    format!("lists and maps are nested deeper than {MAX_DEPTH} levels"),
                )
                .label(span.clone(), ""),
            );
            return Node::new(Value::Null, span);
        }
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Int(value) => Value::Int(value),
            Raw::Float(value) => {
                mistakes.push_some(inexact(value, &span));
                Value::Float(value)
            }
            Raw::Str(value) => {
                mistakes.push_some(large(&value, &span));
                Value::Str(value)
            }
            Raw::Seq(items) => Value::Seq(
                items
                    .into_iter()
                    .map(|item| self.node(item, depth + 1, mistakes))
                    .collect(),
            ),
            Raw::Map(entries) => self.map(entries, depth, mistakes),
        };
        Node::new(value, span)
    }

    fn map(
        &self,
        entries: Vec<(Spanned<String>, Spanned<Raw>)>,
        depth: usize,
        mistakes: &mut Diagnostics,
    ) -> Value {
        let mut map: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut seen = std::collections::HashMap::new();
        for (key, value) in entries {
            let entry = Entry {
                key_span: self.span(key.defined),
                key: key.value,
                node: self.node(value, depth + 1, mistakes),
            };
            if let Some(first) = seen.get(&entry.key).and_then(|i: &usize| map.get(*i)) {
                mistakes.push(
                    Diagnostic::new(
                        "duplicate-key",
                        format!("the key {} is given twice", quote(&entry.key)),
                    )
                    .label(entry.key_span, "given again here")
                    .label(first.key_span.clone(), "first given here"),
                );
                continue;
            }
            seen.insert(entry.key.clone(), map.len());
            map.push(entry);
        }
        match <[Entry; 1]>::try_from(map) {
            Ok([entry]) => Value::one(entry),
            Err(map) => Value::Map(map),
        }
    }

    fn error(&self, error: &Error) -> Diagnostic {
        let mut location = error.location().unwrap_or(Location::UNKNOWN);
        let (code, message, help) = explain(innermost(error));
        if let Error::MultipleDocuments {
            location: second, ..
        } = error
        {
            location = *second;
        }
        let diagnostic = Diagnostic::new(code, message).label(self.span(location), "");
        match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// The diagnostic of a number that would be sent as a different number.
fn inexact(value: f64, span: &Span) -> Option<Diagnostic> {
    let text = span.text();
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let whole = text.trim_start_matches(['+', '-']);
    let why = if !value.is_finite() {
        "is not a number that JSON can represent"
    } else if !whole.is_empty() && whole.chars().all(|c| c.is_ascii_digit()) {
        "does not fit into 64 bits and would lose digits"
    } else if value == 0.0 && mantissa.contains(|c: char| ('1'..='9').contains(&c)) {
        "is too small and would become 0"
    } else {
        return None;
    };
    Some(number(why, span))
}

/// The diagnostic of a hexadecimal, octal or binary number that is too large and would be sent as text. A quoted
/// number is text: its span includes the quotes.
fn large(value: &str, span: &Span) -> Option<Diagnostic> {
    let digits = value.trim_start_matches(['+', '-']);
    let base = |letter: char| match letter {
        'x' => Some(16),
        'o' => Some(8),
        'b' => Some(2),
        _ => None,
    };
    let rest = digits.strip_prefix('0')?;
    let base = rest.chars().next().and_then(base)?;
    let number_like = rest.len() > 1 && rest[1..].chars().all(|c| c.is_digit(base));
    (number_like && span.text() == value)
        .then(|| number("does not fit into 64 bits and would be sent as text", span))
}

fn number(why: &str, span: &Span) -> Diagnostic {
    let text = span.text();
    let quoted = serde_json::Value::from(text);
    Diagnostic::new("number", format!("{} {why}", quote(text)))
        .label(span.clone(), "")
        .help(format!("quote it to make it text: `{quoted}`"))
}

/// The byte offset of a line and column.
fn offset(text: &str, location: Location) -> usize {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let line = text.split_inclusive('\n').take(count(location.line()));
    let start: usize = line.map(str::len).sum();
    let rest = text[start..].chars().take_while(|c| *c != '\n');
    start
        + rest
            .take(count(location.column()))
            .map(char::len_utf8)
            .sum::<usize>()
}

/// The cause of an error that was found through an alias.
fn innermost(error: &Error) -> &Error {
    match error {
        Error::AliasError { error, .. } => innermost(error),
        _ => error,
    }
}

/// Code, message and advice for an error of the YAML crate.
fn explain(error: &Error) -> (&'static str, String, Option<&'static str>) {
    let text = error.to_string();
    let plain = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| &text[..end]);
    let known = |code, message: &str, help| (code, message.to_owned(), help);
    match error {
        Error::MultipleDocuments { .. } => known(
            "syntax",
            "a second document starts here",
            Some(
                "a scenario is one document: remove the `---` and the text after it, or move it to another file",
            ),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            known("syntax", "this alias is inside its own anchor", None)
        }
        Error::UnknownAnchor { .. } => known(
            "syntax",
            "no anchor of this name precedes this alias",
            Some("quote the value if it is meant as text: a `*` at the start makes an alias"),
        ),
        Error::NullIntoString { .. } => known(
            "syntax",
            "a key cannot be null",
            Some("quote it to make it text"),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => (
            "limit",
            format!(
                "this file is too large or too deeply nested: {}",
                limit(error)
            ),
            Some(
                "a scenario has at most 50,000 values, 48 levels, and aliases that expand to 50,000 values",
            ),
        ),
        _ if plain.contains("expected string scalar") => {
            known("syntax", "a key must be text, not a list or a map", None)
        }
        _ if plain.contains("nesting") || plain.contains("recursion limit") => known(
            "limit",
            "lists and maps are nested too deeply",
            Some("a scenario has at most 48 levels"),
        ),
        _ if plain.starts_with("tabs disallowed") => known(
            "syntax",
            "a tab is used for indentation",
            Some("indent with spaces: YAML does not allow tabs"),
        ),
        _ if plain.starts_with("mapping values are not allowed") => known(
            "syntax",
            "a `key: value` cannot start here",
            Some("check the indentation of this line, and quote a value that contains `: `"),
        ),
        _ => ("syntax", format!("this is not valid YAML: {plain}"), None),
    }
}

/// Names the limit that was exceeded.
fn limit(error: &Error) -> &'static str {
    use serde_saphyr::budget::BudgetBreach;
    match error {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => "too many levels",
            BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => "too many values",
            BudgetBreach::Aliases { .. }
            | BudgetBreach::Anchors { .. }
            | BudgetBreach::AliasAnchorRatio { .. }
            | BudgetBreach::MergeKeys { .. } => "too many aliases",
            _ => "too much text",
        },
        _ => "its aliases expand to too many values",
    }
}
