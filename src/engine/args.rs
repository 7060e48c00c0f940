//! Command-line arguments by key. The user's arguments override the defaults, and `null` is a bare flag.

use crate::value::{ArgValue, Args};
use indexmap::IndexMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Flags in order. Later layers override earlier ones by key. `_` and `-` in keys are equal.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(IndexMap<String, Value>);

#[derive(Debug, Clone)]
enum Value {
    Given(ArgValue),
    /// A path that is not UTF-8.
    Path(PathBuf),
}

impl Flags {
    /// Creates flags with defaults, in the given order.
    pub(super) fn new<const N: usize>(defaults: [(&str, ArgValue); N]) -> Self {
        Self(
            defaults
                .into_iter()
                .map(|(key, value)| (key.to_owned(), Value::Given(value)))
                .collect(),
        )
    }

    /// Overrides the flags with `args`.
    pub(super) fn override_with(mut self, args: &Args) -> Self {
        for (key, value) in args {
            self.0
                .insert(key.replace('_', "-"), Value::Given(value.clone()));
        }
        self
    }

    /// Replaces a value by a path that is not UTF-8, if there is one.
    pub(super) fn path(mut self, key: &str, path: Option<&Path>) -> Self {
        if let Some(path) = path {
            self.0.insert(key.to_owned(), Value::Path(path.to_owned()));
        }
        self
    }

    /// The value of a flag, if it is set.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).map(|value| match value {
            Value::Given(given) => text(given),
            Value::Path(path) => path.display().to_string(),
        })
    }

    /// Appends the flags to a command.
    pub(super) fn append(&self, argv: &mut Vec<OsString>) {
        for (key, value) in &self.0 {
            let flag = OsString::from(format!("--{key}"));
            match value {
                Value::Given(ArgValue::Switch(false)) => {}
                Value::Given(ArgValue::Bare | ArgValue::Switch(true)) => argv.push(flag),
                Value::Given(ArgValue::List(values)) => {
                    argv.push(flag);
                    argv.extend(values.iter().map(OsString::from));
                }
                Value::Given(one) => argv.extend([flag, text(one).into()]),
                Value::Path(path) => argv.extend([flag, path.into()]),
            }
        }
    }
}

fn text(value: &ArgValue) -> String {
    match value {
        ArgValue::Bare => String::new(),
        ArgValue::Switch(on) => on.to_string(),
        ArgValue::Int(number) => number.to_string(),
        ArgValue::Number(number) => number.to_string(),
        ArgValue::Text(text) => text.clone(),
        ArgValue::List(values) => values.join(" "),
    }
}

/// The context length in tokens that the arguments set.
pub(super) fn context_length(args: &Args) -> Option<u32> {
    match args.get("max-model-len")? {
        ArgValue::Int(tokens) => u32::try_from(*tokens).ok(),
        ArgValue::Text(tokens) => tokens.parse().ok(),
        ArgValue::Bare | ArgValue::Switch(_) | ArgValue::Number(_) | ArgValue::List(_) => None,
    }
}

#[cfg(test)]
#[path = "tests/args.rs"]
mod tests;
