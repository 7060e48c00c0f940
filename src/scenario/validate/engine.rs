//! Checks of engines: their settings, arguments and environment.

use super::{Checker, Path, at};
use crate::engine::{self, Engine, Rules};
use crate::value::mistake::quote;
use crate::value::{ArgValue, Args};
use indexmap::IndexMap;

impl Checker<'_> {
    pub(super) fn engines(&mut self) {
        let scenario = self.scenario;
        if let Some(engine) = &scenario.engine {
            self.engine(&at("engine"), engine);
        }
        self.process(&at("vllm"), &scenario.vllm.args, &scenario.vllm.env);
        if let Some(runtime) = &scenario.runtime {
            self.runtime(&at("runtime"), runtime);
        }
        for (name, variant) in &scenario.variants {
            let path = at("variants").key(name);
            if let Some(engine) = &variant.engine {
                self.engine(&path.key("engine"), engine);
            }
            if let Some(runtime) = &variant.runtime {
                self.runtime(&path.key("runtime"), runtime);
            }
        }
    }

    fn engine(&mut self, path: &Path, engine: &Engine) {
        let path = path.key(engine.kind());
        engine.check(&mut EngineRules {
            checker: self,
            path,
        });
    }

    /// Checks the arguments and environment of a process. `path` is the path of the map that contains them.
    fn process(&mut self, path: &Path, args: &Args, env: &IndexMap<String, String>) {
        for (name, value) in args {
            let path = path.key("args").key(name);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if let Some(bare) = name.strip_prefix('-') {
                let help = format!("leave the dashes out: `{}`", bare.trim_start_matches('-'));
                self.wrong_key(&path, format!("{} starts with dashes", quote(name)), &help);
            } else if name.is_empty() || !name.chars().all(plain) {
                let message = format!("{} is not the name of a flag", quote(name));
                self.wrong_key(
                    &path,
                    message,
                    "write the flag without dashes, and its value separately: `max-num-seqs: 32`",
                );
            } else if engine::is_own_argument(name) {
                let message = format!("{} is set by `bench` itself", quote(name));
                self.wrong_key(
                    &path,
                    message,
                    "leave it out; `model` names the model, and each run chooses free ports",
                );
            }
            let texts: &[String] = match value {
                ArgValue::Text(text) => std::slice::from_ref(text),
                ArgValue::List(texts) => texts,
                _ => &[],
            };
            if texts.iter().any(|text| text.contains('\0')) {
                self.wrong(&path, "an argument cannot contain a NUL character", "");
            }
            if matches!(value, ArgValue::List(texts) if texts.is_empty()) {
                self.wrong(
                    &path,
                    "the list of values is empty",
                    "write `null` for a bare flag",
                );
            }
        }
        for (name, value) in env {
            let path = path.key("env").key(name);
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(letter)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                let message = format!("{} is not the name of a variable", quote(name));
                self.wrong_key(&path, message, "a name has letters, digits and `_`");
            } else if name.starts_with("BENCH_") {
                let message = format!("{} is set by `bench` itself", quote(name));
                self.wrong_key(
                    &path,
                    message,
                    "leave variables that start with `BENCH_` out",
                );
            }
            if value.contains('\0') {
                self.wrong(&path, "a variable cannot contain a NUL character", "");
            }
        }
    }
}

/// Reports mistakes that an engine finds in its own settings, at their location in the scenario.
struct EngineRules<'c, 'a> {
    checker: &'c mut Checker<'a>,
    path: Path,
}

impl Rules for EngineRules<'_, '_> {
    fn wrong(&mut self, path: &str, message: &str, help: &str) {
        self.checker.wrong(&self.path.below(path), message, help);
    }

    fn count(&mut self, path: &str, count: u32, most: u32) {
        let path = self.path.below(path);
        self.checker.count(&path, count.into(), most.into());
    }

    fn process(&mut self, path: &str, args: &Args, env: &IndexMap<String, String>) {
        self.checker.process(&self.path.below(path), args, env);
    }

    fn headers(&mut self, path: &str, headers: &IndexMap<String, String>) {
        self.checker.headers(&self.path.below(path), headers);
    }

    fn is_intact(&self, path: &str) -> bool {
        self.checker.intact(&self.path.below(path))
    }
}
