//! The setup of a run and its metrics side by side. Each cell carries the key and the exact value of its metric.

use super::pieces::wide;
use crate::compare::{self, metrics};
use crate::metric;
use crate::record::model::{PhaseRecord, Run, VariantRecord};
use crate::report::number::{count, number, ratio};
use crate::report::svg::bar;
use crate::report::view;
use maud::{Markup, Render, html};

/// The section's title.
pub(crate) fn title(run: &Run) -> &'static str {
    if run.variants.len() > 1 {
        "Side by side"
    } else {
        "Metrics"
    }
}

/// Model, machine, time and variants of the run.
pub(crate) fn ran(run: &Run) -> Markup {
    html! {
        dl { "\n"
            @if !run.variants.is_empty() { (fact("model", models(run))) }
            (fact("machine", machine(run)))
            (fact("time (UTC)", view::time(run)))
            (fact("run", html! { code { (run.run_id) } }))
        } "\n"
        @if !run.variants.is_empty() { (variants(run)) }
    }
}

fn fact(name: &str, value: impl Render) -> Markup {
    html! { div { dt { (name) } dd { (value) } } "\n" }
}

fn models(run: &Run) -> String {
    let models = run.variants.iter().map(|v| v.engine.model.as_str());
    let mut models: Vec<&str> = models.collect();
    models.dedup();
    models.join(", ")
}

fn machine(run: &Run) -> String {
    let machine = &run.machine;
    format!(
        "{}, {} cores, {} GiB, {}; {}",
        machine.cpu,
        machine.cores,
        machine.memory_bytes >> 30,
        view::gpus(machine),
        machine.os
    )
}

fn variants(run: &Run) -> Markup {
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "variant" }
                    th scope="col" { "engine" }
                    th scope="col" { "versions" }
                    th scope="col" { "request list (SHA-256)" }
                }
            }
            tbody { "\n"
                @for (i, variant) in run.variants.iter().enumerate() {
                    tr {
                        th scope="row" { (swatch(i)) (variant.name) }
                        td { (variant.engine.kind) }
                        td { (view::versions(variant)) }
                        td { code title=(variant.requests_sha256) { (view::short(&variant.requests_sha256)) } }
                    } "\n"
                }
            }
        }
    };
    let mut pairs = run.variants.windows(2);
    let same = pairs.all(|pair| pair[0].requests_sha256 == pair[1].requests_sha256);
    html! {
        (wide("Variants", table))
        @if run.variants.len() > 1 {
            @if same {
                p.note { "All variants received the same requests." }
            } @else {
                p.warn { "The variants received different requests, so their metrics cannot be compared." }
            }
        }
    }
}

/// The square in a variant's colour.
fn swatch(variant: usize) -> Markup {
    html! { i class={ "k" (variant % 6) } {} }
}

/// One table for each measured phase, and one for the topology.
pub(crate) fn tables(run: &Run) -> Markup {
    let Some(baseline) = compare::baseline(run) else {
        return Markup::default();
    };
    let held = run.variants.iter().position(|v| v.name == baseline.name);
    let mut tables: Vec<Table<'_>> = view::measured(run)
        .into_iter()
        .map(|name| phase(run, held.unwrap_or(0), name))
        .collect();
    tables.push(topology(run, held.unwrap_or(0)));
    let many = run.variants.len() > 2;
    html! {
        div.tables.many[many] { "\n"
            @for table in &tables { (table.draw()) }
        } "\n"
        @if tables.iter().any(|table| table.thin) { p.note { (view::STAR) } "\n" }
        @if run.variants.len() > 1 {
            p.note {
                "A bar to the right means more than the baseline, a bar to the left means less. Half the width is a factor of two. "
                @if run.comparing.is_some() {
                    "Values are medians of the rounds."
                } @else {
                    "A single run does not prove a difference."
                }
            } "\n"
        }
    }
}

fn phase<'a>(run: &'a Run, baseline: usize, name: &'a str) -> Table<'a> {
    let find = |v: &'a VariantRecord| v.phases.iter().find(|p| p.name == name);
    let phases: Vec<Option<&PhaseRecord>> = run.variants.iter().map(find).collect();
    let mut table = Table::new(run, baseline, name, format!("phase {name}"));
    let succeeded = |p: &PhaseRecord| {
        let counts = &p.counts;
        format!("{} of {}", count(counts.succeeded), count(counts.sent))
    };
    table.words(
        "succeeded",
        phases.iter().map(|phase| phase.map(succeeded)).collect(),
    );
    for figure in metric::Figure::of_phases() {
        let of = |phase: &Option<&PhaseRecord>| Figure {
            value: phase.and_then(|p| metrics::of_phase(figure, p)),
            thin: phase.is_some_and(|p| metrics::is_thin(figure, p)),
        };
        let figures: Vec<Figure> = phases.iter().map(of).collect();
        table.numbers(figure, &figures);
    }
    table
}

fn topology(run: &Run, baseline: usize) -> Table<'_> {
    let mut table = Table::new(run, baseline, compare::TOPOLOGY, "topology".to_owned());
    for figure in metric::Figure::of_topologies() {
        let of = |variant| Figure {
            value: metrics::of_topology(figure, variant),
            thin: false,
        };
        let figures: Vec<Figure> = run.variants.iter().map(of).collect();
        table.numbers(figure, &figures);
    }
    table
}

/// A value, and whether fewer than ten samples lie beyond it.
struct Figure {
    value: Option<f64>,
    thin: bool,
}

/// A table under construction. Variants are columns; each except the baseline has a second column with its ratio.
struct Table<'a> {
    run: &'a Run,
    baseline: usize,
    phase: &'a str,
    title: String,
    thin: bool,
    rows: Vec<Markup>,
}

impl<'a> Table<'a> {
    fn new(run: &'a Run, baseline: usize, phase: &'a str, title: String) -> Self {
        Self {
            run,
            baseline,
            phase,
            title,
            thin: false,
            rows: Vec::new(),
        }
    }

    fn words(&mut self, label: &str, words: Vec<Option<String>>) {
        self.rows.push(html! {
            tr {
                th scope="row" { (label) }
                @for (i, word) in words.iter().enumerate() {
                    td.n { (word.as_deref().unwrap_or("-")) }
                    @if i != self.baseline { td {} }
                }
            } "\n"
        });
    }

    /// Adds a row of numbers, unless no variant has a value.
    fn numbers(&mut self, of: metric::Figure, figures: &[Figure]) {
        if figures.iter().all(|figure| figure.value.is_none()) {
            return;
        }
        self.thin |= figures.iter().any(|figure| figure.thin);
        self.rows.push(html! {
            tr {
                th scope="row" { (of.label()) }
                @for (i, Figure { value, thin }) in figures.iter().enumerate() {
                    td.n data-variant=(self.run.variants[i].name) data-phase=(self.phase) data-key=(of.key())
                        data-value=(value.map_or(String::new(), |v| v.to_string())) {
                        (number(*value))
                        @if *thin { "*" }
                    }
                    @if i != self.baseline { (against(figures[self.baseline].value, *value)) }
                }
            } "\n"
        });
    }

    /// The table; empty markup if it has no rows.
    fn draw(&self) -> Markup {
        if self.rows.is_empty() {
            return Markup::default();
        }
        let variants = &self.run.variants;
        let table = html! {
            table.figures {
                caption { (self.title) }
                thead {
                    tr {
                        th scope="col" { "metric" }
                        @for (i, variant) in variants.iter().enumerate() {
                            th.n scope="col" { (swatch(i)) (variant.name) }
                            @if i != self.baseline {
                                th.n scope="col" { "/ " (variants[self.baseline].name) }
                            }
                        }
                    }
                }
                tbody { "\n"
                    @for row in &self.rows { (row) }
                }
            }
        };
        wide(&self.title, table)
    }
}

/// The cell with the ratio to the baseline.
fn against(baseline: Option<f64>, value: Option<f64>) -> Markup {
    let found = compare::ratio(baseline, value);
    html! {
        td.n.r {
            @if let Some(drawn) = found.filter(|r| *r > 0.0) { (bar::ratio(drawn)) }
            span { (ratio(found)) }
        }
    }
}
