//! What ran, and its figures side by side. A cell of a figure carries its key and its exact value.

use super::text::{attribute, text};
use crate::compare::{self, METRICS, metrics};
use crate::record::model::{PhaseRecord, Run, VariantRecord};
use crate::report::number::{count, number, ratio};
use crate::report::svg::bar;
use crate::report::view;
use std::fmt::Write as _;

/// The section's title.
pub(super) fn title(run: &Run) -> String {
    let several = run.variants.len() > 1;
    (if several { "Side by side" } else { "Figures" }).to_owned()
}

/// What ran, where and when.
pub(super) fn ran(run: &Run) -> String {
    let machine = &run.machine;
    let gpus = if machine.gpus.is_empty() {
        "no GPU".to_owned()
    } else {
        machine.gpus.join(", ")
    };
    let mut out = String::from("<dl>\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    };
    let plain = |of: fn(&VariantRecord) -> &str| {
        let mut all: Vec<&str> = run.variants.iter().map(of).collect();
        all.dedup();
        all.iter().map(|v| text(v)).collect::<Vec<_>>().join(", ")
    };
    if !run.variants.is_empty() {
        fact("model", &plain(|v| &v.engine.model));
    }
    fact(
        "machine",
        &text(&format!(
            "{}, {} cores, {} GiB, {gpus}; {}",
            machine.cpu,
            machine.cores,
            machine.memory_bytes >> 30,
            machine.os
        )),
    );
    fact("time (UTC)", &text(&view::time(run)));
    fact("run", &format!("<code>{}</code>", text(&run.run_id)));
    out.push_str("</dl>\n");
    if run.variants.is_empty() {
        return out;
    }
    out.push_str("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Variants\"><table><thead><tr><th scope=\"col\">variant</th><th scope=\"col\">engine</th><th scope=\"col\">versions</th><th scope=\"col\">request list (SHA-256)</th></tr></thead><tbody>\n");
    for (i, variant) in run.variants.iter().enumerate() {
        let versions = view::versions(variant);
        let hash = &variant.requests_sha256;
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><i class=\"k{}\"></i>{}</th><td>{}</td><td>{}</td><td><code title=\"{}\">{}</code></td></tr>",
            i % 6,
            text(&variant.name),
            text(&variant.engine.kind),
            text(&versions),
            attribute(hash),
            text(view::short(hash))
        );
    }
    let same = run
        .variants
        .windows(2)
        .all(|pair| pair[0].requests_sha256 == pair[1].requests_sha256);
    out.push_str("</tbody></table></div>\n");
    if run.variants.len() > 1 {
        out.push_str(if same {
            "<p class=\"note\">All variants got the same requests.</p>\n"
        } else {
            "<p class=\"warn\">The variants got different requests: their figures are not comparable.</p>\n"
        });
    }
    out
}

/// One table a measured phase, and one of the topology.
pub(super) fn tables(run: &Run) -> String {
    let Some(baseline) = compare::baseline(run) else {
        return String::new();
    };
    let baseline = &baseline.name;
    let many = if run.variants.len() > 2 { " many" } else { "" };
    let mut out = format!("<div class=\"tables{many}\">\n");
    let mut names: Vec<&str> = Vec::new();
    for phase in run.variants.iter().flat_map(|v| &v.phases) {
        if phase.measured() && !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let mut thin = false;
    for name in names {
        let find = |v: &'_ VariantRecord| v.phases.iter().position(|p| p.name == name);
        let phases: Vec<Option<&PhaseRecord>> = run
            .variants
            .iter()
            .map(|v| find(v).map(|i| &v.phases[i]))
            .collect();
        let mut table = Table::new(run, baseline, name, &format!("phase {name}"));
        table.words("succeeded", &phases, |p| {
            format!("{} of {}", count(p.counts.succeeded), count(p.counts.sent))
        });
        for metric in METRICS {
            let values: Vec<Option<f64>> = phases
                .iter()
                .map(|p| p.and_then(|p| metric.of(p)))
                .collect();
            if values.iter().any(Option::is_some) {
                let stars: Vec<bool> = phases
                    .iter()
                    .map(|p| p.is_some_and(|p| metric.thin(p)))
                    .collect();
                thin |= stars.contains(&true);
                table.numbers(metric.key, metric.label, &values, &stars);
            }
        }
        out.push_str(&table.done());
    }
    let mut table = Table::new(run, baseline, compare::TOPOLOGY, "topology");
    let named = [
        ("ready_ms", metrics::ready_ms as fn(&VariantRecord) -> _),
        ("teardown_ms", metrics::teardown_ms),
    ];
    for (key, get) in named {
        let values: Vec<Option<f64>> = run.variants.iter().map(get).collect();
        if values.iter().any(Option::is_some) {
            table.numbers(key, view::label(key), &values, &vec![false; values.len()]);
        }
    }
    if table.rows > 0 {
        out.push_str(&table.done());
    }
    out.push_str("</div>\n");
    if thin {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", text(view::STAR));
    }
    if run.variants.len() > 1 {
        let proof = match run.comparing {
            Some(_) => "Figures are medians of the rounds.",
            None => "One run proves no difference.",
        };
        let _ = writeln!(
            out,
            "<p class=\"note\">A bar to the right is more than the baseline, to the left less; half the width is a factor of two. {proof}</p>"
        );
    }
    out
}

/// A table under construction: variants are its columns, each but the baseline with its ratio.
struct Table<'a> {
    run: &'a Run,
    baseline: usize,
    phase: &'a str,
    rows: usize,
    out: String,
}

impl<'a> Table<'a> {
    fn new(run: &'a Run, baseline: &str, phase: &'a str, title: &str) -> Self {
        let mut out = format!(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table class=\"figures\"><caption>{0}</caption><thead><tr><th scope=\"col\">metric</th>",
            attribute(title)
        );
        let held = run.variants.iter().position(|v| v.name == *baseline);
        let held = held.unwrap_or(0);
        for (i, variant) in run.variants.iter().enumerate() {
            let _ = write!(
                out,
                "<th scope=\"col\" class=\"n\"><i class=\"k{}\"></i>{}</th>",
                i % 6,
                text(&variant.name)
            );
            if i != held {
                let _ = write!(
                    out,
                    "<th scope=\"col\" class=\"n\">/ {}</th>",
                    text(baseline)
                );
            }
        }
        out.push_str("</tr></thead><tbody>\n");
        Self {
            run,
            baseline: held,
            phase,
            rows: 0,
            out,
        }
    }

    fn words(
        &mut self,
        label: &str,
        phases: &[Option<&PhaseRecord>],
        of: impl Fn(&PhaseRecord) -> String,
    ) {
        self.rows += 1;
        let _ = write!(self.out, "<tr><th scope=\"row\">{}</th>", text(label));
        for (i, phase) in phases.iter().enumerate() {
            let word = phase.map_or("-".to_owned(), &of);
            let _ = write!(self.out, "<td class=\"n\">{}</td>", text(&word));
            if i != self.baseline {
                self.out.push_str("<td></td>");
            }
        }
        self.out.push_str("</tr>\n");
    }

    fn numbers(&mut self, key: &str, label: &str, values: &[Option<f64>], thin: &[bool]) {
        self.rows += 1;
        let _ = write!(self.out, "<tr><th scope=\"row\">{}</th>", text(label));
        for (i, value) in values.iter().enumerate() {
            let exact = value.map_or(String::new(), |v| v.to_string());
            let _ = write!(
                self.out,
                "<td class=\"n\" data-variant=\"{}\" data-phase=\"{}\" data-key=\"{key}\" data-value=\"{exact}\">{}{}</td>",
                attribute(&self.run.variants[i].name),
                attribute(self.phase),
                number(*value),
                if thin[i] { "*" } else { "" }
            );
            if i != self.baseline {
                let found = compare::ratio(values[self.baseline], *value);
                let drawn = found.filter(|r| *r > 0.0).map_or(String::new(), bar::ratio);
                let _ = write!(
                    self.out,
                    "<td class=\"n r\">{drawn}<span>{}</span></td>",
                    ratio(found)
                );
            }
        }
        self.out.push_str("</tr>\n");
    }

    fn done(self) -> String {
        self.out + "</tbody></table></div>\n"
    }
}
