//! A record as text: for a terminal, as Markdown, as JUnit XML. Pure renderers; all that a model, a server or a process
//! wrote is untrusted and made harmless for the place it is shown in.

pub mod terminal;

mod escape;
mod junit;
mod markdown;
mod number;
mod view;

pub use junit::junit;
pub use markdown::markdown;
pub use terminal::{Screen, terminal};

use crate::record::model::Run;

/// A form in which a record is rendered into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people and pull requests.
    Markdown,
    /// For CI systems.
    Junit,
}

impl Format {
    /// The file it goes into, in a report directory.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Markdown => "report.md",
            Self::Junit => "junit.xml",
        }
    }
}

/// Renders a record.
#[must_use]
pub fn render(run: &Run, format: Format) -> String {
    match format {
        Format::Markdown => markdown(run),
        Format::Junit => junit(run),
    }
}

#[cfg(test)]
mod tests;
