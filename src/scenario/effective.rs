//! What each variant comes to: the scenario's own settings with the variant's laid over them.

use super::model::{Engine, Runtime, Scenario, Verify};

/// One variant, or the scenario itself, named `default`, where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its engine.
    pub engine: &'a Engine,
    /// Its Python.
    pub runtime: Option<&'a Runtime>,
    /// The scenario's rules and gates, then the variant's; the variant's objectives in place of the scenario's.
    pub verify: Verify,
}

/// Every variant in the order written. A variant without an engine, which a checked scenario does not have, is left out.
#[must_use]
pub fn effective(scenario: &Scenario) -> Vec<Effective<'_>> {
    if scenario.variants.is_empty() {
        return scenario
            .engine
            .iter()
            .map(|engine| Effective {
                name: "default",
                engine,
                runtime: scenario.runtime.as_ref(),
                verify: scenario.verify.clone(),
            })
            .collect();
    }
    scenario
        .variants
        .iter()
        .filter_map(|(name, variant)| {
            let mut verify = scenario.verify.clone();
            verify
                .every_response
                .extend(variant.verify.every_response.iter().cloned());
            verify.gates.extend(variant.verify.gates.iter().cloned());
            verify.slo = variant.verify.slo.clone().or(verify.slo);
            Some(Effective {
                name,
                engine: variant.engine.as_ref().or(scenario.engine.as_ref())?,
                runtime: variant.runtime.as_ref().or(scenario.runtime.as_ref()),
                verify,
            })
        })
        .collect()
}
