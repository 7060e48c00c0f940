//! Whether two records can be held against each other at all.

use crate::record::model::{QualityVerdict, Run, VariantRecord};
use serde_json::Value;

/// One of two records, and its variant that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The record.
    pub run: &'a Run,
    /// The variant.
    pub variant: &'a VariantRecord,
}

/// Why a record gives no variant to compare.
#[derive(Debug, thiserror::Error)]
pub enum NoVariant {
    /// It has none.
    #[error("{run} holds no variant: nothing ran")]
    Nothing {
        /// The record's run id.
        run: String,
    },
    /// It has none of this name.
    #[error("{run} has no variant `{name}`; it has {known}")]
    Unknown {
        /// The record's run id.
        run: String,
        /// The name that was asked for.
        name: String,
        /// The names that it has.
        known: String,
    },
    /// It has several, and none was named.
    #[error("{run} has several variants: {known}; say which with `--variant NAME`")]
    Several {
        /// The record's run id.
        run: String,
        /// Their names.
        known: String,
    },
}

impl NoVariant {
    fn of(run: &Run, name: Option<&str>) -> Self {
        let names: Vec<&str> = run.variants.iter().map(|v| v.name.as_str()).collect();
        let (run, known) = (run.run_id.clone(), names.join(", "));
        match name {
            _ if names.is_empty() => Self::Nothing { run },
            Some(name) => Self::Unknown {
                run,
                name: name.to_owned(),
                known,
            },
            None => Self::Several { run, known },
        }
    }
}

impl<'a> Side<'a> {
    /// The variant of this name; the only one unless named.
    ///
    /// # Errors
    /// When there is none, or several to choose from.
    pub fn of(run: &'a Run, name: Option<&str>) -> Result<Self, NoVariant> {
        let found = match (name, run.variants.as_slice()) {
            (Some(name), all) => all.iter().find(|variant| variant.name == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found
            .map(|variant| Side { run, variant })
            .ok_or_else(|| NoVariant::of(run, name))
    }

    /// What must be alike for a difference to be of the engine alone: each thing's name and what it is here.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let machine = &self.run.machine;
        let settings = self.run.scenario.settings();
        let asked = |part: &Option<Value>| part.as_ref().map_or(String::new(), Value::to_string);
        let known = |text: Option<&str>| text.unwrap_or_default().to_owned();
        vec![
            ("model", known(self.variant.engine.known_model())),
            (
                "requests",
                self.variant.requests_sha256.chars().take(12).collect(),
            ),
            ("processor", known(machine.known_cpu())),
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
            ("load", asked(&settings.load)),
            ("request", asked(&settings.request)),
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
