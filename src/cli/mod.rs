//! Arguments and verbs: one file per verb. Human text goes to stderr while working, the result to stdout.

mod aa;
mod ask;
mod baselines;
pub mod check;
mod clean;
mod compare;
mod doctor;
mod github;
mod guard;
mod import;
mod init;
mod man;
mod out;
mod pages;
mod plan;
mod report;
mod run;
mod shown;
mod teller;
mod trend;
mod up;
mod watch;

use crate::diagnostic::Diagnostics;
use crate::record::{self, ExitCode};
use crate::report::Screen;
use crate::{scenario, sim, topology};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use out::print;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use teller::tell;

/// A declarative test-and-benchmark harness for LLM serving.
///
/// Exit codes: 0 pass, 1 a check failed, 2 bad scenario or usage, 3 topology failed, 4 measurement invalid, 5 regression,
/// 6 requirement not met, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "bench", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a scenario: bring it up, drive its load, verify, report, take it down.
    #[command(
        after_help = "Example: bench run scenarios/quickstart.yaml --set load.phases[0].batch.batches=5"
    )]
    Run {
        #[command(flatten)]
        scenario: ScenarioArgs,
        /// Where report directories are made.
        #[arg(long, default_value = "reports", value_name = "DIR")]
        out: PathBuf,
        /// Keep what a topology that failed wrote into its own directories, 256 MiB at most, in the report directory's `kept`.
        #[arg(long)]
        keep_on_failure: bool,
    },
    /// Check scenario files and report every mistake in them.
    #[command(after_help = "Example: bench check scenarios/*.yaml")]
    Check {
        /// Scenario files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        changes: Changes,
    },
    /// Print exactly what a run would do, without starting anything.
    #[command(after_help = "Example: bench plan scenarios/dynamo-mocker.yaml --format json")]
    Plan {
        #[command(flatten)]
        scenario: ScenarioArgs,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// Render a record again.
    #[command(after_help = "Example: bench report reports/latest --format html > report.html")]
    Report {
        /// A report directory.
        #[arg(value_name = "RUN")]
        dir: PathBuf,
        /// How it is rendered.
        #[arg(long, value_enum, default_value_t = RenderFormat::Terminal)]
        format: RenderFormat,
    },
    /// Hold a record against an older one, or against a kept baseline. Ends with 5 where it is proven worse, with 4 where the
    /// two are not comparable.
    #[command(
        after_help = "Example: bench compare reports/before reports/latest\n         bench compare reports/latest --keep main\n         bench compare reports/latest --baseline main\n         bench compare --aa scenarios/vllm-cpu.yaml"
    )]
    Compare(Box<compare::Compare>),
    /// Say where metrics shifted over a folder of records, and with which run. Ends with 5 where a last shift is worse.
    #[command(after_help = "Example: bench trend reports --metric 'p95 ttft'")]
    Trend(trend::Trend),
    /// Make a record of another tool's result, so that it is reported and compared like a run.
    #[command(after_help = "Example: bench import artifacts/profile_export_aiperf.json")]
    Import(import::Import),
    /// Follow a run that is under way to its end, and end as it ends.
    #[command(after_help = "Example: bench watch reports/latest")]
    Watch {
        /// A report directory.
        #[arg(value_name = "RUN", default_value = "reports/latest")]
        dir: PathBuf,
    },
    /// Bring a scenario's topology up, print its endpoint, hold it until Ctrl-C, take it down.
    #[command(after_help = "Example: bench up scenarios/quickstart.yaml --variant native")]
    Up {
        #[command(flatten)]
        scenario: ScenarioArgs,
        /// Which variant, where there are several.
        #[arg(long, value_name = "NAME")]
        variant: Option<String>,
    },
    /// Write a commented scenario to begin with.
    #[command(
        after_help = "Example: bench init mine.yaml                 # asks, on a terminal\n         bench init mine.yaml --engine both --model Qwen/Qwen3-0.6B --venv ~/venv --gpu t4"
    )]
    Init(init::Init),
    /// Say what this machine can run, and how to mend what it can't.
    #[command(after_help = "Example: bench doctor scenarios/vllm-qwen.yaml")]
    Doctor {
        /// A scenario whose needs are looked at as well.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where report directories are to be made.
        #[arg(long, default_value = "reports", value_name = "DIR")]
        out: PathBuf,
    },
    /// End what runs that were killed left behind: processes, shared memory, directories. Living runs are not touched.
    #[command(after_help = "Example: bench clean")]
    Clean,
    /// Print what completes arguments in a shell.
    #[command(
        after_help = "Example: bench completions bash > ~/.local/share/bash-completion/completions/bench"
    )]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one a verb.
    #[command(after_help = "Example: bench man ~/.local/share/man/man1 && man bench-run")]
    Man {
        /// Where they go; it is made where it is missing.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Print a page of the documentation; without a name, list the pages.
    #[command(after_help = "Example: bench docs troubleshooting")]
    Docs {
        /// The page.
        #[arg(value_name = "PAGE")]
        page: Option<String>,
    },
    /// Print the JSON Schema of scenario files, or their reference.
    #[command(after_help = "Example: bench schema > scenarios/scenario.schema.json")]
    Schema {
        /// How it is printed.
        #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
        format: SchemaFormat,
    },
    /// Serve the embedded engine on its own.
    #[command(after_help = "Example: bench sim --port 8000 --model demo --flavour dynamo")]
    Sim(Box<sim::Options>),
    /// Supervise processes for a run; started by `bench run`.
    #[command(hide = true)]
    Warden(topology::warden::Options),
}

/// A scenario and what changes it from outside.
#[derive(Debug, Args)]
struct ScenarioArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    changes: Changes,
}

/// What changes a scenario from outside, in this order: overlays, then `--set`.
#[derive(Debug, Args)]
struct Changes {
    /// A file laid over the scenario: maps merge, all else is replaced; may be repeated.
    #[arg(long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// One value, such as `load.phases[0].batch.size=3`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaFormat {
    /// The JSON Schema, for editors.
    Json,
    /// `docs/reference.md`.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RenderFormat {
    Terminal,
    Html,
    Markdown,
    Junit,
    Csv,
    Openmetrics,
    Hdr,
    LlmD,
    /// Every request, for data frames; needs a build with `--features parquet`.
    Parquet,
    Json,
}

/// Does what the arguments say.
#[must_use]
pub fn main() -> ExitCode {
    guard::guarded(parsed)
}

fn parsed() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            return ExitCode::BadScenario;
        }
        // Help, or the version.
        Err(error) => {
            let text = error.render();
            if colour(&std::io::stdout()) {
                print(&text.ansi().to_string());
            } else {
                print(&text.to_string());
            }
            return out::settle(ExitCode::Pass);
        }
    };
    let explained = matches!(
        cli.verb,
        Verb::Run { .. }
            | Verb::Watch { .. }
            | Verb::Up { .. }
            | Verb::Check { .. }
            | Verb::Plan { .. }
    );
    let code = dispatch(cli.verb);
    if explained {
        pages::refer(code);
    }
    out::settle(code)
}

fn dispatch(verb: Verb) -> ExitCode {
    match verb {
        Verb::Run {
            scenario,
            out,
            keep_on_failure,
        } => run::run(&scenario, &out, keep_on_failure),
        Verb::Check { files, changes } => {
            let colour = colour(&std::io::stderr());
            let env = &crate::run::variable;
            let report = check::run(&files, &changes.overlays, &changes.sets, env, colour);
            if report.ok {
                print(&report.text);
                ExitCode::Pass
            } else {
                tell(&report.text);
                ExitCode::BadScenario
            }
        }
        Verb::Plan { scenario, format } => plan::plan(&scenario, format),
        Verb::Report { dir, format } => report::report(&dir, format),
        Verb::Compare(arguments) => compare::compare(&arguments),
        Verb::Trend(arguments) => trend::run(&arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::Watch { dir } => watch::watch(&dir),
        Verb::Up { scenario, variant } => up::up(&scenario, variant.as_deref()),
        Verb::Doctor { file, out } => doctor::doctor(file.as_deref(), &out),
        Verb::Init(arguments) => init::init(arguments),
        Verb::Clean => clean::clean(),
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bench", &mut text);
            print(&String::from_utf8_lossy(&text));
            ExitCode::Pass
        }
        Verb::Man { dir } => man::man(&dir),
        Verb::Docs { page } => pages::docs(page.as_deref()),
        Verb::Schema { format } => {
            print(&match format {
                SchemaFormat::Json => scenario::schema_text(),
                SchemaFormat::Markdown => scenario::reference(),
            });
            ExitCode::Pass
        }
        Verb::Sim(options) => match sim::serve(&options, &mut std::io::stderr()) {
            Ok(()) => ExitCode::Pass,
            // The traceback that was ordered is already said; real engines end with 1 after one.
            Err(sim::Error::Ordered(_)) => ExitCode::CheckFailed,
            Err(error) => {
                tell(&format!("error: {error}\n"));
                ExitCode::TopologyFailed
            }
        },
        Verb::Warden(options) => warden(&options),
    }
}

fn warden(options: &topology::warden::Options) -> ExitCode {
    match topology::warden::run(options) {
        Ok(0) => ExitCode::Pass,
        Ok(_) => ExitCode::TopologyFailed,
        Err(error) => {
            tell(&format!("error: the warden can't work here: {error}\n"));
            ExitCode::TopologyFailed
        }
    }
}

/// Mistakes with the lines of the scenario that they are in, as they may be shown on stderr: without secrets.
fn mistakes(found: &Diagnostics) -> String {
    crate::run::hidden(&found.render(colour(&std::io::stderr())))
}

/// The scenario, once its warnings have been told.
fn warned(loaded: scenario::Loaded) -> scenario::Loaded {
    if loaded.warnings.warnings() > 0 {
        tell(&mistakes(&loaded.warnings));
    }
    loaded
}

/// The exit code of a record that can't be written (3) or read (2).
fn of_record(error: &record::Error) -> ExitCode {
    match error {
        record::Error::Write { .. } => ExitCode::TopologyFailed,
        record::Error::Read { .. } | record::Error::Format { .. } | record::Error::Newer { .. } => {
            ExitCode::BadScenario
        }
    }
}

/// Whether a stream wants colours.
fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What the result is rendered for; `place` is where its record is.
fn screen(place: &Path) -> Screen {
    Screen {
        width: width(&std::io::stdout()),
        color: colour(&std::io::stdout()),
        place: Some(place.display().to_string()),
    }
}

/// How wide a stream is: as COLUMNS says, else as its terminal does, else 100.
fn width(stream: &impl AsFd) -> usize {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|text| text.parse().ok());
    told.or_else(|| Some(terminal_size::terminal_size_of(stream)?.0.0.into()))
        .filter(|width| *width > 0)
        .unwrap_or(100)
}
