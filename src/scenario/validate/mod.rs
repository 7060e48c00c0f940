//! Checks that types cannot express: rules between values. Each file checks one part of a scenario. The checks report
//! mistakes with their locations, and skip values whose mistakes were reported before.

mod answers;
mod conditions;
mod engine;
mod gates;
mod labels;
mod load;
mod paths;
mod pattern;
mod prompts;
mod request;
mod steps;
mod top;
mod variants;
mod verify;

use super::limits;
use super::mistake::{Mistake, quote};
use super::model::Scenario;
use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// Reports every rule that `scenario` breaks. It was read from `tree`.
pub(super) fn check(scenario: &Scenario, tree: &Node, mistakes: &mut Diagnostics) {
    let mut checker = Checker {
        scenario,
        tree,
        mistakes,
    };
    checker.top();
    checker.request();
    checker.load();
    checker.engines();
    checker.verify();
    checker.variants();
}

/// The path from the root of a scenario to a value.
#[derive(Debug, Clone, Default)]
struct Path(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Item(usize),
}

impl Path {
    fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key(key.to_owned()));
        path
    }

    fn item(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Item(index));
        path
    }

    /// Extends this path by a dotted path: `workers.0.count`.
    fn below(&self, dotted: &str) -> Self {
        let steps = dotted.split('.').filter(|step| !step.is_empty());
        steps.fold(self.clone(), |path, step| match step.parse() {
            Ok(index) => path.item(index),
            Err(_) => path.key(step),
        })
    }
}

/// A path from the root: `at("load.phases")`.
fn at(dotted: &str) -> Path {
    Path(
        dotted
            .split('.')
            .map(|key| Step::Key(key.to_owned()))
            .collect(),
    )
}

/// The result of looking up a path.
struct Found<'a> {
    /// The value, if it exists.
    node: Option<&'a Node>,
    /// The location to point at: the value, the key of a list or map, or the map in which the value is missing.
    place: Span,
    /// The location of the key.
    key: Span,
    /// Whether a mistake was reported in the value or in a value above it.
    hole: bool,
}

struct Checker<'a> {
    scenario: &'a Scenario,
    tree: &'a Node,
    mistakes: &'a mut Diagnostics,
}

impl<'a> Checker<'a> {
    fn find(&self, path: &Path) -> Found<'a> {
        let mut node = self.tree;
        let mut found = Found {
            node: Some(node),
            place: node.place(),
            key: node.place(),
            hole: node.is_hole(),
        };
        for step in &path.0 {
            let (child, key) = match step {
                Step::Key(name) => match node.get(name) {
                    Some(entry) => (&entry.node, Some(&entry.key_span)),
                    None => {
                        return Found {
                            node: None,
                            ..found
                        };
                    }
                },
                Step::Item(index) => match &node.value {
                    Value::Seq(items) if *index < items.len() => (&items[*index], None),
                    _ => {
                        return Found {
                            node: None,
                            ..found
                        };
                    }
                },
            };
            let scalar = !matches!(child.value, Value::Map(_) | Value::Seq(_) | Value::Null);
            found.key = key.cloned().unwrap_or_else(|| child.place());
            found.place = if scalar {
                child.place()
            } else {
                found.key.clone()
            };
            found.hole |= child.is_hole();
            found.node = Some(child);
            node = child;
        }
        found
    }

    /// Whether no mistake was reported in the value at `path` or in a value above it.
    fn intact(&self, path: &Path) -> bool {
        !self.find(path).hole
    }

    /// Whether the value at `path` came from the environment, so that it must not be shown.
    fn is_secret(&self, path: &Path) -> bool {
        let found = self.find(path).node;
        found.is_some_and(|node| node.secret.is_some())
    }

    /// Reports that the value at `path` breaks a rule.
    fn wrong(&mut self, path: &Path, message: impl Into<String>, help: &str) {
        let mistake = Mistake::new(message);
        self.mistake(
            path,
            &if help.is_empty() {
                mistake
            } else {
                mistake.help(help)
            },
        );
    }

    /// Reports a mistake in the value at `path`, which may name the wrong part of the text.
    fn mistake(&mut self, path: &Path, mistake: &Mistake) {
        let diagnostic = self.diagnostic(path, mistake);
        diagnostic.into_iter().for_each(|d| self.mistakes.push(d));
    }

    /// Warns about the value at `path`. The scenario is still accepted.
    fn warn(&mut self, path: &Path, mistake: &Mistake) {
        if let Some(diagnostic) = self.diagnostic(path, mistake) {
            let code = "doubtful";
            self.mistakes
                .push(Diagnostic { code, ..diagnostic }.warning());
        }
    }

    /// The diagnostic of a mistake at `path`. `None` where a mistake was reported in the value or in a value above it.
    fn diagnostic(&self, path: &Path, mistake: &Mistake) -> Option<Diagnostic> {
        let found = self.find(path);
        if found.hole {
            return None;
        }
        let secret = found.node.and_then(|node| node.secret.as_ref());
        Some(match (secret, found.node) {
            (Some(name), _) => super::decode::hidden_value(name, found.place),
            (None, Some(node)) => super::decode::scalar(node, mistake, found.place),
            (None, None) => {
                let diagnostic =
                    Diagnostic::new("bad-value", &mistake.message).label(found.place, "");
                match &mistake.help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                }
            }
        })
    }

    /// Reports that the key at the end of `path` breaks a rule.
    fn wrong_key(&mut self, path: &Path, message: impl Into<String>, help: &str) {
        let found = self.find(path);
        if !found.hole {
            let diagnostic = Diagnostic::new("bad-key", message).label(found.key, "");
            self.mistakes.push(diagnostic.help(help));
        }
    }

    /// Reports a count outside `1..=most`.
    fn count(&mut self, path: &Path, count: u64, most: u64) {
        if count == 0 {
            self.wrong(path, "must be at least 1", "");
        } else if count > most {
            self.wrong(
                path,
                format!("{count} is too many"),
                &format!("at most {most}"),
            );
        }
    }

    /// Reports a text that comes from the environment although it must not, and `why`.
    fn no_secret(&mut self, path: &Path, what: &str, why: &str) {
        let found = self.find(path);
        if found.node.is_some_and(|node| node.secret.is_some()) {
            self.mistakes.push(
                Diagnostic::new("secret", format!("{what} cannot come from the environment"))
                    .label(found.place, "")
                    .help(why),
            );
        }
    }

    /// Reports a text that is empty or has control characters. Such texts are used in command lines and on the screen.
    fn plain(&mut self, path: &Path, what: &str, text: &str) {
        if text.trim().is_empty() {
            self.wrong(path, format!("{what} is empty"), "");
        } else if text.contains(char::is_control) {
            self.wrong(path, format!("{what} contains control characters"), "");
        }
    }

    /// Reports a name that cannot be part of a file name.
    fn name(&mut self, path: &Path, what: &str, name: &str, is_key: bool) {
        let Some(rule) = name_rule(name) else { return };
        let message = format!("{} cannot be the name of a {what}: {rule}", quote(name));
        let help = "a name has at most 64 characters: letters, digits, `-`, `_` and `.`; it starts with a letter or digit";
        if is_key {
            self.wrong_key(path, message, help);
        } else {
            self.wrong(path, message, help);
        }
    }
}

/// The reason why a name cannot be part of a file name.
fn name_rule(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(other) = name.chars().find(|c| !allowed(*c)) {
        Some(match other {
            ' ' => "it contains a space".to_owned(),
            other => format!("it contains `{other}`"),
        })
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("it does not start with a letter or digit".to_owned())
    } else if name.contains("..") || name.ends_with('.') {
        Some("its dots form a path".to_owned())
    } else if name.len() > limits::NAME {
        Some(format!("it has {} characters", name.len()))
    } else {
        None
    }
}
