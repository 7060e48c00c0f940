//! A mistake in one scalar, reported by the type that reads it. Serde carries errors only as text, so a mistake passes
//! through it in an encoded form (`{:#}`), which the decoder parses.

use std::fmt;
use std::ops::Range;

/// Separates the parts of the encoded form. Help texts never contain it. The message is the last part, so it may.
const SEPARATOR: char = '\u{1f}';

/// A mistake in one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistake {
    /// The message.
    pub message: String,
    /// Byte range of the wrong part of the text. `None` is the whole text.
    pub part: Option<Range<usize>>,
    /// Advice on what to write instead.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake in the whole value.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// Restricts the mistake to a part of the text.
    #[must_use]
    pub(crate) fn at(mut self, part: Range<usize>) -> Self {
        self.part = Some(part);
        self
    }

    /// Adds advice.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Parses the encoded form. Text in another form becomes the message.
    pub(crate) fn decode(text: &str) -> Self {
        let mut parts = text.splitn(5, SEPARATOR);
        let (Some(""), Some(start), Some(end), Some(help), Some(message)) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Self::new(text);
        };
        let part = start.parse().ok().zip(end.parse().ok());
        Self {
            message: message.to_owned(),
            part: part.map(|(start, end)| start..end),
            help: (!help.is_empty()).then(|| help.to_owned()),
        }
    }
}

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return f.write_str(&self.message);
        }
        let help = self.help.as_deref().unwrap_or("");
        let (start, end) = match &self.part {
            Some(part) => (part.start.to_string(), part.end.to_string()),
            None => (String::new(), String::new()),
        };
        write!(
            f,
            "{SEPARATOR}{start}{SEPARATOR}{end}{SEPARATOR}{help}{SEPARATOR}{}",
            self.message
        )
    }
}

/// The name that is most similar to `typed`, if one is similar enough.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['-', '_', ' '], "");
    let typed = plain(typed);
    names
        .into_iter()
        .map(|name| {
            (
                strsim::normalized_damerau_levenshtein(&typed, &plain(name)),
                name,
            )
        })
        .filter(|(similarity, _)| *similarity >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The names in backquotes, separated by commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The user's text in backquotes. A long text is cut.
pub(crate) fn quote(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(60).collect();
    let more = if chars.next().is_some() { "..." } else { "" };
    format!("`{head}{more}`")
}
