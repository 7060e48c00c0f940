//! What rounds decide: each estimate with its interval, drawn against the margin that it may be worse by.

use super::text::text;
use crate::record::model::{Comparison, Outcome, Run};
use crate::report::svg::bar::{Piece, bar};
use crate::report::view;
use std::fmt::Write as _;

/// The judged metrics first, then every other that has an interval.
pub(super) fn intervals(run: &Run) -> String {
    let known: Vec<&Comparison> = run
        .comparisons
        .iter()
        .filter(|c| c.low.is_some() && c.high.is_some() || c.verdict.is_some())
        .collect();
    if known.is_empty() {
        return String::new();
    }
    let (judged, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|c| c.verdict.is_some());
    let mut out = String::new();
    if !judged.is_empty() {
        out.push_str(&table("What was judged", &judged));
        if let Some(once) = view::started_once(run) {
            let _ = writeln!(out, "<p class=\"note\">Note: {once}.</p>");
        }
    }
    if !others.is_empty() {
        let rest = table("Other metrics", &others);
        let _ = write!(
            out,
            "<details><summary>Intervals of {} other figures, which were not judged</summary>\n{rest}</details>\n",
            others.len()
        );
    }
    out
}

/// Farthest that a ratio is drawn from 1, as a logarithm: a factor of four.
const FARTHEST: f64 = 2.0 * std::f64::consts::LN_2;

/// How far from 1 the drawn ratios lie, as a logarithm.
fn reach(all: &[&Comparison]) -> f64 {
    let far = |ratio: Option<f64>| ratio.filter(|r| *r > 0.0).map_or(0.0, |r| r.ln().abs());
    let each = all.iter().map(|c| {
        let margin = (1.0 + c.margin.unwrap_or(0.0)).ln() * 2.0;
        far(c.low).max(far(c.high)).max(margin)
    });
    each.fold(0.02, f64::max).min(FARTHEST) * 1.05
}

fn table(title: &str, rows: &[&Comparison]) -> String {
    let reach = reach(rows);
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\"><table class=\"decided\"><caption>{title}</caption><thead><tr><th scope=\"col\">metric</th><th scope=\"col\">found</th><th scope=\"col\" class=\"over\">interval and margin</th><th scope=\"col\" class=\"n\">ratio</th><th scope=\"col\" class=\"n\">from, to</th><th scope=\"col\" class=\"from\">rests on</th></tr></thead><tbody>\n"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}<br><small>{}, {} / {}</small></th><td>{}</td><td class=\"over\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}<br>{}</td><td class=\"from\"><small>{}</small></td></tr>",
            text(view::label(&row.metric)),
            text(&row.phase),
            text(&row.variant),
            text(&row.baseline),
            found(row),
            drawn(row, reach),
            times(row.ratio),
            times(row.low),
            times(row.high),
            text(&view::rests_on(row))
        );
    }
    let _ = writeln!(
        out,
        "</tbody></table></div>\n<p class=\"note\">Variant / baseline from {:.2}x at the left to {:.2}x at the right, 1x in the middle. The line is where the truth lies at the confidence of the comparison, the mark the estimate, the band the margin that a metric may be worse by. A line beyond the middle on one side is a proven difference; one beyond the band is one that matters.</p>",
        (-reach).exp(),
        reach.exp()
    );
    out
}

/// The margin as a band, the interval as a line in it, the estimate as a mark on that.
fn drawn(row: &Comparison, reach: f64) -> String {
    let at = |ratio: f64| (0.5 + ratio.max(f64::MIN_POSITIVE).ln() / reach / 2.0).clamp(0.0, 1.0);
    let piece = |from: f64, to: f64, class| Piece {
        from,
        length: to - from,
        class,
    };
    let mut pieces = Vec::new();
    if let Some(margin) = row.margin {
        pieces.push(piece(at(1.0 / (1.0 + margin)), at(1.0 + margin), "zone"));
    }
    pieces.push(piece(0.498, 0.502, "middle"));
    if let (Some(low), Some(high)) = (row.low, row.high) {
        pieces.push(piece(at(low), at(high), color(row.verdict)));
    }
    if let Some(ratio) = row.ratio {
        pieces.push(piece(at(ratio) - 0.004, at(ratio) + 0.004, "mark"));
    }
    bar(&pieces)
}

fn color(verdict: Option<Outcome>) -> &'static str {
    match verdict {
        Some(Outcome::Worse) => "span worse",
        Some(Outcome::Better) => "span better",
        Some(Outcome::Equivalent | Outcome::NotWorse) => "span same",
        Some(Outcome::Inconclusive | Outcome::Invalid) => "span open",
        None => "span",
    }
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}x"))
}

fn found(row: &Comparison) -> String {
    row.verdict.map_or_else(
        || "-".to_owned(),
        |verdict| {
            let class = match verdict {
                Outcome::Worse => "bad",
                Outcome::Better | Outcome::Equivalent | Outcome::NotWorse => "good",
                Outcome::Inconclusive | Outcome::Invalid => "doubt",
            };
            format!("<strong class=\"{class}\">{}</strong>", verdict.word())
        },
    )
}
