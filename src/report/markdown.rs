//! The result as Markdown, for people and pull requests.

use super::escape::{block, code, markdown as text};
use super::failures;
use super::number::number;
use super::view::{self, Table};
use crate::record::model::{Check, QualityVerdict, Run, VariantRecord};
use std::fmt::Write as _;

/// Renders a record as Markdown.
#[must_use]
pub(crate) fn markdown(run: &Run) -> String {
    let mut out = format!(
        "# {}: {}\n\n{}\n\n",
        text(&run.scenario.name),
        view::word(run.verdict),
        text(&run.summary)
    );
    facts(&mut out, run);
    if let Some(error) = &run.error {
        let _ = write!(out, "\n## Error\n\n{}", block(error));
    }
    checks(&mut out, run);
    failed(&mut out, run);
    let tables = view::tables(run);
    for table in &tables {
        grid(&mut out, table);
    }
    if view::starred(&tables) {
        let _ = writeln!(out, "\n{}", text(view::STAR));
    }
    let started: Vec<_> = run
        .variants
        .iter()
        .filter(|v| v.startup.is_some())
        .collect();
    if !started.is_empty() {
        out.push_str("\n## Start-up\n\n| variant | process | stage | from (ms) | took (ms) |\n| --- | --- | --- | ---: | ---: |\n");
        for variant in started {
            stages(&mut out, variant);
        }
    }
    if run.quality.verdict != QualityVerdict::Unmeasured {
        let _ = writeln!(out, "\n## Measurement: {}\n", run.quality.verdict.word());
    }
    for finding in &run.quality.findings {
        let _ = writeln!(out, "- {}: {}", code(&finding.code), text(&finding.shown()));
        if let Some(example) = &finding.example {
            let _ = writeln!(out, "  - {}", code(example));
        }
    }
    out
}

/// The short form: the verdict, what failed, and the figures.
pub(crate) fn brief(run: &Run) -> String {
    let mut out = format!(
        "## {}: {}\n\n{}\n",
        text(&run.scenario.name),
        view::word(run.verdict),
        text(&run.summary)
    );
    if let Some(error) = &run.error {
        let _ = write!(out, "\n{}", block(error));
    }
    let failing: Vec<_> = run.checks.iter().filter(|check| !check.passed).collect();
    if !failing.is_empty() {
        out.push('\n');
    }
    for check in failing {
        out.push_str(&shown(check));
    }
    failed(&mut out, run);
    for table in &view::tables(run) {
        grid(&mut out, table);
    }
    out
}

/// Failed requests with the server's messages.
fn failed(out: &mut String, run: &Run) {
    let (failed, more) = failures::failures(run);
    if failed.is_empty() {
        return;
    }
    out.push_str("\n## Failures, each with its first message\n\n");
    for one in &failed {
        let (scope, class) = (code(&one.scope), text(&one.class()));
        let _ = writeln!(out, "- {class} on {scope}: {}", code(&one.message()));
    }
    if more > 0 {
        let _ = writeln!(out, "- and {more} more: see `report.html`");
    }
}

fn facts(out: &mut String, run: &Run) {
    let machine = &run.machine;
    let exit = run
        .exit_code
        .map_or("-".to_owned(), |code| code.to_string());
    let gib = machine.memory_bytes >> 30;
    let _ = writeln!(out, "- run: {} (exit code {exit})", code(&run.run_id));
    let _ = writeln!(out, "- time (UTC): {}", text(&view::time(run)));
    let _ = writeln!(
        out,
        "- scenario: {}, sha256 {}",
        code(&run.scenario.path),
        code(view::short(&run.scenario.sha256))
    );
    let _ = writeln!(
        out,
        "- machine: {}, {} ({} cores), {gib} GiB, {}",
        text(&machine.os),
        text(&machine.cpu),
        machine.cores,
        text(&view::gpus(machine))
    );
    for variant in &run.variants {
        let _ = writeln!(
            out,
            "- variant {}: model {}, request list {}",
            code(&variant.name),
            code(&variant.engine.model),
            code(view::short(&variant.requests_sha256))
        );
    }
    let _ = writeln!(out, "- bench {}", text(&run.bench_version));
}

fn checks(out: &mut String, run: &Run) {
    let failed = run.checks.iter().filter(|check| !check.passed).count();
    if !run.checks.is_empty() {
        let _ = writeln!(
            out,
            "\n## Checks: {} of {} held\n",
            run.checks.len() - failed,
            run.checks.len()
        );
    }
    // Failed checks come first.
    let (held, failures): (Vec<_>, Vec<_>) = run.checks.iter().partition(|check| check.passed);
    out.extend(failures.into_iter().map(shown));
    let folded = held.len() > view::FEW;
    if folded {
        let _ = write!(
            out,
            "\n<details><summary>The {} that held</summary>\n\n",
            held.len()
        );
    }
    out.extend(held.into_iter().map(shown));
    if folded {
        out.push_str("\n</details>\n");
    }
}

fn shown(check: &Check) -> String {
    let mark = if check.passed { "✅" } else { "❌" };
    let mut details = check.detail.lines();
    let first = details.next().unwrap_or_default();
    let mut out = format!(
        "- {mark} {} on {}: {}\n",
        code(&check.name),
        code(&check.scope),
        text(first)
    );
    for example in details {
        let _ = writeln!(out, "  - {}", code(example));
    }
    out
}

fn grid(out: &mut String, table: &Table) {
    let row = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| text(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let _ = write!(
        out,
        "\n## {}\n\n{}",
        text(&title(&table.title)),
        row(&table.head)
    );
    let column = if table.prose { " --- |" } else { " ---: |" };
    let _ = writeln!(out, "| --- |{}", column.repeat(table.head.len() - 1));
    for cells in &table.rows {
        out.push_str(&row(cells));
    }
    for note in &table.notes {
        let _ = writeln!(out, "\n{}", text(note));
    }
}

fn title(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

fn stages(out: &mut String, variant: &VariantRecord) {
    for stage in variant.startup.iter().flat_map(|startup| &startup.stages) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            text(&variant.name),
            text(&stage.process),
            stage.stage,
            number(Some(stage.start_ms)),
            number(Some(stage.ms))
        );
    }
}
