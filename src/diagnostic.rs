//! Mistakes in what a user wrote: each names its place, what was found, what was expected and what to type next, and is
//! shown with the line it is in. This module knows places and texts, and nothing of what the texts mean.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that was read: a file, or one argument of the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Place among the sources of one input; diagnostics are shown in this order.
    pub rank: usize,
    /// How it is called in front of a line number: a path, or `--set`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A part of a source, in bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The text it lies in.
    pub source: Arc<Source>,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Span {
    /// These bytes of `source`.
    #[must_use]
    pub fn new(source: &Arc<Source>, bytes: Range<usize>) -> Self {
        Self {
            source: Arc::clone(source),
            start: bytes.start,
            end: bytes.end.max(bytes.start),
        }
    }

    /// The text it covers, as written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.start..self.end).unwrap_or("")
    }

    /// Line and column of its start, both from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text[..floor(&self.source.text, self.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is said; may be empty.
    pub text: String,
}

/// What a diagnostic means for the scenario that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A mistake: the scenario is refused.
    Error,
    /// A doubt: the scenario is accepted.
    Warning,
}

/// One mistake or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the scenario is refused for it.
    pub severity: Severity,
    /// Stable name of the kind of mistake, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where; the first is the place of the mistake, the others explain it.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake without a place.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// The same, as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a place; the first one added is the mistake's own.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// This mistake with the lines it is in, ending in a newline. The user's control characters are made visible.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(visible(&self.message));
        let mut group = title.id(self.code).elements(self.snippets());
        for text in &self.help {
            group = group.element(Level::HELP.message(visible(text)));
        }
        let mut text = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
        text.push('\n');
        text
    }

    /// One snippet for each source, the mistake's own first.
    fn snippets(&self) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
        let mut sources: Vec<&Arc<Source>> = Vec::new();
        for label in &self.labels {
            if !sources.contains(&&label.span.source) {
                sources.push(&label.span.source);
            }
        }
        let snippet = |source: &Arc<Source>| {
            let here = || self.labels.iter().filter(|l| l.span.source == *source);
            let (window, line) = window(&source.text, here().map(|l| &l.span));
            let text = &source.text[window.clone()];
            let annotations = here().map(|label| {
                let start = floor(text, label.span.start.saturating_sub(window.start));
                let end = floor(text, label.span.end.saturating_sub(window.start)).max(start);
                let first = std::ptr::eq(label, &raw const self.labels[0]);
                let kind = if first {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                let says = (!label.text.is_empty()).then(|| visible(&label.text));
                kind.span(start..end).label(says)
            });
            Snippet::source(same_length(text))
                .path(visible(&source.name))
                .line_start(line)
                .annotations(annotations.collect::<Vec<_>>())
        };
        sources.into_iter().map(snippet).collect()
    }
}

/// Most mistakes that are shown in one go, and most warnings.
const MOST: usize = 100;

/// Mistakes and warnings found together; beyond a hundred of each they are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// A single mistake without a place, such as a file that is not there, and what to do about it.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Diagnostic::new(code, message).help(help).into()
    }

    /// Adds one, if there is one.
    pub(crate) fn push_some(&mut self, diagnostic: Option<Diagnostic>) {
        if let Some(diagnostic) = diagnostic {
            self.push(diagnostic);
        }
    }

    /// Adds one; the same mistake at the same place is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.of(diagnostic.severity) < MOST && !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|d| self.push(d));
    }

    /// How many mistakes there are, warnings not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of(Severity::Error)
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.of(Severity::Warning)
    }

    /// Whether further mistakes are no longer kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= MOST
    }

    /// Whether there are no mistakes; there may be warnings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&self, severity: Severity) -> usize {
        self.0.iter().filter(|d| d.severity == severity).count()
    }

    /// Each, in the order of their places; those without a place come first.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|d| {
            d.labels
                .first()
                .map(|l| (l.span.source.rank, l.span.start, l.span.end))
        });
        all
    }

    /// All of them, as a compiler would show them: in the order of their places, an empty line between.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let all: Vec<_> = self.sorted().iter().map(|d| d.render(color)).collect();
        let mut text = all.join("\n");
        if self.is_full() {
            text.push_str("\nthese are the first hundred mistakes; there may be more\n");
        }
        text
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The whole lines that hold all of `spans`, and the number of the first one.
fn window<'a>(text: &str, spans: impl Iterator<Item = &'a Span>) -> (Range<usize>, usize) {
    let (start, end) = spans.fold((text.len(), 0), |(start, end), span| {
        (start.min(span.start), end.max(span.end))
    });
    let start = floor(text, start);
    let end = floor(text, end).max(start);
    let first = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let last = text[end..].find('\n').map_or(text.len(), |n| end + n);
    (first..last, text[..first].matches('\n').count() + 1)
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    (0..=index.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

/// Whether a terminal may act on `c` instead of showing it: control characters, and those that reorder text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `text` with every character that a terminal may act on written as an escape.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `text` with every character that a terminal may act on replaced by a harmless one of the same length in bytes, so that
/// places keep their offsets.
fn same_length(text: &str) -> String {
    let harmless = |c: char| match (c, c.len_utf8()) {
        ('\n' | '\t', _) => c,
        ('\r', _) => ' ',
        (_, 1) => '?',
        (_, 2) => '\u{bf}',
        (_, 3) => '\u{fffd}',
        _ => '\u{1f6ab}',
    };
    text.chars()
        .map(|c| if acts(c) { harmless(c) } else { c })
        .collect()
}

#[cfg(test)]
#[path = "tests/diagnostic.rs"]
mod tests;
