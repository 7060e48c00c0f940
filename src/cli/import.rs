//! `bench import`

use super::{print, tell};
use crate::files;
use crate::import::{self, Tool, import};
use crate::record::model::Run;
use crate::record::{self, ExitCode, Writer, run_id};
use crate::report::harmless;
use crate::run::environment_redactor;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A tool by the name that is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ToolName {
    /// `vllm bench serve`, and vLLM's client in Rust.
    Vllm,
    /// `sglang.bench_serving`.
    Sglang,
    /// aiperf.
    Aiperf,
    /// genai-perf.
    GenaiPerf,
    /// guidellm.
    Guidellm,
    /// inference-perf.
    InferencePerf,
}

/// Largest file that is read.
const LARGEST: u64 = 1 << 30;

/// What is imported.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file of `vllm bench serve --save-result`, sglang.bench_serving, aiperf, genai-perf, guidellm or inference-perf. One
    /// with several results, such as that of `--append-result`, becomes a record each.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose result it is; found out unless given.
    #[arg(long, value_enum)]
    tool: Option<ToolName>,
    /// Only this one of several results, from 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    only: Option<u32>,
    /// Where report directories are made.
    #[arg(long, default_value = "reports", value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(import: &Import) -> ExitCode {
    match records(import) {
        Ok(dirs) => {
            print(
                &dirs
                    .iter()
                    .map(|dir| format!("{dir}\n"))
                    .collect::<String>(),
            );
            let last = dirs.last().map_or("", String::as_str);
            let all = match dirs.len() {
                1 => "look at it".to_owned(),
                n => format!("{n} records; look at the last"),
            };
            tell(&format!("{all}: bench report {last}\n"));
            ExitCode::Pass
        }
        Err(Failed(code, error)) => {
            tell(&format!("error: {}\n", harmless(&error)));
            code
        }
    }
}

/// Why nothing was imported, and the code that says so.
struct Failed(ExitCode, String);

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self(ExitCode::BadScenario, why)
    }
}

impl From<import::Error> for Failed {
    fn from(error: import::Error) -> Self {
        error.to_string().into()
    }
}

impl From<record::Error> for Failed {
    fn from(error: record::Error) -> Self {
        Self(super::of_record(&error), error.to_string())
    }
}

/// Makes the records; none where one result can't be read.
fn records(wanted: &Import) -> Result<Vec<String>, Failed> {
    let file = &wanted.file;
    let failed = |error: std::io::Error| format!("failed to read {}: {error}", file.display());
    let text = files::text(file, LARGEST).map_err(failed)?;
    let now = jiff::Timestamp::now();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut runs = import(&name, &text, wanted.tool.map(Tool::from), now)?;
    if let Some(only) = wanted.only {
        let count = runs.len();
        let n = usize::try_from(only - 1).unwrap_or(usize::MAX);
        if n >= count {
            return Err(format!("{name} has {count} results, and no result {only}").into());
        }
        runs = vec![runs.swap_remove(n)];
    }
    let entropy = u64::from(std::process::id()) ^ now.subsec_nanosecond().cast_unsigned() as u64;
    let id = run_id("imported", now, entropy);
    let several = runs.len() > 1;
    let numbered = |n: usize| {
        if several {
            format!("{id}-{}", n + 1)
        } else {
            id.clone()
        }
    };
    let write = |(n, mut run): (usize, Run)| {
        run.run_id = numbered(n);
        let writer = Writer::create(&wanted.out, &mut run, environment_redactor())?;
        if let Some(note) = writer.note() {
            tell(&format!("warning: {note}\n"));
        }
        run.files = writer.files();
        writer.finish(&mut run)?;
        Ok(writer.dir().display().to_string())
    };
    runs.into_iter().enumerate().map(write).collect()
}

impl From<ToolName> for Tool {
    fn from(name: ToolName) -> Self {
        match name {
            ToolName::Vllm => Self::Vllm,
            ToolName::Sglang => Self::Sglang,
            ToolName::Aiperf => Self::Aiperf,
            ToolName::GenaiPerf => Self::GenaiPerf,
            ToolName::Guidellm => Self::Guidellm,
            ToolName::InferencePerf => Self::InferencePerf,
        }
    }
}
