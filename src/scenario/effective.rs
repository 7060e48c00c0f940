//! The effective settings of each variant: its own, and the scenario's where it has none.

use super::model::{Engine, Runtime, Scenario, Slo, Verify};

/// One variant with all of its settings.
#[derive(Debug, Clone)]
pub(crate) struct Effective<'a> {
    /// Name of the variant. `default` where the scenario has no variants.
    pub name: &'a str,
    /// The engine of the variant.
    pub engine: &'a Engine,
    /// The Python environment of the variant. Every engine that needs one has one.
    pub runtime: Option<&'a Runtime>,
    /// The scenario's rules and gates, followed by the variant's. Each objective of the variant overrides the
    /// scenario's.
    pub verify: Verify,
}

/// The variants in the order written, or one named `default`.
#[must_use]
pub(crate) fn effective(scenario: &Scenario) -> Vec<Effective<'_>> {
    if scenario.variants.is_empty() {
        let engine = scenario.engine.iter();
        return engine
            .map(|engine| Effective {
                name: "default",
                engine,
                runtime: scenario.runtime.as_ref(),
                verify: scenario.verify.clone(),
            })
            .collect();
    }
    let variants = scenario.variants.iter();
    variants
        .filter_map(|(name, variant)| {
            Some(Effective {
                name,
                engine: variant.engine.as_ref().or(scenario.engine.as_ref())?,
                runtime: variant.runtime.as_ref().or(scenario.runtime.as_ref()),
                verify: merged(&scenario.verify, &variant.verify),
            })
        })
        .collect()
}

fn merged(base: &Verify, own: &Verify) -> Verify {
    let mut verify = base.clone();
    verify
        .every_response
        .extend(own.every_response.iter().cloned());
    verify.logs.extend(own.logs.iter().cloned());
    verify.processes.extend(own.processes.iter().cloned());
    verify.gates.extend(own.gates.iter().cloned());
    verify.slo = match (&base.slo, &own.slo) {
        (Some(base), Some(own)) => Some(Slo {
            ttft: own.ttft.or(base.ttft),
            tpot: own.tpot.or(base.tpot),
            e2e: own.e2e.or(base.e2e),
        }),
        (base, own) => own.clone().or_else(|| base.clone()),
    };
    verify
}
