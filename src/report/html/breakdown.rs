//! The latency breakdown: each time of both variants as a bar of its parts, and the parts side by side.

use super::pieces::wide;
use crate::record::model::{BreakdownPart, Decomposition, Run, Split};
use crate::report::number::{part, share};
use crate::report::svg::bar::{Piece, bar};
use maud::{Markup, html};

/// Classes that colour parts, in order.
const COLORS: [&str; 6] = ["k5", "k0", "k1", "k2", "k3", "k4"];

/// The tables of all decompositions.
pub(crate) fn bars(run: &Run) -> Markup {
    html! {
        @for of in &run.decompositions {
            h3 { "Phase " (of.phase) ": " (of.variant) " compared with " (of.baseline) } "\n"
            @for split in &of.splits { (drawn(of, split)) }
            @for note in &of.notes { p.note { (note) } "\n" }
        }
        @if !run.decompositions.is_empty() {
            p.note { "All times are means, so they add up. No part explains the grey rest of a bar." } "\n"
        }
    }
}

fn drawn(of: &Decomposition, split: &Split) -> Markup {
    let title = format!("{}: {}", split.name, said(split));
    let table = html! {
        table.breakdown {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { "part" }
                    th.n scope="col" { (of.baseline) }
                    th.n scope="col" { (of.variant) }
                    th.n scope="col" { "difference" }
                    th.n scope="col" { "total, share" }
                }
            }
            tbody { "\n"
                // Each bar has a row of its own, above the parts.
                (whole(&of.baseline, split, split.baseline_ms, |part| part.baseline_ms))
                (whole(&of.variant, split, split.variant_ms, |part| part.variant_ms))
                @for (i, part) in split.parts.iter().enumerate() { (row(split, i, part)) }
                tr {
                    th scope="row" { i.rest {} "unexplained" }
                    td {}
                    td {}
                    td.n { (part(Some(split.unexplained_ms))) }
                    td {}
                } "\n"
            }
        }
    };
    wide(
        &format!("{title} in phase {} of {}", of.phase, of.variant),
        table,
    )
}

/// One variant's time as a bar of its parts.
fn whole(variant: &str, split: &Split, ms: f64, side: fn(&BreakdownPart) -> Option<f64>) -> Markup {
    let longest = split
        .baseline_ms
        .max(split.variant_ms)
        .max(f64::MIN_POSITIVE);
    let mut pieces = vec![Piece {
        from: 0.0,
        length: ms / longest,
        class: "rest",
    }];
    let mut from = 0.0;
    for (i, part) in split.parts.iter().enumerate() {
        let length = side(part).unwrap_or(0.0).max(0.0) / longest;
        if length > 0.0 {
            let class = color(i);
            pieces.push(Piece {
                from,
                length,
                class,
            });
            from += length;
        }
    }
    html! {
        tr.whole {
            th scope="row" { (variant) }
            td colspan="3" { (bar(&pieces)) }
            td.n { (part(Some(ms))) " ms" }
        } "\n"
    }
}

fn row(split: &Split, index: usize, one: &BreakdownPart) -> Markup {
    let blamed = split.blamed.as_ref() == Some(&one.name);
    html! {
        tr class=[blamed.then_some("blamed")] {
            th scope="row" { i class=(color(index)) {} (one.name) }
            td.n { (part(one.baseline_ms)) }
            td.n { (part(one.variant_ms)) }
            td.n { (part(one.difference_ms)) }
            td.n { (share(one.share)) }
        } "\n"
    }
}

fn color(index: usize) -> &'static str {
    COLORS[index % COLORS.len()]
}

/// The difference in words.
fn said(split: &Split) -> String {
    let by = part(Some(split.difference_ms.abs()));
    let way = if split.difference_ms < 0.0 {
        "less"
    } else {
        "more"
    };
    match &split.blamed {
        Some(part) => format!("{by} ms {way}, mostly {part}"),
        None if split.parts.iter().all(|part| part.share.is_none()) => {
            format!("{by} ms {way}, too small to attribute")
        }
        None => format!("{by} ms {way}"),
    }
}

#[cfg(test)]
#[path = "tests/breakdown.rs"]
mod tests;
