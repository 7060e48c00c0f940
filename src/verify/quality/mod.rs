//! Whether the figures can be trusted: was the client on time, and did it read what came when it came? Findings that
//! are notes inform and leave the measurement good.

mod client;
mod doubts;
#[cfg(test)]
mod tests;

use super::gate::Measured;
use super::outcome::{Finding, Quality, QualityVerdict, Severity};
use crate::scenario::model::Measurement;

/// Phases that a finding names, at most; the others are counted.
const NAMED: usize = 6;

/// How bad one finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Note,
    Marked,
    Invalid,
}

/// One doubt about one phase.
#[derive(Debug, Clone, PartialEq)]
struct Doubt {
    weight: Weight,
    code: &'static str,
    /// What is wrong, whatever the phase.
    what: String,
    /// How far, in this phase.
    figure: String,
    /// What to do about it, or what it means.
    advice: &'static str,
}

/// A doubt and the phases that it touches.
struct Shared {
    doubt: Doubt,
    phases: Vec<String>,
    /// The first request that gave cause for it, and what it showed.
    example: Option<String>,
}

/// Judges the measurement of all variants; of a warm-up only whether it ended as it was to. No word where no phase began.
#[must_use]
pub(crate) fn quality(of: &[Measured<'_>], limits: &Measurement) -> Quality {
    let mut all: Vec<Shared> = Vec::new();
    for variant in of {
        for phase in variant.phases {
            let scope = variant.scope(phase);
            let (found, of_requests) = if phase.plan.measured {
                (doubts::all(phase, limits), doubts::of_requests(phase))
            } else {
                (vec![doubts::awaited(phase)], Vec::new())
            };
            for doubt in found.into_iter().flatten() {
                add(&mut all, &scope, doubt, None);
            }
            for (doubt, first) in of_requests {
                add(&mut all, &scope, doubt, first);
            }
        }
    }
    // Worst first; in the order found otherwise.
    all.sort_by_key(|shared| std::cmp::Reverse(shared.doubt.weight));
    let measured = of.iter().any(|variant| !variant.phases.is_empty());
    let verdict = match all.first().map(|shared| shared.doubt.weight) {
        _ if !measured => QualityVerdict::Unmeasured,
        Some(Weight::Invalid) => QualityVerdict::Invalid,
        Some(Weight::Marked) => QualityVerdict::Marked,
        Some(Weight::Note) | None => QualityVerdict::Good,
    };
    Quality {
        verdict,
        findings: all.iter().map(Shared::finding).collect(),
    }
}

/// A doubt that another phase gave cause for is said once.
fn add(all: &mut Vec<Shared>, scope: &str, doubt: Doubt, example: Option<String>) {
    let phase = match doubt.figure.as_str() {
        "" => scope.to_owned(),
        figure => format!("{scope} {figure}"),
    };
    let same = |known: &&mut Shared| {
        let known = &known.doubt;
        (known.weight, known.code, &known.what, known.advice)
            == (doubt.weight, doubt.code, &doubt.what, doubt.advice)
    };
    match all.iter_mut().find(same) {
        Some(known) => known.phases.push(phase),
        None => all.push(Shared {
            phases: vec![phase],
            doubt,
            example,
        }),
    }
}

impl Shared {
    fn finding(&self) -> Finding {
        let Doubt {
            weight,
            code,
            what,
            advice,
            ..
        } = &self.doubt;
        let named = &self.phases[..self.phases.len().min(NAMED)];
        let more = match self.phases.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let advice = match *advice {
            "" => String::new(),
            advice => format!("; {advice}"),
        };
        Finding {
            severity: match weight {
                Weight::Note => Severity::Note,
                Weight::Marked | Weight::Invalid => Severity::Doubt,
            },
            code: (*code).to_owned(),
            detail: format!("{what}: {}{more}{advice}", named.join(", ")),
            example: self.example.clone(),
        }
    }
}
