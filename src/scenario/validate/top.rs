//! Checks of a scenario's top level: version, name, model, GPU, prompts, readiness, measurement.

use super::{Checker, at, limits};
use crate::scenario::mistake::{Mistake, quote};
use crate::scenario::model::Runtime;

impl Checker<'_> {
    pub(super) fn top(&mut self) {
        let scenario = self.scenario;
        if scenario.version != 1 {
            self.wrong(
                &at("version"),
                format!("version {} of the format is unknown", scenario.version),
                "this `bench` reads version 1",
            );
        }
        self.no_secret(
            &at("name"),
            "the name of a scenario",
            "the report directory gets this name: write it out",
        );
        self.no_secret(
            &at("description"),
            "a description",
            "it is shown in every report: write it out",
        );
        self.name(&at("name"), "scenario", &scenario.name, false);
        self.model();
        if let Some(gpu) = &scenario.gpu {
            self.plain(&at("gpu.kind"), "the kind of GPU", &gpu.kind);
            self.count(&at("gpu.count"), gpu.count.into(), limits::PROCESSES.into());
        }
        self.prompts();
        let ready = &scenario.ready;
        if let Some(timeout) = ready.timeout {
            self.positive(&at("ready.timeout"), timeout);
        }
        self.count(
            &at("ready.completions"),
            ready.completions.into(),
            limits::COMPLETIONS.into(),
        );
        let limits = &scenario.measurement;
        if limits.schedule_lag > limits.schedule_lag_invalid {
            self.wrong(
                &at("measurement.schedule_lag"),
                "this limit is above `schedule_lag_invalid`",
                "make it at most `schedule_lag_invalid`",
            );
        }
        self.measurement();
        let formats = &scenario.report.formats;
        for (i, format) in formats.iter().enumerate() {
            if formats[..i].contains(format) {
                self.wrong(
                    &at("report.formats").item(i),
                    "this format is already in the list",
                    "",
                );
            }
        }
    }

    /// Reports limits that no value can exceed: a share is at most 100%.
    fn measurement(&mut self) {
        let limits = &self.scenario.measurement;
        let shares = [
            ("idle", limits.idle, true),
            ("crowded", limits.coalesced, false),
            ("unstamped", limits.unstamped, false),
        ];
        for (key, limit, judges) in shares {
            if limit.0 < 1.0 {
                continue;
            }
            let path = at("measurement").key(key);
            let message = format!("no share exceeds {limit}, so this limit has no effect");
            let mistake = Mistake::new(message).help("write less than 100%");
            if judges {
                self.mistake(&path, &mistake);
            } else {
                self.warn(&path, &mistake);
            }
        }
    }

    fn model(&mut self) {
        let model = &self.scenario.model;
        if let Some(tokenizer) = &model.tokenizer {
            self.plain(
                &at("model.tokenizer"),
                "the path of the tokenizer",
                tokenizer,
            );
        }
        let names = [
            ("id", Some(&model.id)),
            ("served_name", model.served_name.as_ref()),
        ];
        for (key, name) in names {
            let Some(name) = name else { continue };
            let path = at("model").key(key);
            self.plain(&path, "the model's name", name);
            if name.starts_with('-') {
                let message = format!("the engine would read {} as an option", quote(name));
                self.wrong(&path, message, "a model's name does not start with `-`");
            }
        }
    }

    /// Checks the Python environment of an engine. `path` is the path of the `runtime`.
    pub(super) fn runtime(&mut self, path: &super::Path, runtime: &Runtime) {
        match runtime {
            Runtime::Venv(text) => self.plain(&path.key("venv"), "the path", text),
            Runtime::Python(text) => self.plain(&path.key("python"), "the path", text),
            Runtime::Uv(uv) => {
                let path = path.key("uv");
                if let Some(python) = &uv.python {
                    self.plain(&path.key("python"), "the version", python);
                }
                if uv.packages.is_empty() {
                    let help = "write at least one, such as `vllm==0.11.0`";
                    self.wrong(&path.key("packages"), "the list of packages is empty", help);
                }
                for (key, lines) in [("packages", &uv.packages), ("overrides", &uv.overrides)] {
                    for (i, line) in lines.iter().enumerate() {
                        let path = path.key(key).item(i);
                        self.plain(&path, "the requirement", line);
                        if line.trim_start().starts_with('-') {
                            let message = format!("uv would read {} as an option", quote(line));
                            self.wrong(&path, message, "name a package, such as `vllm==0.11.0`");
                        }
                    }
                }
            }
        }
    }
}
