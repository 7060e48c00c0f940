//! The result on a terminal: verdict, metrics side by side, checks, findings and the path of the report.

use super::escape::line;
use super::failures;
use super::view::{self, Table};
use crate::record::model::{Check, QualityVerdict, Run, Verdict};
use std::fmt::Write as _;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::peaker::Priority;
use tabled::settings::{Alignment, Style, Width};
use unicode_width::UnicodeWidthStr as _;

/// The terminal that is written to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen {
    /// Columns; 0 for no limit.
    pub(crate) width: usize,
    /// Whether it shows colours.
    pub(crate) color: bool,
    /// The report directory, as the user would type it.
    pub(crate) place: Option<String>,
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

/// Renders a record for a terminal.
#[must_use]
pub(crate) fn terminal(run: &Run, screen: &Screen) -> String {
    let word = view::word(run.verdict).to_uppercase();
    let word = screen.paint(&word, color(run.verdict));
    let summary = format!("{}: {}", line(&run.scenario.name), line(&run.summary));
    let mut out = wrapped(&format!("{word}  "), &summary, screen.width);
    error(&mut out, run);
    tables(&mut out, run, screen);
    failed(&mut out, run, screen);
    checks(&mut out, run, screen);
    quality(&mut out, run, screen);
    if let Some(place) = &screen.place {
        // Long tables scroll the first line out of view, so the verdict is repeated.
        let _ = writeln!(out, "\n{word}  report: {}", line(place));
    }
    out
}

impl Screen {
    fn paint(&self, text: &str, color: &str) -> String {
        match self.color {
            true => format!("\u{1b}[1;{color}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

fn error(out: &mut String, run: &Run) {
    for text in view::error(run) {
        let _ = writeln!(out, "  {}", line(text));
    }
}

fn tables(out: &mut String, run: &Run, screen: &Screen) {
    let tables = view::tables(run);
    for table in &tables {
        let _ = write!(
            out,
            "\n{}\n{}",
            line(&table.title),
            drawn(table, screen.width)
        );
        for note in &table.notes {
            let _ = writeln!(out, "{}", line(note));
        }
    }
    if view::starred(&tables) {
        let _ = writeln!(out, "{}", view::STAR);
    }
}

fn failed(out: &mut String, run: &Run, screen: &Screen) {
    let (failed, more) = failures::failures(run);
    if !failed.is_empty() {
        out.push_str("\nfailures, each with its first message\n");
    }
    for one in &failed {
        let said = format!(
            "{}  {}: {}",
            line(&one.scope),
            line(&one.class()),
            line(&one.message())
        );
        *out += &wrapped("  ", &said, screen.width);
    }
    if more > 0 {
        let _ = writeln!(out, "  and {more} more: see report.html");
    }
}

fn checks(out: &mut String, run: &Run, screen: &Screen) {
    if !run.checks.is_empty() {
        out.push_str("\nchecks\n");
    }
    let held = run.checks.iter().filter(|check| check.passed).count();
    for check in &run.checks {
        let mark = match check.passed {
            true if held > view::FEW => continue,
            true => screen.paint("✓", GREEN),
            false => screen.paint("✗", RED),
        };
        out.push_str(&shown(check, &mark, screen.width));
    }
    if held > view::FEW {
        let mark = screen.paint("✓", GREEN);
        let _ = writeln!(out, "  {mark} {held} of {} held", run.checks.len());
    }
}

fn quality(out: &mut String, run: &Run, screen: &Screen) {
    if run.quality.verdict != QualityVerdict::Unmeasured {
        let _ = writeln!(out, "\nmeasurement: {}", run.quality.verdict.word());
    }
    for finding in &run.quality.findings {
        let text = format!("{}: {}", line(&finding.code), line(&finding.shown()));
        *out += &wrapped("  ", &text, screen.width);
        if let Some(example) = &finding.example {
            *out += &wrapped("      ", &line(example), screen.width);
        }
    }
}

fn color(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => GREEN,
        Verdict::Fail | Verdict::Error => RED,
        Verdict::Invalid | Verdict::Skipped | Verdict::Partial => YELLOW,
    }
}

fn shown(check: &Check, mark: &str, width: usize) -> String {
    let mut details = check.detail.lines();
    let first = details
        .next()
        .map_or(String::new(), |text| format!(": {}", line(text)));
    let text = format!("{}  {}{first}", line(&check.scope), line(&check.name));
    let mut out = wrapped(&format!("  {mark} "), &text, width);
    for text in details {
        out += &wrapped("      ", &line(text), width);
    }
    out
}

/// `lead` and `text` in lines of at most `width` columns. Lines break between words; further lines are indented by four.
fn wrapped(lead: &str, text: &str, width: usize) -> String {
    const INDENT: &str = "    ";
    let mut out = lead.to_owned();
    let mut column = seen(lead);
    for (i, word) in text.split(' ').enumerate() {
        let long = word.width();
        if i > 0 {
            if width > 0 && column + 1 + long > width {
                out = out.trim_end().to_owned() + "\n" + INDENT;
                column = INDENT.len();
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += long;
    }
    out + "\n"
}

/// Columns that a text takes, not counting its colours.
fn seen(text: &str) -> usize {
    let colors = text.split('\u{1b}').skip(1);
    let hidden: usize = colors.filter_map(|rest| Some(rest.find('m')? + 2)).sum();
    text.width() - hidden
}

fn drawn(table: &Table, width: usize) -> String {
    let mut builder = Builder::default();
    builder.push_record(table.head.iter().map(|cell| line(cell)));
    for row in &table.rows {
        builder.push_record(row.iter().map(|cell| line(cell)));
    }
    let mut drawn = builder.build();
    drawn.with(Style::sharp());
    if !table.prose {
        drawn.modify(Columns::new(1..), Alignment::right());
    }
    if width > 0 {
        // The longest cells are wrapped first, so that numbers stay whole.
        let narrowed = Width::wrap(width).priority(Priority::max(true));
        drawn.with(narrowed.keep_words(true));
    }
    drawn.to_string() + "\n"
}
