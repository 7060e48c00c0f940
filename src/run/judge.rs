//! From what the variants' turns gave to the record: figures, checks, quality, comparison, verdict.

use super::Failure;
use super::variant::Outcome;
use crate::compare::{decompose, same_text, side_by_side};
use crate::plan::{Plan, VariantPlan};
use crate::record::model::{PhaseRecord, Run, VariantRecord};
use crate::record::{self, Ending, ExitCode, Sample, Writer, conclude};
use crate::verify::{Check, Measured, PhaseResult, gates, quality, successes};
use std::fmt::Write as _;

/// Writes into the record what is known so far.
pub(super) fn note(run: &mut Run, plan: &Plan, outcomes: &[Outcome]) {
    run.variants = plan
        .variants
        .iter()
        .zip(outcomes)
        .map(|(variant, outcome)| {
            let phases = variant.phases.iter().zip(&outcome.phases);
            VariantRecord {
                tier: outcome.tier.map(|tier| tier.name().to_owned()),
                startup: outcome.startup.clone(),
                phases: phases
                    .map(|(phase, assessed)| PhaseRecord {
                        curve: assessed.curve.clone(),
                        ..PhaseRecord::new(phase, &assessed.figures, assessed.server.as_ref())
                    })
                    .collect(),
                teardown: outcome.teardown.clone(),
                ..VariantRecord::new(variant)
            }
        })
        .collect();
}

/// Judges a run whose variants have had their turns, and concludes its record.
pub(super) fn judge(
    run: &mut Run,
    plan: &Plan,
    outcomes: Vec<Outcome>,
    writer: &Writer,
) -> Result<ExitCode, Failure> {
    let results: Vec<Vec<PhaseResult<'_>>> = plan
        .variants
        .iter()
        .zip(&outcomes)
        .map(|(variant, outcome)| results(variant, outcome))
        .collect();
    let (mut answers, mut figures, mut measured) = (Vec::new(), Vec::new(), Vec::new());
    for ((variant, outcome), phases) in plan.variants.iter().zip(&outcomes).zip(&results) {
        if let Some(Failure::Unproven(reason)) = &outcome.failure {
            answers.push(Check {
                name: "readiness: answers as the scenario demands".into(),
                scope: variant.name.clone(),
                passed: false,
                detail: reason.clone(),
            });
        }
        let on = Measured {
            variant: &variant.name,
            startup_ms: outcome.startup.as_ref().map(|startup| startup.ready_ms),
            teardown_ms: outcome.teardown.as_ref().map(|teardown| teardown.ms),
            phases,
        };
        if let Some(death) = &outcome.death {
            answers.push(Check {
                name: "processes: every one lives to the end of the load".into(),
                scope: variant.name.clone(),
                passed: false,
                detail: death.clone(),
            });
        }
        // Of a turn that ended early, only what was asked of answers is told; its figures are of no whole phase.
        if let Some(tally) = &outcome.tally {
            answers.extend(tally.checks(&variant.name));
        }
        if outcome.failure.is_none() {
            answers.extend(successes(&on));
            figures.extend(searches(variant, outcome));
            figures.extend(gates(&variant.gates, &on));
        }
        measured.push(on);
    }
    run.comparisons = side_by_side(run);
    run.decompositions = decompose(run);
    let failure = outcomes.iter().find_map(|outcome| outcome.failure.clone());
    if plan.same_text && failure.is_none() {
        answers.extend(texts(run, plan, writer)?);
    }
    let ending = match failure {
        None | Some(Failure::Unproven(_)) => Ending::Finished,
        Some(Failure::Interrupted) => Ending::Interrupted,
        Some(failure) => Ending::Broken(failure.to_string()),
    };
    Ok(conclude(run, ending, answers, figures, quality(&measured)))
}

/// What each search found, with all it tried; one that found nothing has failed.
fn searches(variant: &VariantPlan, outcome: &Outcome) -> Vec<Check> {
    let phases = variant.phases.iter().zip(&outcome.phases);
    phases
        .filter_map(|(phase, assessed)| {
            let search = phase.search.as_ref()?;
            let mut detail = match assessed.found {
                Some(value) => format!("{} keeps it", search.shown(value)),
                None => "nothing in the range keeps it".to_owned(),
            };
            for probe in &assessed.curve {
                let held = if probe.held { "kept" } else { "broken" };
                let _ = write!(detail, "\n{}: {held}", search.shown(probe.value));
                let figures = [
                    ("TTFT p99", probe.ttft_p99_ms, " ms"),
                    ("e2e p99", probe.e2e_p99_ms, " ms"),
                    ("requests", probe.requests_per_s, "/s"),
                    ("tokens", probe.output_tokens_per_s, "/s"),
                ];
                for (what, found, unit) in figures {
                    if let Some(found) = found {
                        let _ = write!(detail, ", {what} {found:.1}{unit}");
                    }
                }
            }
            let goal: Vec<&str> = search.goal.iter().map(|gate| gate.text.as_str()).collect();
            Some(Check {
                name: format!("search {}: {}", search.between, goal.join(", ")),
                scope: format!("{}/{}", variant.name, phase.name),
                passed: assessed.found.is_some(),
                detail,
            })
        })
        .collect()
}

fn results<'a>(variant: &'a VariantPlan, outcome: &'a Outcome) -> Vec<PhaseResult<'a>> {
    variant
        .phases
        .iter()
        .zip(&outcome.phases)
        .map(|(plan, assessed)| PhaseResult {
            plan,
            figures: &assessed.figures,
            counted_by_chunks: assessed.counted_by_chunks,
        })
        .collect()
}

/// Whether every variant gave the baseline's text on every measured request; read back from the record.
fn texts(run: &Run, plan: &Plan, writer: &Writer) -> Result<Vec<Check>, Failure> {
    let failed = |error: record::Error| Failure::Setup(error.to_string());
    let Some(baseline) = &plan.baseline else {
        return Ok(Vec::new());
    };
    let measured = |variant: &VariantPlan, sample: &Sample| {
        usize::try_from(sample.phase)
            .ok()
            .and_then(|phase| variant.phases.get(phase))
            .is_some_and(|phase| phase.measured)
    };
    let mut rows = Vec::new();
    for row in record::samples(writer.dir()).map_err(failed)? {
        rows.push(row.map_err(failed)?);
    }
    let of = |name: &str| -> Vec<&Sample> {
        plan.variants
            .iter()
            .filter(|variant| variant.name == name)
            .flat_map(|variant| {
                rows.iter()
                    .filter(|row| row.variant == name && measured(variant, &row.sample))
                    .map(|row| &row.sample)
            })
            .collect()
    };
    let held = of(baseline);
    Ok(run
        .variants
        .iter()
        .filter(|variant| variant.name != *baseline)
        .map(|variant| {
            same_text(held.iter().copied(), of(&variant.name)).check(baseline, &variant.name)
        })
        .collect())
}
