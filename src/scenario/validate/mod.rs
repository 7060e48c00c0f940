//! What types cannot say: rules between values. Each file holds the rules of one part of a scenario; all of them note what
//! they find at its place, and stay silent about what was already reported.

mod answers;
mod conditions;
mod cover;
mod engine;
mod gates;
mod labels;
mod load;
mod paths;
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

/// Notes every rule that `scenario`, which was read from `tree`, breaks.
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

/// The way from the root of a scenario to a value.
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

    /// What a dotted path leads to from here: `workers.0.count`.
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

/// What stands at a path.
struct Found<'a> {
    /// The value, if it is written.
    node: Option<&'a Node>,
    /// Where to point: the value, the key of a list or map, or what it is missing from.
    place: Span,
    /// Where its key is.
    key: Span,
    /// Something on the way was wrong and has been reported.
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

    /// Whether what stands at `path` can be relied on: nothing on the way to it was wrong.
    fn intact(&self, path: &Path) -> bool {
        !self.find(path).hole
    }

    /// Whether what stands at `path` came from the environment: it may not be shown.
    fn is_secret(&self, path: &Path) -> bool {
        let found = self.find(path).node;
        found.is_some_and(|node| node.secret.is_some())
    }

    /// Notes that what stands at `path` breaks a rule.
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

    /// The same, with the part of the text that is wrong.
    fn mistake(&mut self, path: &Path, mistake: &Mistake) {
        let diagnostic = self.diagnostic(path, mistake);
        diagnostic.into_iter().for_each(|d| self.mistakes.push(d));
    }

    /// Notes a doubt about what stands at `path`: the scenario is accepted all the same.
    fn doubt(&mut self, path: &Path, mistake: &Mistake) {
        if let Some(diagnostic) = self.diagnostic(path, mistake) {
            let code = "doubtful";
            self.mistakes
                .push(Diagnostic { code, ..diagnostic }.warning());
        }
    }

    /// What is said of what stands at `path`; nothing where something on the way was reported before.
    fn diagnostic(&self, path: &Path, mistake: &Mistake) -> Option<Diagnostic> {
        let found = self.find(path);
        if found.hole {
            return None;
        }
        let secret = found.node.and_then(|node| node.secret.as_ref());
        Some(match (secret, found.node) {
            (Some(name), _) => super::decode::withheld(name, found.place),
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

    /// Notes that the key at the end of `path` breaks a rule.
    fn wrong_key(&mut self, path: &Path, message: impl Into<String>, help: &str) {
        let found = self.find(path);
        if !found.hole {
            let diagnostic = Diagnostic::new("bad-key", message).label(found.key, "");
            self.mistakes.push(diagnostic.help(help));
        }
    }

    /// Notes a count outside `1..=most`.
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

    /// Notes a text that may not come from the environment, and `why`.
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

    /// Notes a text that is empty or has control characters in it: it ends up in a command line or on the screen.
    fn plain(&mut self, path: &Path, what: &str, text: &str) {
        if text.trim().is_empty() {
            self.wrong(path, format!("{what} is empty"), "");
        } else if text.contains(char::is_control) {
            self.wrong(path, format!("{what} has control characters in it"), "");
        }
    }

    /// Notes a name that cannot be part of a file's name.
    fn name(&mut self, path: &Path, what: &str, name: &str, is_key: bool) {
        let Some(rule) = name_rule(name) else { return };
        let message = format!("{} cannot be the name of a {what}: {rule}", quote(name));
        let help = "a name has letters, digits, `-`, `_` and `.`, starts with a letter or digit, and has at most 64 of them";
        if is_key {
            self.wrong_key(path, message, help);
        } else {
            self.wrong(path, message, help);
        }
    }
}

/// What is wrong with a name that becomes part of a file's name.
fn name_rule(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(other) = name.chars().find(|c| !allowed(*c)) {
        Some(match other {
            ' ' => "it has a space in it".to_owned(),
            other => format!("it has `{other}` in it"),
        })
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("it does not start with a letter or digit".to_owned())
    } else if name.contains("..") || name.ends_with('.') {
        Some("its dots would read as a path".to_owned())
    } else if name.len() > limits::NAME {
        Some(format!("it has {} characters", name.len()))
    } else {
        None
    }
}
