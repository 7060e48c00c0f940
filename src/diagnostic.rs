//! Diagnostics about the user's input. Each has a location, the found and the expected value, and advice, and is shown
//! with its line of the input. This module handles only locations and texts, not the meaning of the texts.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that was read: a file, or one argument of the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Position among the sources of one input. Diagnostics are sorted by it.
    pub rank: usize,
    /// Name before a line number: a path, or `--set`.
    pub name: String,
    /// Text of the source.
    pub text: String,
}

/// A byte range of a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The source that contains it.
    pub source: Arc<Source>,
    /// Index of the first byte.
    pub start: usize,
    /// Index after the last byte.
    pub end: usize,
}

impl Span {
    /// The range `bytes` of `source`.
    #[must_use]
    pub fn new(source: &Arc<Source>, bytes: Range<usize>) -> Self {
        Self {
            source: Arc::clone(source),
            start: bytes.start,
            end: bytes.end.max(bytes.start),
        }
    }

    /// The text in the range, as written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.start..self.end).unwrap_or("")
    }

    /// Line and column of the start, both from 1. Columns are counted in characters.
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

/// A location and a text about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The location.
    pub span: Span,
    /// Text about the location. It can be empty.
    pub text: String,
}

/// The effect of a diagnostic on the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A mistake: the scenario is rejected.
    Error,
    /// A warning: the scenario is accepted.
    Warning,
}

/// One mistake or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the scenario is rejected.
    pub severity: Severity,
    /// Stable name of the kind of mistake, such as `unknown-key`.
    pub code: &'static str,
    /// Description of the problem, in one sentence.
    pub message: String,
    /// Locations. The first is that of the mistake, the others explain it.
    pub labels: Vec<Label>,
    /// Advice on how to fix it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake without a location.
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

    /// Turns the diagnostic into a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Adds a location. The first one is that of the mistake.
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

    /// Renders the diagnostic with its lines of the input and a final newline. Control characters are escaped.
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

    /// One snippet for each source. That of the mistake is the first.
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
                let text = (!label.text.is_empty()).then(|| visible(&label.text));
                kind.span(start..end).label(text)
            });
            Snippet::source(same_length(text))
                .path(visible(&source.name))
                .line_start(line)
                .annotations(annotations.collect::<Vec<_>>())
        };
        sources.into_iter().map(snippet).collect()
    }
}

/// Largest number of mistakes that are kept, and of warnings.
const MAX_KEPT: usize = 100;

/// Mistakes and warnings of one input. At most a hundred of each are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// A single mistake without a location, such as a missing file, with advice.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Diagnostic::new(code, message).help(help).into()
    }

    /// Adds a diagnostic, if there is one.
    pub(crate) fn push_some(&mut self, diagnostic: Option<Diagnostic>) {
        if let Some(diagnostic) = diagnostic {
            self.push(diagnostic);
        }
    }

    /// Adds a diagnostic. Duplicates are kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.of(diagnostic.severity) < MAX_KEPT && !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|d| self.push(d));
    }

    /// Number of mistakes, without warnings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of(Severity::Error)
    }

    /// Number of warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.of(Severity::Warning)
    }

    /// Whether the limit of mistakes is reached, so that further ones are dropped.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= MAX_KEPT
    }

    /// Whether there are no mistakes. There may be warnings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&self, severity: Severity) -> usize {
        self.0.iter().filter(|d| d.severity == severity).count()
    }

    /// All diagnostics, sorted by location. Those without a location come first.
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

    /// Renders all diagnostics in the style of a compiler: sorted by location, with empty lines between them.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let all: Vec<_> = self.sorted().iter().map(|d| d.render(color)).collect();
        let mut text = all.join("\n");
        if self.is_full() {
            text.push_str("\nonly the first hundred mistakes are shown; there may be more\n");
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

/// The whole lines that contain all of `spans`, and the number of the first line.
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

/// Whether `c` affects the terminal instead of being shown: control characters, and characters that reorder text.
fn is_terminal_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Escapes the characters of `text` that affect a terminal.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_terminal_control(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Replaces the characters of `text` that affect a terminal by harmless ones of the same length in bytes, so that byte
/// offsets stay valid.
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
        .map(|c| {
            if is_terminal_control(c) {
                harmless(c)
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "tests/diagnostic.rs"]
mod tests;
