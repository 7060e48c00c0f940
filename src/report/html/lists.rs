//! Checks, errors, slow requests, doubts, and how to repeat the run.

use super::detail::Detail;
use super::text::{block, excerpt, text};
use crate::compare::counted;
use crate::record::Sample;
use crate::record::model::{Check, Excerpt, Run};
use crate::report::number::{count, number};
use crate::report::svg::bar::{Piece, bar};
use crate::report::view;
use std::fmt::Write as _;

/// Characters of an answer that are shown.
const SHOWN: usize = 60;

/// Failures first: they are what the reader came for.
pub(super) fn checks(run: &Run) -> String {
    let (held, failed): (Vec<_>, Vec<_>) = run.checks.iter().partition(|check| check.passed);
    if run.checks.is_empty() {
        return String::new();
    }
    let mut out = format!("<p>{} of {} held.</p>\n", held.len(), run.checks.len());
    if run.checks.len() <= view::FEW {
        let all: Vec<_> = failed.into_iter().chain(held).collect();
        return out + &table("Table of checks", &all);
    }
    if !failed.is_empty() {
        out.push_str(&table("Checks that failed", &failed));
    }
    if !held.is_empty() {
        let all = table("Checks that held", &held);
        let _ = write!(
            out,
            "<details><summary>The {} that held</summary>\n{all}</details>\n",
            held.len()
        );
    }
    out
}

fn table(title: &str, checks: &[&Check]) -> String {
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table class=\"sortable checks\"><thead><tr><th scope=\"col\">result</th><th scope=\"col\">check</th><th scope=\"col\">on</th><th scope=\"col\">found</th></tr></thead><tbody>\n"
    );
    for check in checks {
        row(&mut out, check);
    }
    out + "</tbody></table></div>\n"
}

fn row(out: &mut String, check: &Check) {
    let (class, mark) = if check.passed {
        ("good", "&#10003; held")
    } else {
        ("bad", "&#10007; failed")
    };
    let mut details = check.detail.lines();
    let _ = write!(
        out,
        "<tr class=\"{class}\"><td class=\"mark\">{mark}</td><th scope=\"row\">{}</th><td>{}</td><td>{}",
        text(&check.name),
        text(&check.scope),
        text(details.next().unwrap_or_default())
    );
    let examples: Vec<_> = details.map(|d| format!("<li>{}</li>", text(d))).collect();
    if !examples.is_empty() {
        let _ = write!(out, "<ul>{}</ul>", examples.concat());
    }
    out.push_str("</td></tr>\n");
}

/// The first answers that differ, side by side.
pub(super) fn answers(run: &Run) -> String {
    let mut out = String::new();
    for found in run.same_text.iter().filter(|of| !of.examples.is_empty()) {
        let _ = writeln!(
            out,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of answers\"><table class=\"answers\"><thead><tr><th scope=\"col\">request</th><th scope=\"col\">in common</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
            text(&found.baseline),
            text(&found.variant)
        );
        for example in &found.examples {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                text(&example.place()),
                text(&counted(example.agree, &found.unit)),
                marked(&example.left),
                marked(&example.right)
            );
        }
        let _ = writeln!(
            out,
            "</tbody></table></div>\n<p class=\"note\">Marked is the first {} that differs.</p>",
            text(&found.unit)
        );
    }
    out
}

fn marked(around: &Excerpt) -> String {
    let piece = match &around.piece {
        Some(piece) => format!("<mark>{}</mark>", text(piece)),
        None => "<em>(end)</em>".to_owned(),
    };
    text(&around.before) + &piece + &text(&around.after)
}

/// Failed requests by variant, phase and class, with examples.
pub(super) fn errors(run: &Run, detail: &Detail) -> String {
    let mut rows = String::new();
    for (v, variant) in run.variants.iter().enumerate() {
        for (p, phase) in variant.phases.iter().enumerate() {
            for (class, failed) in &phase.errors {
                let kept = detail.variants.get(v).and_then(|requests| {
                    let key = (u32::try_from(p).ok()?, class.clone());
                    Some(&requests.failures.get(&key)?.1)
                });
                let examples: String = kept.into_iter().flatten().map(example).collect();
                let _ = writeln!(
                    rows,
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"n\">{}</td><td><ul>{examples}</ul></td></tr>",
                    text(class),
                    text(&variant.name),
                    text(&phase.name),
                    count(*failed)
                );
            }
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of errors\"><table class=\"named\"><thead><tr><th scope=\"col\">class</th><th scope=\"col\">variant</th><th scope=\"col\">phase</th><th scope=\"col\" class=\"n\">requests</th><th scope=\"col\">examples</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn example(sample: &Sample) -> String {
    let status = sample
        .status
        .map_or(String::new(), |status| format!(", status {status}"));
    format!(
        "<li>request {}{status}, {} ms after it was due: {}</li>",
        sample.index,
        number(Some(ms(sample.end_ns.saturating_sub(sample.due_ns)))),
        excerpt(sample.detail.as_deref().unwrap_or("-"), 300)
    )
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// The slowest successes with their parts.
pub(super) fn slowest(run: &Run, detail: &Detail) -> String {
    let all = detail.variants.iter().flat_map(|v| &v.slowest);
    let longest = all.clone().map(|s| ms(s.end_ns.saturating_sub(s.due_ns)));
    let longest = longest.fold(0.0, f64::max);
    if all.clone().next().is_none() {
        return String::new();
    }
    let answers = all.clone().any(|s| s.text.is_some());
    let mut out = String::from(
        "<p class=\"legend\"><span><i class=\"k5\"></i>wait and connect</span> <span><i class=\"k0\"></i>to first token</span> <span><i class=\"k2\"></i>tokens</span> <span><i class=\"k1\"></i>end of stream</span></p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of the slowest requests\"><table class=\"sortable named\"><thead><tr><th scope=\"col\">request</th><th scope=\"col\" class=\"n\">end to end (ms)</th><th scope=\"col\" class=\"over\">parts</th><th scope=\"col\" class=\"n\">wait</th><th scope=\"col\" class=\"n\">TTFT</th><th scope=\"col\" class=\"n\">TPOT</th><th scope=\"col\" class=\"n\">tokens</th>",
    );
    if answers {
        out.push_str("<th scope=\"col\">answer</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for (variant, requests) in run.variants.iter().zip(&detail.variants) {
        for sample in &requests.slowest {
            let phase = variant.phases.get(sample.phase as usize);
            let phase = phase.map_or("?", |phase| phase.name.as_str());
            let _ = write!(
                out,
                "<tr><th scope=\"row\">{} {} {}</th><td class=\"n\">{}</td><td class=\"over\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                text(&variant.name),
                text(phase),
                sample.index,
                number(sample.e2e().map(ms)),
                parts(sample, longest),
                number(
                    sample
                        .sent_ns
                        .map(|sent| ms(sent.saturating_sub(sample.due_ns)))
                ),
                number(sample.ttft().map(ms)),
                number(sample.tpot().map(|ns| ns / 1e6)),
                sample.output_tokens.map_or("-".to_owned(), count)
            );
            if answers {
                let answer = sample.text.as_deref().unwrap_or_default().join(" / ");
                let _ = write!(out, "<td class=\"answer\">{}</td>", excerpt(&answer, SHOWN));
            }
            out.push_str("</tr>\n");
        }
    }
    out + "</tbody></table></div>\n"
}

/// Due, sent, first text, last text, end.
fn parts(sample: &Sample, longest: f64) -> String {
    let at = |ns: Option<u64>| ns.map(|ns| ms(ns.saturating_sub(sample.due_ns)) / longest);
    let marks = [
        (Some(sample.due_ns), ""),
        (sample.sent_ns, "k5"),
        (sample.first_text_ns, "k0"),
        (sample.last_text_ns, "k2"),
        (Some(sample.end_ns), "k1"),
    ];
    let mut pieces = Vec::new();
    let mut from = 0.0;
    for (ns, class) in marks.into_iter().skip(1) {
        if let Some(to) = at(ns).filter(|to| *to > from) {
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

/// Whether the measurement can be trusted.
pub(super) fn quality(run: &Run) -> String {
    let quality = &run.quality;
    if quality.verdict.is_empty() {
        return String::new();
    }
    let said = match quality.verdict.as_str() {
        "good" => "Good: the client kept up, so the figures are the server's.",
        "marked" => "Marked: usable, but mind what follows.",
        "invalid" => "Invalid: these figures are not the server's alone.",
        other => other,
    };
    let mut out = format!(
        "<p><strong class=\"{}\">{}</strong></p>\n",
        match quality.verdict.as_str() {
            "good" => "good",
            "invalid" => "bad",
            _ => "doubt",
        },
        text(said)
    );
    if !quality.findings.is_empty() {
        out.push_str("<ul class=\"findings\">\n");
        for finding in &quality.findings {
            let _ = writeln!(
                out,
                "<li><code>{}</code> {}{}</li>",
                text(&finding.code),
                text(&finding.detail),
                finding.example.as_deref().map_or(String::new(), |example| {
                    format!("<ul><li>{}</li></ul>", text(example))
                })
            );
        }
        out.push_str("</ul>\n");
    }
    out
}

/// The scenario, and the command that runs it again.
pub(super) fn repeat(run: &Run) -> String {
    let scenario = &run.scenario;
    let resolved = serde_json::to_string_pretty(&scenario.resolved).unwrap_or_default();
    format!(
        "<p>Run it again:</p>\n<pre tabindex=\"0\" role=\"region\" aria-label=\"Command\">bench run {}</pre>\n<details><summary>The scenario as it was run, overlays and <code>--set</code> applied (SHA-256 <code>{}</code>)</summary>\n<p class=\"note\">JSON is YAML: saved as a file, <code>bench run</code> takes it as it is, from the directory of the original.</p>\n<pre tabindex=\"0\" role=\"region\" aria-label=\"Scenario as it was run\">{}</pre></details>\n",
        text(&scenario.path),
        text(view::short(&scenario.sha256)),
        block(&resolved)
    )
}
