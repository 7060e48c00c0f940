//! `bench compare`

use super::{RenderFormat, baselines, print, screen, tell};
use crate::compare::records::{NoVariant, Side, compared, obstacles, texts};
use crate::record::model::QualityVerdict;
use crate::record::{self, ExitCode, Writer};
use crate::report::{self, Detail, Format};
use crate::run;
use clap::Args;
use std::path::{Path, PathBuf};

/// Two records, or one and a kept baseline.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Report directories: the older and the newer; with `--baseline` or `--keep` only one; with `--aa` a scenario.
    #[arg(required = true, num_args = 1..=2, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Hold it against the baseline that was kept under this name.
    #[arg(long, value_name = "NAME", conflicts_with = "keep")]
    baseline: Option<String>,
    /// Keep the record as a baseline under this name; one of that name is replaced.
    #[arg(long, value_name = "NAME")]
    keep: Option<String>,
    /// Where baselines are kept.
    #[arg(long, value_name = "DIR", default_value = "reports/baselines")]
    baselines: PathBuf,
    /// Run a scenario's baseline against itself, and keep this machine's noise floor for later runs.
    #[arg(long, conflicts_with_all = ["baseline", "keep", "variant", "against", "force", "format"])]
    aa: bool,
    /// One value of the scenario, for `--aa`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", requires = "aa")]
    sets: Vec<String>,
    /// Which variant, where a record has several.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Which variant of the older record, where it is another.
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Compare what is not comparable, and say so in the result.
    #[arg(long)]
    force: bool,
    /// How it is rendered.
    #[arg(long, value_enum, default_value_t = RenderFormat::Terminal)]
    format: RenderFormat,
    /// Keep the comparison as a record of its own in this directory; `--aa` always does, in `reports` unless given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Why nothing was compared, and the code that says so.
#[derive(Debug)]
pub(super) struct Refused(pub(super) ExitCode, pub(super) String);

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self(ExitCode::BadScenario, why)
    }
}

impl From<NoVariant> for Refused {
    fn from(error: NoVariant) -> Self {
        error.to_string().into()
    }
}

impl From<record::Error> for Refused {
    fn from(error: record::Error) -> Self {
        Self(super::of_record(&error), error.to_string())
    }
}

pub(super) fn compare(arguments: &Compare) -> ExitCode {
    if arguments.aa {
        return match arguments.runs.as_slice() {
            [file] => {
                let out = arguments.out.as_deref().unwrap_or(Path::new("reports"));
                super::aa::aa(file, &arguments.sets, out)
            }
            _ => {
                tell("error: `--aa` runs one scenario: name one\n");
                ExitCode::BadScenario
            }
        };
    }
    let done = match &arguments.keep {
        Some(name) => keep(arguments, name),
        None => held(arguments),
    };
    done.unwrap_or_else(|Refused(code, why)| {
        tell(&format!("error: {}\n", report::harmless(&why)));
        code
    })
}

/// Keeps a record under a name.
fn keep(arguments: &Compare, name: &str) -> Result<ExitCode, Refused> {
    let [from] = arguments.runs.as_slice() else {
        return Err("`--keep` keeps one record: name one".to_owned().into());
    };
    let run = read(from)?;
    if run.quality.verdict == QualityVerdict::Invalid && !arguments.force {
        let why = run
            .incomplete()
            .unwrap_or("its measurement can't be trusted");
        let why = format!(
            "{} is not kept as a baseline: {why}; keep it all the same with `--force`",
            run.run_id
        );
        return Err(Refused(ExitCode::Invalid, why));
    }
    let place = baselines::keep(from, &arguments.baselines, name)?;
    let said = format!("kept {} as {}", run.run_id, place.display());
    tell(&format!(
        "{}\nhold a run against it: bench compare RUN --baseline {name}\n",
        report::harmless(&said)
    ));
    Ok(ExitCode::Pass)
}

/// Reads a record, and whether all of it is there.
fn read(at: &Path) -> Result<record::model::Run, record::Error> {
    let mut run = record::read(at)?;
    run.check_files(directory(at))?;
    Ok(run)
}

fn held(arguments: &Compare) -> Result<ExitCode, Refused> {
    let (older, newer) = match (arguments.runs.as_slice(), &arguments.baseline) {
        ([newer], Some(name)) => (baselines::kept(&arguments.baselines, name)?, newer),
        ([older, newer], None) => (older.clone(), newer),
        ([_], None) => {
            return Err(
                "one record has nothing to be compared with: name two, or `--baseline NAME`"
                    .to_owned()
                    .into(),
            );
        }
        _ => {
            return Err(
                "`--baseline` is what the record is held against: name one record"
                    .to_owned()
                    .into(),
            );
        }
    };
    let runs = [read(&older)?, read(newer)?];
    let named = arguments.variant.as_deref();
    let a = Side::of(&runs[0], arguments.against.as_deref().or(named))?;
    let b = Side::of(&runs[1], named)?;
    let found = obstacles(&a, &b);
    if !found.is_empty() && !arguments.force {
        let why = format!(
            "not comparable:\n  {}\ncompare them all the same, which the result then says, with `--force`",
            found.join("\n  ")
        );
        return Err(Refused(ExitCode::Invalid, why));
    }
    let tokenizer = || run::tokenizer(&b.run.scenario).or_else(|| run::tokenizer(&a.run.scenario));
    let same = texts((a, directory(&older)), (b, directory(newer)), tokenizer)?;
    let name = arguments.baseline.as_deref().unwrap_or("baseline");
    let mut run = compared((a, name), b, &found, same, jiff::Timestamp::now());
    let place = match &arguments.out {
        Some(out) => {
            let writer = Writer::create(out, &mut run, run::environment_redactor())?;
            if let Some(note) = writer.note() {
                tell(&format!("warning: {note}\n"));
            }
            run.files = writer.files();
            writer.finish(&mut run)?;
            Some(writer.dir().to_owned())
        }
        None => None,
    };
    print(&rendered(&run, arguments.format, place.as_deref())?);
    Ok(run.exit_code.unwrap_or(ExitCode::Pass))
}

fn rendered(
    run: &record::model::Run,
    format: RenderFormat,
    place: Option<&Path>,
) -> Result<String, Refused> {
    let format = match format {
        RenderFormat::Terminal => {
            let mut screen = screen(place.unwrap_or(Path::new("")));
            screen.place = screen.place.filter(|_| place.is_some());
            return Ok(report::terminal(run, &screen));
        }
        RenderFormat::Json => return Ok(serde_json::to_string_pretty(run).unwrap_or_default() + "\n"),
        RenderFormat::Html => Format::Html,
        RenderFormat::Markdown => Format::Markdown,
        RenderFormat::Junit => Format::Junit,
        RenderFormat::Csv => Format::Csv,
        RenderFormat::Openmetrics => Format::Openmetrics,
        _ => return Err("a comparison has no requests of its own: use terminal, html, markdown, junit, csv, openmetrics or json".to_owned().into()),
    };
    Ok(report::render(run, &Detail::default(), format))
}

/// The report directory, where `at` is one or a file in one.
fn directory(at: &Path) -> &Path {
    if at.is_dir() {
        at
    } else {
        at.parent().unwrap_or(at)
    }
}
