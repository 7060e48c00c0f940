//! What rounds decide: each estimate with its interval, drawn against the margin that it may be worse by.

use super::pieces::wide;
use crate::record::model::{Comparison, Outcome, Run};
use crate::report::svg::bar::{Piece, bar};
use crate::report::view;
use maud::{Markup, html};

/// The judged metrics first, then every other that has an interval.
pub(super) fn intervals(run: &Run) -> Markup {
    let known = run
        .comparisons
        .iter()
        .filter(|c| c.low.is_some() && c.high.is_some() || c.verdict.is_some());
    let (judged, others): (Vec<_>, Vec<_>) = known.partition(|c| c.verdict.is_some());
    html! {
        @if !judged.is_empty() {
            (table("What was judged", &judged))
            @if let Some(once) = view::started_once(run) {
                p.note { "Note: " (once) "." } "\n"
            }
        }
        @if !others.is_empty() {
            details {
                summary { "Intervals of " (others.len()) " other figures, which were not judged" } "\n"
                (table("Other metrics", &others))
            } "\n"
        }
    }
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

fn table(title: &str, rows: &[&Comparison]) -> Markup {
    let reach = reach(rows);
    let table = html! {
        table.decided {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { "metric" }
                    th scope="col" { "found" }
                    th.over scope="col" { "interval and margin" }
                    th.n scope="col" { "ratio" }
                    th.n scope="col" { "from, to" }
                    th.from scope="col" { "rests on" }
                }
            }
            tbody { "\n"
                @for judged in rows { (row(judged, reach)) "\n" }
            }
        }
    };
    html! {
        (wide(title, table))
        p.note {
            "Variant / baseline from " (format_args!("{:.2}", (-reach).exp())) "x at the left to "
            (format_args!("{:.2}", reach.exp())) "x at the right, 1x in the middle. The line is where the truth lies \
            at the confidence of the comparison, the mark the estimate, the band the margin that a metric may be worse \
            by. A line beyond the middle on one side is a proven difference; one beyond the band is one that matters."
        } "\n"
    }
}

fn row(row: &Comparison, reach: f64) -> Markup {
    html! {
        tr {
            th scope="row" {
                (view::label(&row.metric))
                br;
                small { (row.phase) ", " (row.variant) " / " (row.baseline) }
            }
            td { (found(row)) }
            td.over { (drawn(row, reach)) }
            td.n { (times(row.ratio)) }
            td.n { (times(row.low)) br; (times(row.high)) }
            td.from { small { (view::rests_on(row)) } }
        }
    }
}

/// The margin as a band, the interval as a line in it, the estimate as a mark on that.
fn drawn(row: &Comparison, reach: f64) -> Markup {
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

fn found(row: &Comparison) -> Markup {
    let Some(verdict) = row.verdict else {
        return html! { "-" };
    };
    let class = match verdict {
        Outcome::Worse => "bad",
        Outcome::Better | Outcome::Equivalent | Outcome::NotWorse => "good",
        Outcome::Inconclusive | Outcome::Invalid => "doubt",
    };
    html! { strong class=(class) { (verdict.word()) } }
}
