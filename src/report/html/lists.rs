//! Checks, failed requests, the quality of the measurement, and how to repeat the run.

use super::detail::Detail;
use super::pieces::{excerpt, wide};
use crate::compare::counted;
use crate::record::Sample;
use crate::record::model::{
    Check, Excerpt, PhaseRecord, QualityVerdict, Run, SameText, VariantRecord,
};
use crate::report::escape::line;
use crate::report::number::{count, number};
use crate::report::view;
use maud::{Markup, html};

/// The checks, failed ones first.
pub(crate) fn checks(run: &Run) -> Markup {
    let (held, failed): (Vec<_>, Vec<_>) = run.checks.iter().partition(|check| check.passed);
    if run.checks.is_empty() {
        return Markup::default();
    }
    let few = run.checks.len() <= view::FEW;
    html! {
        p { (held.len()) " of " (run.checks.len()) " held." } "\n"
        @if few {
            (table("Table of checks", &[failed, held].concat()))
        } @else {
            @if !failed.is_empty() { (table("Checks that failed", &failed)) }
            @if !held.is_empty() {
                details {
                    summary { "The " (held.len()) " that held" } "\n"
                    (table("Checks that held", &held))
                } "\n"
            }
        }
    }
}

fn table(title: &str, checks: &[&Check]) -> Markup {
    let table = html! {
        table class="sortable checks" {
            thead {
                tr {
                    th scope="col" { "result" }
                    th scope="col" { "check" }
                    th scope="col" { "on" }
                    th scope="col" { "found" }
                }
            }
            tbody { "\n"
                @for check in checks { (row(check)) "\n" }
            }
        }
    };
    wide(title, table)
}

fn row(check: &Check) -> Markup {
    let (class, mark) = if check.passed {
        ("good", "\u{2713} held")
    } else {
        ("bad", "\u{2717} failed")
    };
    let mut details = check.detail.lines();
    let found = details.next().unwrap_or_default();
    let examples: Vec<&str> = details.collect();
    html! {
        tr class=(class) {
            td.mark { (mark) }
            th scope="row" { (check.name) }
            td { (check.scope) }
            td {
                (found)
                @if !examples.is_empty() {
                    ul { @for example in examples { li { (example) } } }
                }
            }
        }
    }
}

/// The first answers that differ, side by side.
pub(crate) fn answers(run: &Run) -> Markup {
    let found = run.same_text.iter().filter(|of| !of.examples.is_empty());
    html! {
        @for of in found {
            (wide("Table of answers", differences(of)))
            p.note { "The first " (of.unit) " that differs is marked." } "\n"
        }
    }
}

fn differences(of: &SameText) -> Markup {
    html! {
        table.answers {
            thead {
                tr {
                    th scope="col" { "request" }
                    th scope="col" { "in common" }
                    th scope="col" { (of.baseline) }
                    th scope="col" { (of.variant) }
                }
            }
            tbody { "\n"
                @for example in &of.examples {
                    tr {
                        th scope="row" { (example.place()) }
                        td { (counted(example.agree, &of.unit)) }
                        td { (marked(&example.left)) }
                        td { (marked(&example.right)) }
                    } "\n"
                }
            }
        }
    }
}

fn marked(around: &Excerpt) -> Markup {
    html! {
        (around.before)
        @match &around.piece {
            Some(piece) => mark { (piece) },
            None => em { "(end)" },
        }
        (around.after)
    }
}

/// Failed requests by variant, phase and class, with examples.
pub(crate) fn errors(run: &Run, detail: &Detail) -> Markup {
    let phases = run.variants.iter().flat_map(|variant| &variant.phases);
    if phases.into_iter().all(|phase| phase.errors.is_empty()) {
        return Markup::default();
    }
    let table = html! {
        table.named {
            thead {
                tr {
                    th scope="col" { "class" }
                    th scope="col" { "variant" }
                    th scope="col" { "phase" }
                    th.n scope="col" { "requests" }
                    th scope="col" { "examples" }
                }
            }
            tbody { "\n"
                @for (v, variant) in run.variants.iter().enumerate() {
                    @for (p, phase) in variant.phases.iter().enumerate() {
                        (failed(variant, phase, |class| detail.failures(v, p, class)))
                    }
                }
            }
        }
    };
    wide("Table of errors", table)
}

/// The failures of a phase, one row per class.
fn failed<'a>(
    variant: &VariantRecord,
    phase: &PhaseRecord,
    examples: impl Fn(&str) -> &'a [Sample],
) -> Markup {
    html! {
        @for (class, requests) in &phase.errors {
            tr {
                th scope="row" { (class) }
                td { (variant.name) }
                td { (phase.name) }
                td.n { (count(*requests)) }
                td { ul { @for sample in examples(class) { (example(sample)) } } }
            } "\n"
        }
    }
}

fn example(sample: &Sample) -> Markup {
    let after = sample.end_ns.saturating_sub(sample.due_ns) as f64 / 1e6;
    html! {
        li {
            "request " (sample.index)
            @if let Some(status) = sample.status { ", status " (status) }
            ", " (number(Some(after))) " ms after it was due: "
            (excerpt(sample.detail.as_deref().unwrap_or("-"), 300))
        }
    }
}

/// Whether the measurement can be trusted.
pub(crate) fn quality(run: &Run) -> Markup {
    let quality = &run.quality;
    let (class, said) = match quality.verdict {
        QualityVerdict::Unmeasured => return Markup::default(),
        QualityVerdict::Imported => ("doubt", "imported"),
        QualityVerdict::Good => (
            "good",
            "Good: the client kept up, so the metrics describe the server.",
        ),
        QualityVerdict::Marked => ("doubt", "Marked: usable, but see the findings below."),
        QualityVerdict::Invalid => (
            "bad",
            "Invalid: something other than the server influenced the metrics.",
        ),
    };
    html! {
        p { strong class=(class) { (said) } } "\n"
        @if !quality.findings.is_empty() {
            ul.findings { "\n"
                @for finding in &quality.findings {
                    li {
                        code { (finding.code) } " " (finding.shown())
                        @if let Some(example) = &finding.example { ul { li { (example) } } }
                    } "\n"
                }
            } "\n"
        }
        (cost(run))
    }
}

/// The processor time of the client in each phase, if it was measured.
fn cost(run: &Run) -> Markup {
    let phases = run.variants.iter().flat_map(|variant| {
        let phases = variant.phases.iter();
        phases.map(|phase| (&variant.name, phase))
    });
    let measured: Vec<_> = phases
        .filter_map(|(variant, phase)| Some((variant, phase, phase.client.cpu_ns?)))
        .collect();
    if measured.is_empty() {
        return Markup::default();
    }
    let title = "Processor time of bench";
    let table = html! {
        table {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { "phase" }
                    th scope="col" { "total, ms" }
                    th scope="col" { "per event, \u{b5}s" }
                }
            }
            tbody { "\n"
                @for (variant, phase, cpu_ns) in measured {
                    tr {
                        th scope="row" { (variant) "/" (phase.name) }
                        td { (number(Some(cpu_ns as f64 / 1e6))) }
                        td { (number(phase.client.cpu_us_per_event())) }
                    } "\n"
                }
            }
        }
    };
    wide(title, table)
}

/// The scenario, and the command that runs it again.
pub(crate) fn repeat(run: &Run) -> Markup {
    let scenario = &run.scenario;
    let resolved = serde_json::to_string_pretty(scenario.resolved.json()).unwrap_or_default();
    html! {
        p { "To repeat the run:" } "\n"
        // On one line, even if the file name has line breaks: users copy this command.
        pre tabindex="0" role="region" aria-label="Command" { "bench run " (line(&scenario.path)) } "\n"
        details {
            summary {
                "The scenario of this run, with overlays and " code { "--set" } " applied (SHA-256 "
                code { (view::short(&scenario.sha256)) } ")"
            } "\n"
            p.note {
                "JSON is also YAML: save this text in the directory of the original scenario and run it with " code { "bench run" } "."
            } "\n"
            pre tabindex="0" role="region" aria-label="Scenario of this run" { (resolved) }
        } "\n"
    }
}

#[cfg(test)]
#[path = "tests/lists.rs"]
mod tests;
