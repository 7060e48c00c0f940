//! The result on a terminal: the verdict first, then figures side by side, checks, doubts and where the rest is.

use super::escape::line;
use super::view::{self, Table};
use crate::record::model::{Check, Run, Verdict};
use std::fmt::Write as _;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style, Width};

/// What is written on.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    /// Columns; 0 for no limit.
    pub width: usize,
    /// Whether it shows colours.
    pub color: bool,
    /// The report directory, as the user would type it.
    pub place: Option<String>,
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

/// Renders a record for a terminal.
#[must_use]
pub fn terminal(run: &Run, screen: &Screen) -> String {
    let paint = |text: &str, color: &str| match screen.color {
        true => format!("\u{1b}[1;{color}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let word = view::word(run.verdict).to_uppercase();
    let mut out = format!(
        "{}  {}: {}\n",
        paint(&word, color(run.verdict)),
        line(&run.scenario.name),
        line(&run.summary)
    );
    if let Some(error) = &run.error {
        // The summary is the error's first line, unless another wrote the record.
        let repeated = usize::from(error.lines().next() == Some(run.summary.as_str()));
        for text in error.lines().skip(repeated) {
            let _ = writeln!(out, "  {}", line(text));
        }
    }
    let tables = view::tables(run);
    for table in &tables {
        let _ = write!(
            out,
            "\n{}\n{}",
            line(&table.title),
            drawn(table, screen.width)
        );
    }
    if view::starred(&tables) {
        let _ = writeln!(out, "{}", view::STAR);
    }
    if !run.checks.is_empty() {
        out.push_str("\nchecks\n");
    }
    for check in &run.checks {
        let mark = if check.passed {
            paint("✓", GREEN)
        } else {
            paint("✗", RED)
        };
        out.push_str(&shown(check, &mark));
    }
    if !run.quality.verdict.is_empty() {
        let _ = writeln!(out, "\nmeasurement: {}", line(&run.quality.verdict));
    }
    for finding in &run.quality.findings {
        let _ = writeln!(out, "  {}: {}", line(&finding.code), line(&finding.detail));
    }
    if let Some(place) = &screen.place {
        let _ = writeln!(out, "\nreport: {}", line(place));
    }
    out
}

fn color(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => GREEN,
        Verdict::Fail | Verdict::Error => RED,
        Verdict::Invalid | Verdict::Skipped | Verdict::Partial => YELLOW,
    }
}

fn shown(check: &Check, mark: &str) -> String {
    let mut details = check.detail.lines();
    let first = details
        .next()
        .map_or(String::new(), |text| format!(": {}", line(text)));
    let mut out = format!(
        "  {mark} {}  {}{first}\n",
        line(&check.scope),
        line(&check.name)
    );
    for text in details {
        let _ = writeln!(out, "      {}", line(text));
    }
    out
}

fn drawn(table: &Table, width: usize) -> String {
    let mut builder = Builder::default();
    builder.push_record(table.head.iter().map(|cell| line(cell)));
    for row in &table.rows {
        builder.push_record(row.iter().map(|cell| line(cell)));
    }
    let mut drawn = builder.build();
    drawn
        .with(Style::sharp())
        .modify(Columns::new(1..), Alignment::right());
    if width > 0 {
        drawn.with(Width::wrap(width).keep_words(true));
    }
    drawn.to_string() + "\n"
}
