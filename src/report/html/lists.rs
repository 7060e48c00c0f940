//! Checks, failed and slow requests, the quality of the measurement, and how to repeat the run.

use super::detail::Detail;
use super::pieces::{excerpt, wide};
use crate::compare::counted;
use crate::record::Sample;
use crate::record::model::{Check, Excerpt, PhaseRecord, Run, SameText, VariantRecord};
use crate::report::escape::line;
use crate::report::number::{count, number};
use crate::report::svg::bar::{Piece, bar};
use crate::report::view;
use maud::{Markup, html};

/// Characters of an answer that are shown.
const SHOWN: usize = 60;

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
    let after = ms(sample.end_ns.saturating_sub(sample.due_ns));
    html! {
        li {
            "request " (sample.index)
            @if let Some(status) = sample.status { ", status " (status) }
            ", " (number(Some(after))) " ms after it was due: "
            (excerpt(sample.detail.as_deref().unwrap_or("-"), 300))
        }
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// The slowest successful requests with their parts.
pub(crate) fn slowest(run: &Run, detail: &Detail) -> Markup {
    let all: Vec<&Sample> = detail.variants.iter().flat_map(|v| &v.slowest).collect();
    if all.is_empty() {
        return Markup::default();
    }
    let longest = all.iter().map(|s| s.end_ns.saturating_sub(s.due_ns)).max();
    let slowest = Slowest {
        longest: ms(longest.unwrap_or(0)),
        answers: all.iter().any(|s| s.text.is_some()),
    };
    html! {
        p.legend {
            span { i.k5 {} "wait and connect" } " "
            span { i.k0 {} "to first token" } " "
            span { i.k2 {} "tokens" } " "
            span { i.k1 {} "end of stream" }
        } "\n"
        (wide("Table of the slowest requests", slowest.table(run, detail)))
    }
}

/// What the rows of slow requests share.
struct Slowest {
    /// Milliseconds from due to end of the longest request.
    longest: f64,
    /// Whether answers were kept.
    answers: bool,
}

impl Slowest {
    fn table(&self, run: &Run, detail: &Detail) -> Markup {
        html! {
            table class="sortable named" {
                thead {
                    tr {
                        th scope="col" { "request" }
                        th.n scope="col" { "end to end (ms)" }
                        th.over scope="col" { "parts" }
                        th.n scope="col" { "wait" }
                        th.n scope="col" { "TTFT" }
                        th.n scope="col" { "TPOT" }
                        th.n scope="col" { "tokens" }
                        @if self.answers { th scope="col" { "answer" } }
                    }
                }
                tbody { "\n"
                    @for (variant, requests) in run.variants.iter().zip(&detail.variants) {
                        @for sample in &requests.slowest { (self.row(variant, sample)) "\n" }
                    }
                }
            }
        }
    }

    fn row(&self, variant: &VariantRecord, sample: &Sample) -> Markup {
        let phase = variant.phases.get(sample.phase as usize);
        let phase = phase.map_or("?", |phase| phase.name.as_str());
        let waited = |sent: u64| ms(sent.saturating_sub(sample.due_ns));
        let answer = sample.text.as_deref().unwrap_or_default().join(" / ");
        html! {
            tr {
                th scope="row" { (variant.name) " " (phase) " " (sample.index) }
                td.n { (number(sample.e2e().map(ms))) }
                td.over { (self.parts(sample)) }
                td.n { (number(sample.sent_ns.map(waited))) }
                td.n { (number(sample.ttft().map(ms))) }
                td.n { (number(sample.tpot().map(|ns| ns / 1e6))) }
                td.n { (sample.output_tokens.map_or("-".to_owned(), count)) }
                @if self.answers { td.answer { (excerpt(&answer, SHOWN)) } }
            }
        }
    }

    /// A bar from due to sent, first text, last text and end.
    fn parts(&self, sample: &Sample) -> Markup {
        let at = |ns: u64| ms(ns.saturating_sub(sample.due_ns)) / self.longest;
        let marks = [
            (sample.sent_ns, "k5"),
            (sample.first_text_ns, "k0"),
            (sample.last_text_ns, "k2"),
            (Some(sample.end_ns), "k1"),
        ];
        let mut pieces = Vec::new();
        let mut from = 0.0;
        for (ns, class) in marks {
            if let Some(to) = ns.map(at).filter(|to| *to > from) {
                pieces.push(Piece {
                    from,
                    length: to - from,
                    class,
                });
                from = to;
            }
        }
        bar(&pieces)
    }
}

/// Whether the measurement can be trusted.
pub(crate) fn quality(run: &Run) -> Markup {
    let quality = &run.quality;
    if quality.verdict.is_empty() {
        return Markup::default();
    }
    let (class, said) = match quality.verdict.as_str() {
        "good" => (
            "good",
            "Good: the client kept up, so the metrics describe the server.",
        ),
        "marked" => ("doubt", "Marked: usable, but see the findings below."),
        "invalid" => (
            "bad",
            "Invalid: something other than the server influenced the metrics.",
        ),
        other => ("doubt", other),
    };
    html! {
        p { strong class=(class) { (said) } } "\n"
        @if !quality.findings.is_empty() {
            ul.findings { "\n"
                @for finding in &quality.findings {
                    li {
                        code { (finding.code) } " " (finding.detail)
                        @if let Some(example) = &finding.example { ul { li { (example) } } }
                    } "\n"
                }
            } "\n"
        }
    }
}

/// The scenario, and the command that runs it again.
pub(crate) fn repeat(run: &Run) -> Markup {
    let scenario = &run.scenario;
    let resolved = serde_json::to_string_pretty(&scenario.resolved).unwrap_or_default();
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
