//! Checks of `verify`: assertions on answers, rules on logs and processes, objectives, gates.

use super::pattern::Texts;
use super::{Checker, Path, at};
use crate::scenario::effective::{Effective, effective};
use crate::scenario::mistake::quote;
use crate::scenario::model::{ApiEndpoint, Assertion, Slo, Verify};
use crate::scenario::rules::{LogRule, ProcessRule, StreamRule, TextRule};

impl Checker<'_> {
    pub(super) fn verify(&mut self) {
        let scenario = self.scenario;
        let all = effective(scenario);
        let every: Vec<&Effective<'_>> = all.iter().collect();
        self.across();
        self.verify_block(&at("verify"), &scenario.verify, &every);
        for (name, variant) in &scenario.variants {
            let own: Vec<_> = every.iter().copied().filter(|v| v.name == name).collect();
            self.verify_block(
                &at("variants").key(name).key("verify"),
                &variant.verify,
                &own,
            );
        }
    }

    /// Checks one `verify` and the variants that it applies to.
    fn verify_block(&mut self, path: &Path, verify: &Verify, variants: &[&Effective<'_>]) {
        for (i, rule) in verify.every_response.iter().enumerate() {
            self.assertion(&path.key("every_response").item(i), rule, variants);
        }
        for (i, rule) in verify.logs.iter().enumerate() {
            let path = path.key("logs").item(i);
            self.log_rule(&path, rule);
            self.has_processes(&path, "logs", variants);
        }
        for (i, rule) in verify.processes.iter().enumerate() {
            let path = path.key("processes").item(i);
            self.process_rule(&path, rule);
            if rule.process.is_some() {
                self.has_processes(&path, "processes", variants);
            }
        }
        if let Some(slo) = &verify.slo {
            self.slo(&path.key("slo"), slo);
        }
        for (i, gate) in verify.gates.iter().enumerate() {
            self.gate(&path.key("gates").item(i), gate, variants);
        }
    }

    fn assertion(&mut self, path: &Path, rule: &Assertion, variants: &[&Effective<'_>]) {
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
                self.wrong(path, "this rule does not say what to examine", help);
            }
            [first, second, ..] => {
                let message = format!("a rule examines `{first}` or `{second}`, not both");
                self.wrong(path, message, "split it into two rules");
            }
            [subject @ ("status" | "stream" | "text")] => {
                if let Some(status) = rule.status
                    && !(100..=599).contains(&status)
                {
                    self.wrong(&path.key("status"), format!("{status} is not an HTTP status"), "a status is a number from 100 to 599");
                }
                if let Some(condition) = conditions.first() {
                    let message = format!("`{condition}` needs `at`");
                    let help = format!("`{subject}` takes no other condition: split the rule into two");
                    self.wrong_key(&path.key(condition), message, &help);
                }
            }
            [_] => match conditions.as_slice() {
                [_] => {}
                [] => self.wrong(
                    path,
                    "this rule has no condition",
                    "add one of `present`, `absent`, `equals`, `one_of`, `between`, `type`, `matches`, `contains`",
                ),
                [_, second, ..] => {
                    let message = format!("`{second}` is a second condition, but a rule has only one");
                    self.wrong_key(&path.key(second), message, "split it into two rules");
                }
            },
        }
        self.condition(path, rule);
        self.known_path(path, rule, variants);
        if let Some(stream) = &rule.stream {
            self.stream_rule(&path.key("stream"), stream);
        }
        if let Some(text) = &rule.text {
            self.text_rule(&path.key("text"), text);
        }
    }

    fn stream_rule(&mut self, path: &Path, rule: &StreamRule) {
        self.streams(path, "stream");
        if let StreamRule::FirstEventWithin(limit) = rule {
            let path = path.key("first_event_within");
            self.positive(&path, *limit);
            self.objective_can_be_missed(&path, *limit);
        }
    }

    fn text_rule(&mut self, path: &Path, rule: &TextRule) {
        let endpoint = at("request.endpoint");
        if self.scenario.request.endpoint == ApiEndpoint::Embeddings && self.intact(&endpoint) {
            let message = "embeddings have no text, so this can never hold";
            self.wrong(
                path,
                message,
                "write `at: data[0].embedding` and a condition",
            );
            return;
        }
        match rule {
            TextRule::Matches(pattern) => self.pattern(&path.key("matches"), pattern, Texts::All),
            TextRule::Contains(part) => self.part(&path.key("contains"), part),
            TextRule::JsonSchema(schema) => self.schema(&path.key("json_schema"), schema),
            TextRule::NotEmpty | TextRule::WellFormed => {}
        }
    }

    fn log_rule(&mut self, path: &Path, rule: &LogRule) {
        match (&rule.absent, &rule.present) {
            (Some(pattern), None) => self.line_pattern(&path.key("absent"), pattern, false),
            (None, Some(pattern)) => self.line_pattern(&path.key("present"), pattern, true),
            _ => self.wrong(
                path,
                "a rule on logs needs exactly one of `absent` and `present`",
                "write, for example, `{absent: Traceback}`",
            ),
        }
    }

    /// Reports a rule on processes or logs that applies to an engine which `bench` does not start.
    fn has_processes(&mut self, path: &Path, what: &str, variants: &[&Effective<'_>]) {
        let external = |v: &&&Effective<'_>| !v.engine.facts().started;
        if let Some(variant) = variants.iter().find(external) {
            let whose = match self.scenario.variants.is_empty() {
                true => "an external engine".to_owned(),
                false => format!("{}, an external engine", quote(variant.name)),
            };
            let message =
                format!("`bench` cannot see the {what} of {whose}, so this can never hold");
            self.wrong(
                path,
                message,
                "move it to the `verify` of a variant that `bench` starts, or leave it out",
            );
        }
    }

    /// Reports `across` rules without several variants to compare, and those in the `verify` of one variant.
    fn across(&mut self) {
        let scenario = self.scenario;
        if !self.intact(&at("variants")) {
            return;
        }
        if !scenario.verify.across.is_empty() && scenario.variants.len() < 2 {
            let message = match scenario.variants.len() {
                0 => "there are no variants to compare, so this cannot fail",
                _ => "there is only one variant, so this cannot fail",
            };
            let help = "write at least two under `variants`, or leave `across` out";
            self.wrong_key(&at("verify.across"), message, help);
        }
        for what in repeated(&scenario.verify.across) {
            let path = at("verify.across").item(what);
            self.wrong(&path, "this is already in the list", "leave it out");
        }
        for (name, variant) in &scenario.variants {
            if !variant.verify.across.is_empty() {
                let message =
                    "`across` compares all variants, so it cannot be in the `verify` of one";
                let path = at("variants").key(name).key("verify").key("across");
                self.wrong_key(&path, message, "move it to the scenario's own `verify`");
            }
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
                "a rule on processes needs `process` and `argument`, or `package` and `version`",
                "write, for example, `{process: vllm, argument: \"--dtype half\"}` or `{package: vllm, version: \"0.31\"}`",
            );
        }
        for (key, value) in [
            ("process", &rule.process),
            ("argument", &rule.argument),
            ("package", &rule.package),
            ("version", &rule.version),
        ] {
            if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
                let message = format!("`{key}` is empty, so this can never hold");
                self.wrong(
                    &path.key(key),
                    message,
                    "give a value, or leave the rule out",
                );
            }
        }
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
                    format!("`{key}` can only be `true`"),
                    &format!("write `{other}: true`"),
                );
            }
        }
        if rule.one_of.as_ref().is_some_and(Vec::is_empty) {
            self.wrong(
                &path.key("one_of"),
                "the list of values is empty, so this can never hold",
                "write at least one value",
            );
        }
        if let Some(pattern) = &rule.matches {
            let texts = match rule.header {
                Some(_) => Texts::Lines,
                None => Texts::All,
            };
            self.pattern(&path.key("matches"), pattern, texts);
        }
        if let Some(part) = &rule.contains {
            self.part(&path.key("contains"), part);
        }
        if let Some(range) = rule.between {
            self.range(&path.key("between"), range);
        }
        self.header(path, rule);
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
                "the list of objectives is empty",
                "write at least one of `ttft`, `tpot`, `e2e`",
            );
        }
        for (key, time) in [("ttft", slo.ttft), ("tpot", slo.tpot), ("e2e", slo.e2e)] {
            let Some(time) = time else { continue };
            self.positive(&path.key(key), time);
            self.objective_can_be_missed(&path.key(key), time);
            if key != "e2e" {
                self.streams(&path.key(key), key);
            }
        }
    }

    /// Reports a metric or rule that needs streams where answers do not stream.
    pub(super) fn streams(&mut self, path: &Path, what: &str) {
        let request = &self.scenario.request;
        let intact = |key| self.intact(&at("request").key(key));
        if !request.streams() && intact("stream") && intact("endpoint") {
            let message = format!("{} needs answers that stream", quote(what));
            let help = match request.stream {
                true => "embeddings never stream: use `e2e`",
                false => "set `request: {stream: true}`, or use `e2e`",
            };
            self.wrong(path, message, help);
        }
    }
}

/// The positions of items that occur earlier in the list.
fn repeated<T: PartialEq>(list: &[T]) -> Vec<usize> {
    let is_repeated = |i: &usize| list[..*i].contains(&list[*i]);
    (0..list.len()).filter(is_repeated).collect()
}
