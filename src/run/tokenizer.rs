//! The tokenizer of a record's model, for its texts to be compared by tokens.

use crate::compare::Tokenizer;
use crate::prompts;
use crate::record::model::ScenarioRecord;
use std::path::Path;

/// The model's own, where this machine has it; relative paths are the scenario file's.
#[must_use]
pub(crate) fn tokenizer(scenario: &ScenarioRecord) -> Option<Tokenizer> {
    let model = scenario.settings().model.as_ref()?;
    let base = Path::new(&scenario.path).parent()?;
    prompts::tokenizer(model, base, std::env::home_dir().as_deref())
}
