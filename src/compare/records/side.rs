//! Whether two records can be held against each other at all.

use crate::record::model::{QualityVerdict, Run, VariantRecord};

/// One of two records, and its variant that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The record.
    pub run: &'a Run,
    /// The variant.
    pub variant: &'a VariantRecord,
}

impl<'a> Side<'a> {
    /// The variant of this name; the only one unless named.
    ///
    /// # Errors
    /// When there is none, or several to choose from.
    pub fn of(run: &'a Run, name: Option<&str>) -> Result<Self, String> {
        let names: Vec<&str> = run.variants.iter().map(|v| v.name.as_str()).collect();
        let found = match (name, run.variants.as_slice()) {
            (Some(name), all) => all.iter().find(|variant| variant.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found
            .map(|variant| Side { run, variant })
            .ok_or_else(|| match name {
                _ if names.is_empty() => format!("{} holds no variant: nothing ran", run.run_id),
                Some(name) => format!(
                    "{} has no variant `{name}`; it has {}",
                    run.run_id,
                    names.join(", ")
                ),
                None => format!(
                    "{} has several variants: {}; say which with `--variant NAME`",
                    run.run_id,
                    names.join(", ")
                ),
            })
    }

    /// What must be alike for a difference to be of the engine alone: each thing's name and what it is here.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let machine = &self.run.machine;
        let asked = |key: &str| {
            let value = self.run.scenario.resolved.get(key);
            value.map_or(String::new(), ToString::to_string)
        };
        let known = |text: &str| if text == "unknown" { "" } else { text }.to_owned();
        vec![
            ("model", known(&self.variant.engine.model)),
            (
                "requests",
                self.variant.requests_sha256.chars().take(12).collect(),
            ),
            ("processor", known(&machine.cpu)),
            (
                "cores",
                if machine.cores == 0 {
                    String::new()
                } else {
                    machine.cores.to_string()
                },
            ),
            (
                "GPUs",
                if machine.gpus.is_empty() {
                    "none".to_owned()
                } else {
                    machine.gpus.join(", ")
                },
            ),
            ("load", asked("load")),
            ("request", asked("request")),
            (
                "definitions",
                format!("version {}", self.run.schema_version),
            ),
        ]
    }

    /// Why its own figures prove nothing.
    fn unsound(&self) -> Option<String> {
        let id = &self.run.run_id;
        if self.run.finished.is_none() {
            return Some(format!("{id} did not come to its end"));
        }
        if let Some(why) = self.run.incomplete() {
            return Some(format!("{id}: {why}"));
        }
        let invalid = self.run.quality.verdict == QualityVerdict::Invalid;
        invalid.then(|| format!("the measurement of {id} can't be trusted"))
    }
}

/// Why two records can't be compared; empty where they can.
#[must_use]
pub fn obstacles(baseline: &Side<'_>, variant: &Side<'_>) -> Vec<String> {
    let mut found: Vec<String> = [baseline, variant]
        .iter()
        .filter_map(|side| side.unsound())
        .collect();
    let pairs = baseline.conditions().into_iter().zip(variant.conditions());
    for ((what, a), (_, b)) in pairs {
        // A scenario need not say how it asks; but it sends requests to a model on a machine.
        let needed = !matches!(what, "load" | "request");
        if needed && (a.is_empty() || b.is_empty()) {
            found.push(format!("not known of both: {what}"));
        } else if a != b {
            let shown = if a.len() + b.len() > 100 {
                String::new()
            } else {
                format!(": {a}, now {b}")
            };
            found.push(format!("other {what}{shown}"));
        }
    }
    found
}
