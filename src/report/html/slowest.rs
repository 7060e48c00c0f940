//! The slowest requests with their parts.

use super::detail::Detail;
use super::pieces::{excerpt, wide};
use crate::record::Sample;
use crate::record::model::{Run, VariantRecord};
use crate::report::number::{count, number};
use crate::report::svg::bar::{Piece, bar};
use maud::{Markup, html};

/// Maximum characters of an answer.
const SHOWN: usize = 60;

/// The slowest successful requests with their parts.
pub(crate) fn table(run: &Run, detail: &Detail) -> Markup {
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

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
