//! Texts with placeholders, which differ from request to request: `bench-{run}-{request}`.

use super::mistake::{Mistake, list, nearest, quote};

/// The value that a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The run's id.
    Run,
    /// The request's id, unique in the run.
    Request,
    /// The conversation's id, unique in the run.
    Conversation,
}

/// Names of placeholders, as written between braces.
const NAMES: [(&str, Placeholder); 3] = [
    ("conversation", Placeholder::Conversation),
    ("request", Placeholder::Request),
    ("run", Placeholder::Run),
];

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Literal text.
    Text(String),
    /// Filled in for each request.
    Placeholder(Placeholder),
}

/// A parsed text. `{name}` is a placeholder, and `{{name}}` is the literal text `{name}`. Every other brace is literal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Parses a text.
    ///
    /// # Errors
    /// Returns the mistake if the text has an unknown placeholder.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let mut pattern = Self::default();
        let mut at = 0;
        while let Some(open) = text[at..].find('{').map(|found| at + found) {
            pattern.text(&text[at..open]);
            let rest = &text[open..];
            at = open
                + if let Some(name) = braced(rest, "{{", "}}") {
                    pattern.text(&format!("{{{name}}}"));
                    name.len() + 4
                } else if let Some(name) =
                    braced(rest, "{", "}").filter(|_| !is_escape(&text[..open]))
                {
                    pattern.0.push(Piece::Placeholder(known(name, open)?));
                    name.len() + 2
                } else {
                    pattern.text("{");
                    1
                };
        }
        pattern.text(&text[at..]);
        Ok(pattern)
    }

    /// Whether the text has this placeholder.
    #[must_use]
    pub(crate) fn has(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Piece::Placeholder(placeholder))
    }

    /// The literal text, if it has no placeholder.
    #[must_use]
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with every placeholder filled in.
    #[must_use]
    pub(crate) fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Placeholder(placeholder) => text.push_str(&value(*placeholder)),
            }
        }
        text
    }

    fn text(&mut self, more: &str) {
        match self.0.last_mut() {
            _ if more.is_empty() => {}
            Some(Piece::Text(text)) => text.push_str(more),
            _ => self.0.push(Piece::Text(more.to_owned())),
        }
    }
}

/// The name between braces at the start of `text`. `{3}` and `{"a": 1}` have none.
fn braced<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(open)?;
    let name = &rest[..rest.find(close)?];
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fine = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(inner);
    fine.then_some(name)
}

/// Whether a brace after `before` belongs to a regular expression's class (`\p{L}`) or a command (`\begin{x}`).
fn is_escape(before: &str) -> bool {
    let word = before.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    word.len() < before.len() && word.ends_with('\\')
}

fn known(name: &str, open: usize) -> Result<Placeholder, Mistake> {
    if let Some((_, placeholder)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*placeholder);
    }
    let names = || NAMES.iter().map(|(name, _)| *name);
    let help = match nearest(name, names()) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("placeholders are {};", list(names())),
    };
    let written = format!("{{{name}}}");
    Err(
        Mistake::new(format!("{} is not a placeholder", quote(&written)))
            .at(open..open + written.len())
            .help(format!("{help} to send it as it is, write `{{{written}}}`")),
    )
}

#[cfg(test)]
#[path = "tests/placeholder.rs"]
mod tests;
