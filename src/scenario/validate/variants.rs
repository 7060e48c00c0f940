//! Checks of variants and of their comparison: each variant has an engine, and each engine that needs Python has a
//! runtime.

use super::{Checker, at, limits};
use crate::diagnostic::Diagnostic;
use crate::metric::Figure;
use crate::scenario::gate;
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::model::{ApiEndpoint, Compare, Engine};

impl Checker<'_> {
    pub(super) fn variants(&mut self) {
        let scenario = self.scenario;
        for name in scenario.variants.keys() {
            self.name(&at("variants").key(name), "variant", name, true);
        }
        if self.intact(&at("engine")) && self.intact(&at("variants")) {
            self.every_engine();
        }
        self.compare();
    }

    /// Checks that each variant has an engine, and that the engine has a runtime if it needs one.
    fn every_engine(&mut self) {
        let scenario = self.scenario;
        if scenario.variants.is_empty() {
            match &scenario.engine {
                None => self.mistakes.push(
                    Diagnostic::new("no-engine", "the engine is missing")
                    .label(self.tree.place(), "there is neither `engine` nor `variants`")
                    .help("add `engine: {sim: {}}` to try the scenario without an installation, or `vllm`, `dynamo` or `external`"),
                ),
                Some(engine) => self.needs_runtime(engine, scenario.runtime.is_some(), &at("engine")),
            }
        }
        for (name, variant) in &scenario.variants {
            let path = at("variants").key(name);
            let has_runtime = variant.runtime.is_some() || scenario.runtime.is_some();
            let runtime_is_known = self.intact(&path.key("runtime"));
            match (&variant.engine, &scenario.engine) {
                (Some(engine), _) if runtime_is_known => {
                    self.needs_runtime(engine, has_runtime, &path.key("engine"));
                }
                (None, Some(engine)) if self.intact(&path.key("engine")) && runtime_is_known => {
                    self.needs_runtime(engine, has_runtime, &at("engine"));
                }
                (None, None) if self.intact(&path.key("engine")) => {
                    let place = self.find(&path).key;
                    self.mistakes.push(
                        Diagnostic::new(
                            "no-engine",
                            format!("the variant {} has no engine", quote(name)),
                        )
                        .label(place, "")
                        .help("add `engine` to it, or to the scenario for all variants"),
                    );
                }
                _ => {}
            }
        }
    }

    fn needs_runtime(&mut self, engine: &Engine, has_runtime: bool, path: &super::Path) {
        if !engine.needs_python() || has_runtime || !self.intact(&at("runtime")) {
            return;
        }
        let found = self.find(&path.key(engine.kind()));
        if found.hole {
            return;
        }
        let message = format!(
            "`{}` needs Python, but there is no `runtime`",
            engine.kind()
        );
        self.mistakes.push(
            Diagnostic::new("no-runtime", message)
                .label(found.key, "")
                .help("add `runtime: {venv: .venv}`, `runtime: {python: /usr/bin/python3}` or `runtime: {uv: {packages: [...]}}`"),
        );
    }

    fn compare(&mut self) {
        let scenario = self.scenario;
        let Some(compare) = &scenario.compare else {
            return;
        };
        if !self.intact(&at("variants")) || !self.intact(&at("compare")) {
            return;
        }
        self.rounds(compare);
        // Rounds of a single variant are allowed: they can be compared with another run.
        if scenario.variants.len() < 2 && (compare.rounds.is_none() || compare.baseline.is_some()) {
            let place = self.find(&at("compare")).key;
            let message = match scenario.variants.len() {
                0 => "there are no variants to compare",
                _ => "there is only one variant, so there is nothing to compare it with",
            };
            self.mistakes.push(
                Diagnostic::new("nothing-to-compare", message)
                    .label(place, "")
                    .help("write at least two under `variants`, or leave `compare` out"),
            );
        } else if let Some(baseline) = &compare.baseline
            && !scenario.variants.contains_key(baseline)
        {
            let names = || scenario.variants.keys().map(String::as_str);
            let help = match nearest(baseline, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the variants are {}", list(names())),
            };
            let message = format!("{} is not a variant", quote(baseline));
            self.wrong(&at("compare.baseline"), message, &help);
        }
        self.same_text(compare);
        if compare.same_text && scenario.variants.len() == 1 && compare.rounds.is_some() {
            let mistake = Mistake::new(
                "there is only one variant, so the run compares no texts",
            )
            .help(
                "the record keeps the texts for `bench compare`; add a variant to compare them in the run",
            );
            self.warn(&at("compare.same_text"), &mistake);
        }
    }

    /// Checks the number of rounds and the judged metrics.
    fn rounds(&mut self, compare: &Compare) {
        let path = at("compare.equivalence");
        if compare.equivalence.len() > limits::JUDGED {
            let message = format!(
                "{} metrics are too many to judge",
                compare.equivalence.len()
            );
            let help = "at most 4, because they share one error budget; use `gates` for the others";
            self.wrong(&path, message, help);
        }
        let mut known: Vec<(String, &str)> = Vec::new();
        for metric in compare.equivalence.keys() {
            let place = path.key(metric);
            match gate::judged_metric(metric) {
                Err(mistake) => {
                    let help = mistake.help.unwrap_or_default();
                    self.wrong_key(&place, mistake.message, &help);
                }
                Ok(key) => {
                    if let Some((_, other)) = known.iter().find(|(known, _)| *known == key) {
                        let message = format!("{} is the same as {}", quote(metric), quote(other));
                        self.wrong_key(&place, message, "leave one of them out");
                    }
                    known.push((key, metric));
                }
            }
        }
        let Some(rounds) = &compare.rounds else {
            if !compare.equivalence.is_empty() {
                let help = "add `rounds: {min: 10}` to `compare`: a single round proves nothing";
                self.wrong(
                    &path,
                    "metrics are judged over rounds, but there are no `rounds`",
                    help,
                );
            }
            return;
        };
        for (key, metric) in known {
            if !rounds.restart && Figure::of_topologies().any(|once| once.key() == key) {
                let message = format!("{} happens once per run, not once per round", quote(metric));
                let help = "leave it out, or remove `restart: false` from `rounds`";
                self.wrong_key(&path.key(metric), message, help);
            }
        }
        let (least, most) = (limits::FEWEST_ROUNDS, limits::ROUNDS);
        for (key, count) in [("min", Some(rounds.min)), ("max", rounds.max)] {
            if let Some(count) = count.filter(|count| !(least..=most).contains(count)) {
                let help = format!(
                    "write {least} to {most}; 10 rounds find a difference of 15% in most cases"
                );
                self.wrong(
                    &at("compare.rounds").key(key),
                    format!("{count} rounds cannot be judged"),
                    &help,
                );
            }
        }
        if rounds.max.is_some_and(|max| max < rounds.min) {
            let message = "`max` is smaller than `min`";
            self.wrong(
                &at("compare.rounds.max"),
                message,
                "write a number of at least `min`",
            );
        }
    }

    fn same_text(&mut self, compare: &Compare) {
        let scenario = self.scenario;
        if compare.same_text_share.is_some() && !compare.same_text {
            let help = "add `same_text: true`, or leave it out";
            self.wrong(
                &at("compare.same_text_share"),
                "texts are not compared",
                help,
            );
        }
        if compare.same_text && scenario.request.endpoint == ApiEndpoint::Embeddings {
            let help = "leave `same_text` out";
            self.wrong(&at("compare.same_text"), "embeddings have no text", help);
            return;
        }
        let params = &scenario.request.params;
        let greedy = params
            .get("temperature")
            .and_then(serde_json::Value::as_f64)
            == Some(0.0);
        if compare.same_text
            && !greedy
            && !params.contains_key("seed")
            && self.intact(&at("request.params"))
        {
            let message =
                "answers are sampled at random, so their texts differ between any two runs";
            self.wrong(
                &at("compare.same_text"),
                message,
                "add `temperature: 0` to `request: {params: ...}`",
            );
        }
    }
}
