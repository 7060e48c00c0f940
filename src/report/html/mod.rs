//! A record as one self-contained page: no network, no style or script but its own, which its policy names by hash.
//! Pure. The verdict comes first, then the evidence for it.
//!
//! The templates are `maud`'s, so the compiler escapes every text. [`harmless`] then removes control characters from the
//! whole page at once, so that no template can forget to.

mod breakdown;
mod course;
mod decided;
mod detail;
mod downsample;
mod figures;
mod gantt;
mod lists;
mod over_time;
mod pieces;
mod slowest;
mod spread;

pub use detail::Detail;
pub(crate) use detail::{Tokens, drawn};
pub(crate) use pieces::slug;

use super::{escape, view};
use crate::record::model::{QualityVerdict, Run, Verdict};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Renders a record as a page.
#[must_use]
pub fn html(run: &Run, detail: &Detail) -> String {
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" { "\n"
            head { "\n"
                (harmless(head(run)))
                style { (PreEscaped(STYLE)) } "\n"
            }
            body { "\n"
                (harmless(body(run, detail))) "\n"
                script { (PreEscaped(SCRIPT)) } "\n"
            }
        } "\n"
    };
    page.into_string()
}

/// Markup without control characters and direction changes, which texts of models, servers and processes may contain.
fn harmless(markup: Markup) -> Markup {
    PreEscaped(escape::lines(&markup.into_string()))
}

fn head(run: &Run) -> Markup {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        allowed(STYLE),
        allowed(SCRIPT)
    );
    html! {
        meta charset="utf-8"; "\n"
        meta http-equiv="Content-Security-Policy" content=(policy); "\n"
        meta name="viewport" content="width=device-width, initial-scale=1"; "\n"
        meta name="referrer" content="no-referrer"; "\n"
        title { (run.scenario.name) ": " (view::word(run.verdict)) } "\n"
    }
}

/// The source expression that allows exactly this inline style or script.
fn allowed(inline: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64_STANDARD.encode(Sha256::digest(inline))
    )
}

/// A part of the page under a heading of its own.
struct Section {
    /// Its anchor.
    id: &'static str,
    title: &'static str,
    body: Markup,
}

fn sections(run: &Run, detail: &Detail) -> Vec<Section> {
    let all = [
        ("ran", "Setup", figures::ran(run)),
        ("checks", "Checks", lists::checks(run)),
        ("answers", "Answers that differ", lists::answers(run)),
        ("compared", figures::title(run), figures::tables(run)),
        ("decided", "Comparison over rounds", decided::intervals(run)),
        ("breakdown", "Latency breakdown", breakdown::bars(run)),
        (
            "latency",
            "Latency distributions",
            spread::charts(run, detail),
        ),
        ("course", "Load over time", course::charts(run, detail)),
        (
            "lifecycle",
            "Start-up and teardown",
            gantt::charts(run, detail),
        ),
        ("errors", "Failed requests", lists::errors(run, detail)),
        ("slowest", "Slowest requests", slowest::table(run, detail)),
        ("quality", "Measurement quality", lists::quality(run)),
        ("repeat", "Scenario", lists::repeat(run)),
    ];
    all.into_iter()
        .map(|(id, title, body)| Section { id, title, body })
        .filter(|section| !section.body.0.is_empty())
        .collect()
}

fn body(run: &Run, detail: &Detail) -> Markup {
    let sections = sections(run, detail);
    html! {
        a.skip href="#ran" { "Skip to the report" } "\n"
        (header(run)) "\n"
        nav aria-label="Sections" {
            @for Section { id, title, .. } in &sections {
                a href={ "#" (id) } { (title) } " "
            }
        } "\n"
        main { "\n"
            @for Section { id, title, body } in &sections {
                section id=(id) aria-labelledby={ (id) "-title" } {
                    h2 id={ (id) "-title" } { (title) } "\n"
                    (body)
                } "\n"
            }
        } "\n"
        footer { "bench " (run.bench_version) " \u{b7} " (run.run_id) }
    }
}

fn header(run: &Run) -> Markup {
    html! {
        header { "\n"
            p class={ "verdict " (color(run.verdict)) } {
                strong { (view::word(run.verdict)) }
                @if let Some(code) = run.exit_code {
                    " " span.exit { "exit code " (code) }
                }
            } "\n"
            h1 { (run.scenario.name) } "\n"
            p.lead { (summary(run)) } "\n"
            (error(run))
            @if run.quality.verdict == QualityVerdict::Invalid && run.verdict != Verdict::Invalid {
                p.warn { "The measurement is invalid as well: see " a href="#quality" { "Measurement quality" } "." }
            }
        }
    }
}

/// The summary, in which the quality of the measurement is a link.
fn summary(run: &Run) -> Markup {
    match run.summary.split_once("see its quality") {
        Some((before, after)) => html! {
            (before) "see " a href="#quality" { "its quality" } (after)
        },
        None => html! { (run.summary) },
    }
}

fn error(run: &Run) -> Markup {
    let lines: Vec<&str> = view::error(run).collect();
    html! {
        @if !lines.is_empty() {
            pre.error tabindex="0" role="region" aria-label="Error" { (lines.join("\n")) } "\n"
        }
    }
}

fn color(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::Error => "bad",
        Verdict::Invalid | Verdict::Skipped | Verdict::Partial => "doubt",
    }
}

#[cfg(test)]
mod tests;
