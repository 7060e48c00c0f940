//! Rules on what must hold: assertions on answers, objectives, gates.

use super::{Checker, Path, at};
use crate::scenario::effective::{Effective, effective};
use crate::scenario::gate::{Gate, Quantity, Timing};
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::model::{Assertion, Engine, Phase, Slo, Verify};
use crate::scenario::rules::{LogRule, ProcessRule, TextRule};

impl Checker<'_> {
    pub(super) fn verify(&mut self) {
        let scenario = self.scenario;
        let all = effective(scenario);
        let every: Vec<&Effective<'_>> = all.iter().collect();
        self.part(&at("verify"), &scenario.verify, &every);
        for (name, variant) in &scenario.variants {
            let own: Vec<_> = every.iter().copied().filter(|v| v.name == name).collect();
            self.part(
                &at("variants").key(name).key("verify"),
                &variant.verify,
                &own,
            );
        }
    }

    /// One `verify` and the variants that it holds for.
    fn part(&mut self, path: &Path, verify: &Verify, variants: &[&Effective<'_>]) {
        for (i, rule) in verify.every_response.iter().enumerate() {
            self.assertion(&path.key("every_response").item(i), rule);
        }
        for (i, rule) in verify.logs.iter().enumerate() {
            self.log_rule(&path.key("logs").item(i), rule);
        }
        for (i, rule) in verify.processes.iter().enumerate() {
            self.process_rule(&path.key("processes").item(i), rule);
        }
        if let Some(slo) = &verify.slo {
            self.slo(&path.key("slo"), slo);
        }
        for (i, gate) in verify.gates.iter().enumerate() {
            self.gate(&path.key("gates").item(i), gate, variants);
        }
    }

    fn assertion(&mut self, path: &Path, rule: &Assertion) {
        let known = |key: &&str| self.intact(&path.key(key));
        if !Assertion::CONDITIONS
            .iter()
            .chain(&Assertion::SUBJECTS)
            .all(known)
        {
            return;
        }
        let conditions = rule.conditions();
        match rule.subjects().as_slice() {
            [] => {
                let help = "write `status: 200`, or `at: usage.completion_tokens` and a condition";
                self.wrong(path, "this rule says nothing to look at", help);
            }
            [first, second, ..] => {
                let message = format!("a rule looks at `{first}` or `{second}`, not at both");
                self.wrong(path, message, "make two rules of it");
            }
            [subject @ ("status" | "stream" | "text")] => {
                if let Some(status) = rule.status
                    && !(100..=599).contains(&status)
                {
                    self.wrong(&path.key("status"), format!("{status} is not an HTTP status"), "a status is a number from 100 to 599");
                }
                if let Some(condition) = conditions.first() {
                    let message = format!("`{condition}` needs an `at` to look at");
                    let help = format!("`{subject}` stands alone: make two rules of it");
                    self.wrong_key(&path.key(condition), message, &help);
                }
            }
            [_] => match conditions.as_slice() {
                [_] => {}
                [] => self.wrong(
                    path,
                    "this rule says where to look, but not what to find there",
                    "add one of `present`, `absent`, `equals`, `one_of`, `between`, `type`, `matches`, `contains`",
                ),
                [_, second, ..] => {
                    let message = format!("`{second}` is a second condition, and a rule has one");
                    self.wrong_key(&path.key(second), message, "make two rules of it");
                }
            },
        }
        self.condition(path, rule);
        self.known_path(path, rule);
        if rule.stream.is_some() {
            self.streams(&path.key("stream"), "stream");
        }
        match &rule.text {
            Some(TextRule::Matches(pattern)) => {
                self.pattern(&path.key("text").key("matches"), pattern);
            }
            Some(TextRule::JsonSchema(schema)) => {
                if let Err(error) = jsonschema::validator_for(schema) {
                    self.wrong(
                        &path.key("text").key("json_schema"),
                        format!("this is not a JSON Schema: {error}"),
                        "see https://json-schema.org",
                    );
                }
            }
            _ => {}
        }
    }

    fn log_rule(&mut self, path: &Path, rule: &LogRule) {
        match (&rule.absent, &rule.present) {
            (Some(pattern), None) => self.pattern(&path.key("absent"), pattern),
            (None, Some(pattern)) => self.pattern(&path.key("present"), pattern),
            _ => self.wrong(
                path,
                "a rule on logs has `absent` or `present`, one of them",
                "write `{absent: Traceback}`, say",
            ),
        }
    }

    fn process_rule(&mut self, path: &Path, rule: &ProcessRule) {
        let given = (&rule.process, &rule.argument, &rule.package, &rule.version);
        if !matches!(
            given,
            (Some(_), Some(_), None, None) | (None, None, Some(_), Some(_))
        ) {
            self.wrong(
                path,
                "a rule on processes has `process` and `argument`, or `package` and `version`",
                "write `{process: vllm, argument: \"--dtype half\"}` or `{package: vllm, version: \"0.31\"}`, say",
            );
        }
    }

    fn pattern(&mut self, path: &Path, pattern: &str) {
        let Err(error) = regex::Regex::new(pattern) else {
            return;
        };
        let text = error.to_string();
        let why = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let message = format!("{} is not a regular expression: {why}", quote(pattern));
        self.wrong(
            path,
            message,
            "write `\\` in front of characters that are meant as they are",
        );
    }

    fn condition(&mut self, path: &Path, rule: &Assertion) {
        if let Some(query) = rule.json_path()
            && serde_json_path::JsonPath::parse(&query).is_err()
        {
            let at = rule.at.as_deref().unwrap_or_default();
            let message = format!("{} is not a JSONPath", quote(at));
            self.wrong(
                &path.key("at"),
                message,
                "write a path such as `choices[0].finish_reason`",
            );
        }
        for (key, value, other) in [
            ("present", rule.present, "absent"),
            ("absent", rule.absent, "present"),
        ] {
            if value == Some(false) {
                self.wrong(
                    &path.key(key),
                    format!("`{key}` takes only `true`"),
                    &format!("write `{other}: true`"),
                );
            }
        }
        if rule.one_of.as_ref().is_some_and(Vec::is_empty) {
            self.wrong(
                &path.key("one_of"),
                "nothing is one of no values",
                "write at least one value",
            );
        }
        if let Some(pattern) = &rule.matches {
            self.pattern(&path.key("matches"), pattern);
        }
    }

    fn slo(&mut self, path: &Path, slo: &Slo) {
        if *slo == Slo::default()
            && self
                .find(path)
                .node
                .is_some_and(|node| node.entries().is_empty())
        {
            self.wrong(
                path,
                "no objective is given",
                "write at least one of `ttft`, `tpot`, `e2e`",
            );
        }
        for (key, time) in [("ttft", slo.ttft), ("tpot", slo.tpot), ("e2e", slo.e2e)] {
            let Some(time) = time else { continue };
            self.positive(&path.key(key), time);
            if key != "e2e" {
                self.streams(&path.key(key), key);
            }
        }
    }

    pub(super) fn gate(&mut self, path: &Path, gate: &Gate, variants: &[&Effective<'_>]) {
        self.gated_variants(path, gate, variants);
        match gate.quantity {
            Quantity::Goodput => {
                let without = variants.iter().find(|v| {
                    v.verify.slo.is_none()
                        && self.intact(&at("variants").key(v.name).key("verify").key("slo"))
                });
                if without.is_some() && self.intact(&at("verify.slo")) {
                    let help = "add `slo: {ttft: 500ms}` to `verify`: goodput counts the requests that keep it";
                    self.wrong(
                        path,
                        "`goodput` needs objectives, and no `slo` gives them",
                        help,
                    );
                }
            }
            Quantity::Timing(_, Timing::Batch) => {
                let phases = &self.scenario.load.phases;
                if !phases.iter().any(|phase| matches!(phase, Phase::Batch(_)))
                    && self.intact(&at("load.phases"))
                {
                    self.wrong(
                        path,
                        "`batch` times batches, and no phase has any",
                        "gate `e2e`, or add a `batch` phase",
                    );
                }
            }
            Quantity::Timing(
                _,
                Timing::Ttft
                | Timing::TtftFromDue
                | Timing::FirstChunk
                | Timing::Tpot
                | Timing::ChunkGap,
            ) => self.streams(path, &gate.text),
            Quantity::Startup | Quantity::Teardown => {
                let external = |v: &&Effective<'_>| matches!(v.engine, Engine::External(_));
                if !variants.is_empty() && variants.iter().all(external) {
                    self.wrong(
                        path,
                        "an external engine is neither started nor stopped",
                        "leave this gate out",
                    );
                }
            }
            _ => {}
        }
    }

    /// Notes a gate that names what is no variant, or in one variant's own `verify` another.
    fn gated_variants(&mut self, path: &Path, gate: &Gate, own: &[&Effective<'_>]) {
        let scenario = self.scenario;
        if !self.intact(&at("variants")) {
            return;
        }
        let names = || scenario.variants.keys().map(String::as_str);
        for name in gate.variants() {
            if !scenario.variants.contains_key(name) {
                let help = match nearest(name, names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if scenario.variants.is_empty() => {
                        "this scenario has no variants: leave the name out".to_owned()
                    }
                    None => format!("the variants are {}", list(names())),
                };
                self.mistake(path, &word(gate, name, "is not a variant").help(help));
                return;
            }
        }
        if let Some(name) = &gate.variant
            && !own.iter().any(|variant| variant.name == name)
        {
            let help = "move it to the scenario's own `verify`";
            self.mistake(
                path,
                &word(
                    gate,
                    name,
                    "is not the variant that this `verify` belongs to",
                )
                .help(help),
            );
        }
    }

    /// Notes that something which only streams have is asked of answers that do not stream.
    pub(super) fn streams(&mut self, path: &Path, what: &str) {
        let request = &self.scenario.request;
        let intact = |key| self.intact(&at("request").key(key));
        if !request.streams() && intact("stream") && intact("endpoint") {
            let message = format!("{} is only known of answers that stream", quote(what));
            let help = match request.stream {
                true => "embeddings never do: use `e2e`",
                false => "set `request: {stream: true}`, or use `e2e`",
            };
            self.wrong(path, message, help);
        }
    }
}

/// A mistake at the word of a gate that is this name.
fn word(gate: &Gate, name: &str, what: &str) -> Mistake {
    let mistake = Mistake::new(format!("{} {what}", quote(name)));
    match gate.text.find(&format!("{name}.")) {
        Some(start) => mistake.at(start..start + name.len()),
        None => mistake,
    }
}
