//! Scenario files: turns text into a checked [`model::Scenario`], or reports all of its mistakes at once.

mod de;
mod decode;
mod effective;
mod file;
pub(crate) mod gate;
mod give_up;
pub(crate) mod limits;
mod load;
pub(crate) mod margin;
mod measurement;
pub(crate) mod model;
mod overlay;
pub(crate) mod placeholder;
mod prompts;
pub(crate) mod rate;
mod reference;
mod request;
mod round_trip;
pub(crate) mod rules;
mod schema;
mod tree;
mod until;
mod validate;
mod yaml;

pub(crate) use crate::value::{mistake, units};
pub(crate) use effective::{Effective, effective};
pub use reference::reference;
pub use schema::{schema, schema_text};

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The user's input: the scenario file, then the overlays and `--set` arguments that change it, in order.
#[derive(Debug, Clone)]
pub struct Input {
    /// The scenario file and its text.
    pub file: (PathBuf, String),
    /// Overlay files and their texts.
    pub overlays: Vec<(PathBuf, String)>,
    /// `--set` arguments, `path=value`.
    pub sets: Vec<String>,
}

/// A value from the environment. It must never be written to disk or shown on the screen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Name of the environment variable.
    pub name: String,
    /// The value.
    pub value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{env: {}}}", self.name)
    }
}

/// A scenario that passed every check.
#[derive(Clone)]
pub struct Loaded {
    /// The scenario as types.
    pub scenario: model::Scenario,
    /// The scenario as JSON, after overlays and `--set`, with `{env: NAME}` as written.
    pub resolved: serde_json::Value,
    /// Values that were read from the environment.
    pub secrets: Vec<Secret>,
    /// Warnings for the author of the scenario.
    pub warnings: Diagnostics,
}

/// Reads the file at `path` and its overlays, for [`load`].
///
/// # Errors
/// Reports every file that cannot be read, and why.
pub fn read(path: &Path, overlays: &[PathBuf], sets: &[String]) -> Result<Input, Diagnostics> {
    let mut mistakes = Diagnostics::default();
    let mut texts = Vec::new();
    for path in std::iter::once(path).chain(overlays.iter().map(PathBuf::as_path)) {
        match file::read(path) {
            Ok(text) => texts.push((path.to_owned(), text)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    let mut texts = texts.into_iter();
    match texts.next() {
        Some(file) if mistakes.is_empty() => Ok(Input {
            file,
            overlays: texts.collect(),
            sets: sets.to_vec(),
        }),
        _ => Err(mistakes),
    }
}

/// Reads a scenario. `env` looks up an environment variable.
///
/// # Errors
/// Reports every mistake in the file, its overlays and the `--set` arguments, each with its location.
pub fn load(input: &Input, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Diagnostics> {
    let mut mistakes = Diagnostics::default();
    let tree = assemble(input, &mut mistakes);
    let Some(mut tree) = tree.filter(|_| mistakes.is_empty()) else {
        return Err(mistakes);
    };
    round_trip::mark_env_references(&mut tree);
    let resolved = tree.to_json();
    round_trip::check(&tree, &resolved)?;
    let mut secrets = Vec::new();
    overlay::resolve(&mut tree, env, &mut secrets, &mut mistakes);
    let scenario = decode::decode(&mut tree, &mut mistakes);
    if let Some(scenario) = &scenario {
        validate::check(scenario, &tree, &mut mistakes);
    }
    match scenario {
        Some(scenario) if mistakes.is_empty() => Ok(Loaded {
            scenario,
            resolved,
            secrets,
            warnings: mistakes,
        }),
        _ => Err(mistakes),
    }
}

/// Builds one tree from the file, its overlays and the `--set` arguments. Collects the syntax errors of all of them.
fn assemble(input: &Input, mistakes: &mut Diagnostics) -> Option<tree::Node> {
    let files = std::iter::once(&input.file).chain(&input.overlays);
    let mut base: Option<tree::Node> = None;
    for (rank, (path, text)) in files.enumerate() {
        let source = source(rank, path.display().to_string(), text);
        match yaml::parse(&source, 0..source.text.len()) {
            Err(errors) => mistakes.extend(errors),
            Ok(None) if rank == 0 => mistakes.push(
                Diagnostic::new("empty", format!("{} is empty", source.name))
                    .help("`bench init` writes a scenario to start from"),
            ),
            Ok(None) => {}
            Ok(Some(node)) => match &mut base {
                None => base = Some(node),
                Some(base) => overlay::merge(base, node, ""),
            },
        }
    }
    let rank = input.overlays.len() + 1;
    for (i, text) in input.sets.iter().enumerate() {
        let source = source(rank + i, "--set".to_owned(), text);
        let Some(base) = &mut base else { break };
        if let Err(errors) = overlay::set(base, &source) {
            mistakes.extend(errors);
        }
    }
    base
}

fn source(rank: usize, name: String, text: &str) -> Arc<Source> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    Arc::new(Source { rank, name, text })
}

#[cfg(test)]
mod tests;
