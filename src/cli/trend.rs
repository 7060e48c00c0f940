//! `bench trend`

use super::{print, tell};
use crate::compare::trend::{Series, sound, trend};
use crate::record::{self, ExitCode, RUN_FILE, model::Run};
use crate::report::harmless;
use crate::scenario::gate;
use crate::scenario::margin::Margin;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Metrics that are looked at unless others are named.
const USUAL: [&str; 4] = ["ttft", "tpot", "e2e", "output_throughput"];

/// A folder of records.
#[derive(Debug, Args)]
pub(super) struct Trend {
    /// A folder of report directories.
    #[arg(value_name = "DIR", default_value = "reports")]
    dir: PathBuf,
    /// A metric, such as `p95 ttft`; may be repeated. Unless given: ttft, tpot, e2e and output_throughput.
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<String>,
    /// By how much the last shift may be worse, as in `compare.equivalence`.
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    margin: String,
    /// Only the newest so many records.
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    last: u32,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = TrendFormat::Text)]
    format: TrendFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrendFormat {
    Text,
    Json,
}

pub(super) fn run(arguments: &Trend) -> ExitCode {
    match looked(arguments) {
        Ok(code) => code,
        Err(why) => {
            tell(&format!("error: {}\n", harmless(&why)));
            ExitCode::BadScenario
        }
    }
}

fn looked(arguments: &Trend) -> Result<ExitCode, String> {
    let margin: Margin = arguments.margin.parse().map_err(|_| {
        format!(
            "`{}` is not a margin: write a share such as `5%`",
            arguments.margin
        )
    })?;
    let named = |name: &str| {
        gate::judged_metric(name)
            .map_err(|mistake| format!("{} {}", mistake.message, mistake.help.unwrap_or_default()))
    };
    let metrics: Result<Vec<String>, String> = match arguments.metrics.as_slice() {
        [] => USUAL.into_iter().map(named).collect(),
        some => some.iter().map(|name| named(name)).collect(),
    };
    let mut found = records(&arguments.dir)?;
    found.sort_by(|(_, a), (_, b)| b.started.cmp(&a.started));
    found.truncate(usize::try_from(arguments.last).unwrap_or(usize::MAX));
    // Only of those that are looked at: it reads all of their rows.
    let runs: Vec<Run> = found.into_iter().filter_map(complete).collect();
    let unsound = runs.iter().filter(|run| !sound(run)).count();
    let series = trend(&runs, &metrics?);
    print(&match arguments.format {
        TrendFormat::Json => serde_json::to_string_pretty(&series).unwrap_or_default() + "\n",
        TrendFormat::Text => text(&series, runs.len(), unsound),
    });
    let regressed = |series: &Series| series.worse_by().is_some_and(|by| by > margin.0);
    Ok(if series.iter().any(regressed) {
        ExitCode::Regression
    } else {
        ExitCode::Pass
    })
}

/// A record, checked for rows and files that are missing: then it counts as no measurement, which is said.
fn complete((dir, mut run): (PathBuf, Run)) -> Option<Run> {
    let checked = run.check_files(&dir);
    let why = match &checked {
        Ok(()) => run.incomplete().map(|why| format!("{}: {why}", run.run_id)),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = why {
        tell(&format!("warning: left out: {}\n", harmless(&why)));
    }
    checked.is_ok().then_some(run)
}

/// The records in a folder, with their places. What is in it that is none is left alone; a record that can't be read is said.
fn records(dir: &Path) -> Result<Vec<(PathBuf, Run)>, String> {
    let entries =
        fs::read_dir(dir).map_err(|error| format!("failed to read {}: {error}", dir.display()))?;
    let mut runs = Vec::new();
    for entry in entries.flatten() {
        // `latest` is a link to one that is here as well.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir())
            || !entry.path().join(RUN_FILE).exists()
        {
            continue;
        }
        match record::read(&entry.path()) {
            Ok(run) => runs.push((entry.path(), run)),
            Err(error) => tell(&format!(
                "warning: left out: {}\n",
                harmless(&error.to_string())
            )),
        }
    }
    if runs.is_empty() {
        return Err(format!(
            "there is no record in {}; name a folder of report directories",
            dir.display()
        ));
    }
    Ok(runs)
}

fn text(all: &[Series], runs: usize, unsound: usize) -> String {
    let mut out = format!("{runs} records, {unsound} of them no measurement and left out\n");
    let shifted = |series: &&Series| !series.shifts.is_empty();
    for series in all.iter().filter(shifted) {
        let Series {
            scenario,
            variant,
            phase,
            metric,
            on,
            points,
            ..
        } = series;
        let _ = writeln!(
            out,
            "\n{metric} of {phase}, {variant} ({scenario}), {} runs\n  {on}",
            points.len()
        );
        for shift in &series.shifts {
            let word = if shift.worse { "worse" } else { "better" };
            let _ = writeln!(
                out,
                "  {:+.1}% ({word}) since {} of {}, after {}; p {:.1e}",
                (shift.ratio - 1.0) * 100.0,
                shift.run,
                shift.started,
                shift.after,
                shift.p
            );
        }
    }
    let quiet = all.iter().filter(|series| series.shifts.is_empty()).count();
    let _ = writeln!(
        out,
        "\n{} of {} series shifted",
        all.len() - quiet,
        all.len()
    );
    harmless(&out)
}
