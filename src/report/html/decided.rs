//! The comparison over rounds: each estimate with its confidence interval and the margin.

use super::pieces::wide;
use crate::record::model::{Comparison, Outcome, Run};
use crate::report::svg::bar::{Piece, bar};
use crate::report::{compared, view};
use maud::{Markup, html};

/// Metrics with a verdict first, then all others that have an interval.
pub(crate) fn intervals(run: &Run) -> Markup {
    let known = run
        .comparisons
        .iter()
        .filter(|c| c.low.is_some() && c.high.is_some() || c.verdict.is_some());
    let (judged, others): (Vec<_>, Vec<_>) = known.partition(|c| c.verdict.is_some());
    html! {
        @if !judged.is_empty() {
            (table("Metrics with a verdict", &judged))
            @if let Some(once) = compared::started_once(run) {
                p.note { "Note: " (once) "." } "\n"
            }
        }
        @if !others.is_empty() {
            details {
                summary { "Confidence intervals of " (others.len()) " metrics without a verdict" } "\n"
                (table("Metrics without a verdict", &others))
            } "\n"
        }
    }
}

/// The largest ratio on the axis as a logarithm: a factor of four.
const FARTHEST: f64 = 2.0 * std::f64::consts::LN_2;

/// The half-width of the axis around 1, as a logarithm.
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
                    th scope="col" { "verdict" }
                    th.over scope="col" { "interval and margin" }
                    th.n scope="col" { "ratio" }
                    th.n scope="col" { "from, to" }
                    th.from scope="col" { "basis" }
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
            "The axis shows variant / baseline, from " (format_args!("{:.2}", (-reach).exp())) "x on the left to "
            (format_args!("{:.2}", reach.exp())) "x on the right, with 1x in the middle. The line is the confidence \
            interval, the mark is the estimate, and the band is the margin. If the line lies on one side of the \
            middle, the difference is statistically significant. If it lies outside the band, the difference also \
            exceeds the margin."
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
            td.from { small { (compared::rests_on(row)) } }
        }
    }
}

/// The margin as a band, the interval as a line, and the estimate as a mark.
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
