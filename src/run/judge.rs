//! From what the variants' turns gave to the record: figures, checks, quality, comparison, verdict.

use super::Failure;
use super::rounds::Turns;
use super::tokenizer::tokenizer;
use super::variant::{Outcome, log_dir};
use crate::compare::{Answer, Answers, alike, decompose, same_text, side_by_side};
use crate::files;
use crate::measure::rounds;
use crate::measure::server::ServerWindow;
use crate::measure::summary::PhaseFigures;
use crate::plan::{Plan, VariantPlan};
use crate::record::model::{
    Finding, PhaseRecord, Quality, RoundRecord, Run, Severity, VariantRecord,
};
use crate::record::{self, Ending, ExitCode, Writer, conclude};
use crate::scenario::rules::Alike;
use crate::verify::evidence::{Logs, processes};
use crate::verify::examples::Examples;
use crate::verify::{Check, Measured, PhaseResult, gates, quality, successes};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::slice;

/// Writes into the record what is known so far.
pub(super) fn note(run: &mut Run, plan: &Plan, all: &[Turns]) {
    let turned = plan.variants.iter().zip(all);
    run.variants = turned
        .filter(|(_, turns)| !turns.outcomes.is_empty())
        .map(|(variant, turns)| VariantRecord {
            tier: turns
                .outcomes
                .last()
                .and_then(|outcome| outcome.containment)
                .map(|containment| containment.name().to_owned()),
            startup: middle(
                turns,
                |outcome| outcome.startup.as_ref(),
                |startup| startup.ready_ms,
            ),
            phases: phases(variant, &typical(&turns.outcomes), turns.outcomes.last()),
            teardown: middle(
                turns,
                |outcome| outcome.teardown.as_ref(),
                |teardown| teardown.ms,
            ),
            rounds: match plan.comparing {
                Some(_) => each(variant, turns),
                None => Vec::new(),
            },
            ..VariantRecord::new(variant)
        })
        .collect();
}

/// Phases with what a search tried, as `outcome` has it.
fn phases(
    variant: &VariantPlan,
    typical: &[Typical],
    outcome: Option<&Outcome>,
) -> Vec<PhaseRecord> {
    let planned = variant.phases.iter().zip(typical).enumerate();
    planned
        .map(
            |(
                index,
                (
                    phase,
                    Typical {
                        figures, server, ..
                    },
                ),
            )| {
                let assessed = outcome.and_then(|outcome| outcome.phases.get(index));
                PhaseRecord {
                    curve: assessed.map_or_else(Vec::new, |assessed| assessed.curve.clone()),
                    ..PhaseRecord::new(phase, figures, server.as_ref())
                }
            },
        )
        .collect()
}

fn each(variant: &VariantPlan, turns: &Turns) -> Vec<RoundRecord> {
    let taken = (1..).zip(turns.outcomes.iter().zip(&turns.turns));
    taken
        .map(|(round, (outcome, turn))| RoundRecord {
            round,
            turn: *turn,
            startup: outcome.startup.clone(),
            phases: phases(variant, &typical(slice::from_ref(outcome)), Some(outcome)),
            teardown: outcome.teardown.clone(),
        })
        .collect()
}

/// One phase over some rounds.
struct Typical {
    figures: PhaseFigures,
    server: Option<ServerWindow>,
    examples: Examples,
}

/// The phases that began, each as its typical round.
fn typical(outcomes: &[Outcome]) -> Vec<Typical> {
    let most = outcomes.iter().map(|outcome| outcome.phases.len()).max();
    let of = |index: usize| {
        let rounds = || outcomes.iter().filter_map(move |o| o.phases.get(index));
        let figures: Vec<&PhaseFigures> = rounds().map(|assessed| &assessed.figures).collect();
        let servers: Vec<&ServerWindow> = rounds().filter_map(|a| a.server.as_ref()).collect();
        let mut examples = Examples::default();
        rounds().for_each(|assessed| examples.join(&assessed.examples));
        Some(Typical {
            examples,
            figures: rounds::typical(&figures)?,
            server: rounds::typical_server(&servers),
        })
    };
    (0..most.unwrap_or(0)).filter_map(of).collect()
}

/// Of all rounds the one with the median value.
fn middle<T: Clone>(
    turns: &Turns,
    get: fn(&Outcome) -> Option<&T>,
    value: fn(&T) -> f64,
) -> Option<T> {
    let mut all: Vec<&T> = turns.outcomes.iter().filter_map(get).collect();
    all.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let last = all.len().checked_sub(1)?;
    all.get(last / 2).map(|one| (*one).clone())
}

/// Judges a run whose variants have had their turns, and concludes its record.
pub(super) fn judge(
    run: &mut Run,
    plan: &Plan,
    all: &[Turns],
    writer: &Writer,
) -> Result<ExitCode, Failure> {
    let all_typical = all.iter().map(|turns| typical(&turns.outcomes));
    let typical: Vec<Vec<Typical>> = all_typical.collect();
    let results: Vec<Vec<PhaseResult<'_>>> = plan
        .variants
        .iter()
        .zip(all.iter().zip(&typical))
        .map(|(variant, (turns, typical))| results(variant, &turns.outcomes, typical))
        .collect();
    let measured: Vec<Measured<'_>> = plan
        .variants
        .iter()
        .zip(&results)
        .filter_map(|(variant, phases)| {
            let record = run
                .variants
                .iter()
                .find(|record| record.name == variant.name)?;
            Some(Measured {
                variant: &variant.name,
                startup_ms: record.startup.as_ref().map(|startup| startup.ready_ms),
                teardown_ms: record.teardown.as_ref().map(|teardown| teardown.ms),
                phases,
            })
        })
        .collect();
    let (mut answers, figures) = checks(plan, all, &measured, writer)?;
    run.quality = worst(plan, all, quality(&measured, &plan.measurement));
    run.quality.findings.extend(unused_rows(plan));
    run.comparisons = side_by_side(run);
    run.decompositions = decompose(run);
    let mut outcomes = all.iter().flat_map(|turns| &turns.outcomes);
    let failure = outcomes.find_map(|outcome| outcome.failure.clone());
    if (plan.same_text || !plan.across.is_empty()) && failure.is_none() {
        answers.extend(across(run, plan, writer)?);
    }
    let ending = match failure {
        // Answers that are not as the scenario demands are a failed check.
        None | Some(Failure::Unproven(_)) => Ending::Finished,
        Some(failure) => failure.ending(),
    };
    let quality = run.quality.clone();
    Ok(conclude(run, ending, answers, figures, quality))
}

/// What each search found, with all it tried; one that found nothing has failed.
fn searches(variant: &VariantPlan, turns: &Turns) -> Vec<Check> {
    let last = turns.outcomes.last();
    let phases = variant
        .phases
        .iter()
        .zip(last.map_or(&[][..], |outcome| &outcome.phases));
    phases
        .filter_map(|(phase, assessed)| {
            let search = phase.search.as_ref()?;
            let mut detail = match assessed.found {
                Some(value) => format!("{} keeps it", search.shown(value)),
                None => "nothing in the range keeps it".to_owned(),
            };
            for point in &assessed.curve {
                let held = if point.held { "kept" } else { "broken" };
                let _ = write!(detail, "\n{}: {held}", search.shown(point.value));
                let figures = [
                    ("TTFT p99", point.ttft_p99_ms, " ms"),
                    ("e2e p99", point.e2e_p99_ms, " ms"),
                    ("requests", point.requests_per_s, "/s"),
                    ("tokens", point.output_tokens_per_s, "/s"),
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

/// What was asked of answers, and of figures.
fn checks(
    plan: &Plan,
    all: &[Turns],
    measured: &[Measured<'_>],
    writer: &Writer,
) -> Result<(Vec<Check>, Vec<Check>), Failure> {
    let (mut answers, mut figures) = (Vec::new(), Vec::new());
    for (variant, turns) in plan.variants.iter().zip(all) {
        let mut outcomes = turns.outcomes.iter();
        let failure = outcomes.find_map(|outcome| outcome.failure.as_ref());
        if let Some(Failure::Unproven(reason)) = failure {
            answers.push(Check {
                name: "readiness: answers as the scenario demands".into(),
                scope: variant.name.clone(),
                passed: false,
                detail: reason.clone(),
            });
        }
        if let Some(death) = turns
            .outcomes
            .iter()
            .find_map(|outcome| outcome.death.as_ref())
        {
            answers.push(Check {
                name: "processes: every one lives to the end of the load".into(),
                scope: variant.name.clone(),
                passed: false,
                detail: death.clone(),
            });
        }
        if let Some((phase, reason)) = turns
            .outcomes
            .iter()
            .find_map(|outcome| outcome.given_up.as_ref())
        {
            answers.push(Check {
                name: "load: requests succeed (`load.give_up_after`)".into(),
                scope: format!("{}/{phase}", variant.name),
                passed: false,
                detail: reason.clone(),
            });
        }
        // Of a turn that ended early, only what was asked of answers is told; its figures are of no whole phase.
        if let Some(tally) = &turns.tally {
            answers.extend(tally.checks(&variant.name));
        }
        let on = measured.iter().find(|on| on.variant == variant.name);
        if let (None, Some(on)) = (failure, on) {
            answers.extend(evidence(plan, variant, turns, writer)?);
            answers.extend(successes(on));
            figures.extend(searches(variant, turns));
            figures.extend(gates(&variant.gates, on, measured));
        }
    }
    Ok((answers, figures))
}

/// The quality of the typical rounds; where a single round was worse than these, that round's.
fn worst(plan: &Plan, all: &[Turns], of_typical: Quality) -> Quality {
    if plan.comparing.is_none() {
        return of_typical;
    }
    let mut worst = of_typical;
    for (variant, turns) in plan.variants.iter().zip(all) {
        for (round, outcome) in (1..).zip(&turns.outcomes) {
            let name = format!("{} round {round}", variant.name);
            let one = quality(
                &[Measured {
                    variant: &name,
                    startup_ms: None,
                    teardown_ms: None,
                    phases: &results(
                        variant,
                        slice::from_ref(outcome),
                        &typical(slice::from_ref(outcome)),
                    ),
                }],
                &plan.measurement,
            );
            if one.verdict > worst.verdict {
                worst = one;
            }
        }
    }
    worst
}

/// Rows of the prompts' file that gave no request. The user asked for it, or the format says so: the measurement stays good.
fn unused_rows(plan: &Plan) -> impl Iterator<Item = Finding> + use<'_> {
    plan.notes.iter().map(|note| Finding {
        severity: Severity::Note,
        code: "unused_rows".to_owned(),
        detail: note.clone(),
        example: None,
    })
}

fn results<'a>(
    variant: &'a VariantPlan,
    outcomes: &'a [Outcome],
    typical: &'a [Typical],
) -> Vec<PhaseResult<'a>> {
    let planned = variant.phases.iter().zip(typical).enumerate();
    planned
        .map(|(index, (plan, typical))| {
            let rounds = || outcomes.iter().filter_map(move |o| o.phases.get(index));
            PhaseResult {
                plan,
                figures: &typical.figures,
                examples: &typical.examples,
                counted_by_chunks: rounds().map(|assessed| assessed.counted_by_chunks).sum(),
                // What answers told adds up to one round's count, not to all of theirs.
                told: rounds()
                    .next()
                    .filter(|_| outcomes.len() == 1)
                    .map(|a| &a.told),
                server: typical.server.as_ref(),
            }
        })
        .collect()
}

/// What stands behind a variant's answers: its processes, and its logs read from the record.
fn evidence(
    plan: &Plan,
    variant: &VariantPlan,
    turns: &Turns,
    writer: &Writer,
) -> Result<Vec<Check>, Failure> {
    let mut checks = processes(&variant.process_rules, variant);
    if variant.log_rules.is_empty() {
        return Ok(checks);
    }
    let mut logs = Logs::compile(&variant.log_rules)?;
    let rounds = (1..).zip(&turns.outcomes);
    let mut dirs: Vec<PathBuf> = rounds
        .map(|(round, _)| log_dir(plan, variant, round, writer))
        .collect();
    dirs.dedup();
    for dir in dirs {
        for process in &variant.processes {
            let Ok(file) = files::open(&dir.join(format!("{}.log", process.name))) else {
                continue;
            };
            // The first line is ours: what was started.
            for line in BufReader::new(file)
                .split(b'\n')
                .skip(1)
                .map_while(Result::ok)
            {
                logs.line(&process.name, &String::from_utf8_lossy(&line));
            }
        }
    }
    checks.extend(logs.checks(&variant.name));
    Ok(checks)
}

/// Whether every variant gave the baseline's answer on every measured request; read back from the record.
fn across(run: &mut Run, plan: &Plan, writer: &Writer) -> Result<Vec<Check>, Failure> {
    let failed = |error: record::Error| Failure::Setup(error.to_string());
    let mut variants = run.variants.iter();
    let Some(baseline) = variants.find(|variant| Some(&variant.name) == plan.baseline.as_ref())
    else {
        return Ok(Vec::new());
    };
    let mut checks = Vec::new();
    for variant in run.variants.iter().filter(|v| v.name != baseline.name) {
        let dir = writer.dir();
        let [a, b] = Answers::read_both((dir, baseline), (dir, variant), None).map_err(failed)?;
        if plan.same_text {
            let found = same_text(&a, &b, || tokenizer(&run.scenario)).map_err(failed)?;
            checks.push(found.check(plan.same_text_share));
            run.same_text.push(found);
        }
        for what in &plan.across {
            let (what, get) = figure(*what);
            checks.push(alike(what, get, &a, &b));
        }
    }
    Ok(checks)
}

/// A figure that variants may be held to have alike: its name, and where it stands.
fn figure(what: Alike) -> (&'static str, fn(&Answer) -> Option<u64>) {
    match what {
        Alike::Status => ("status", |answer| answer.status),
        Alike::PromptTokens => ("prompt tokens", |answer| answer.prompt_tokens),
        Alike::OutputTokens => ("output tokens", |answer| answer.output_tokens),
    }
}
