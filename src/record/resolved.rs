//! The scenario as a record holds it: its JSON as it was run, and what other rooms ask of it, read once.

use crate::scenario::margin::Margin;
use crate::scenario::model::Model;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The member that holds what another tool was asked, in an imported record.
pub(crate) const IMPORTED: &str = "imported";
/// The member that names both records, in a comparison of two.
pub(crate) const COMPARED: &str = "compared";
/// The member of a run whose baseline ran against itself.
pub(crate) const AGAINST_ITSELF: &str = "against_itself";

/// The scenario after overlays and `--set`; secrets redacted. JSON holds it as it was written, by whatever version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Resolved {
    json: Value,
    settings: Settings,
}

/// What is asked of a record's scenario. What it does not say, or says in a way that is not understood, is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the figures come from.
    pub origin: Origin,
    /// The model under test.
    pub model: Option<Model>,
    /// The variant that the others are compared with.
    pub baseline: Option<String>,
    /// The share of requests that must be answered alike, 1 being all; absent where none must.
    pub same_text: Option<f64>,
    /// The temperature that every request asks for.
    pub temperature: Option<f64>,
    /// The load as it was written: two runs are comparable only where it is the same.
    pub load: Option<Value>,
    /// The request as it was written, likewise.
    pub request: Option<Value>,
}

/// Where the figures of a record come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A run of the scenario.
    Run,
    /// A run of its baseline against itself.
    AgainstItself,
    /// Another tool.
    Imported,
    /// Two records that were compared.
    Compared,
}

impl Resolved {
    /// The scenario as JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What it says.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl From<Value> for Resolved {
    fn from(json: Value) -> Self {
        let settings = Settings::read(&json);
        Self { json, settings }
    }
}

impl From<Resolved> for Value {
    fn from(resolved: Resolved) -> Self {
        resolved.json
    }
}

impl Settings {
    fn read(json: &Value) -> Self {
        let has = |key: &str| json.get(key).is_some();
        let same_text = at::<bool>(json, "/compare/same_text").unwrap_or(false);
        let share = || at::<Margin>(json, "/compare/same_text_share").map_or(1.0, |share| share.0);
        Self {
            origin: if has(IMPORTED) {
                Origin::Imported
            } else if has(COMPARED) {
                Origin::Compared
            } else if has(AGAINST_ITSELF) {
                Origin::AgainstItself
            } else {
                Origin::Run
            },
            model: at(json, "/model"),
            baseline: at(json, "/compare/baseline"),
            same_text: same_text.then(share),
            temperature: at(json, "/request/params/temperature"),
            load: json.get("load").cloned(),
            request: json.get("request").cloned(),
        }
    }
}

/// The value at a path, where it is there and understood.
fn at<T: DeserializeOwned>(json: &Value, path: &str) -> Option<T> {
    T::deserialize(json.pointer(path)?).ok()
}

#[cfg(test)]
#[path = "tests/resolved.rs"]
mod tests;
