//! `bench import`

use super::{print, tell};
use crate::import::{Tool, import};
use crate::record::{self, ExitCode, Redactor, Writer, run_id};
use crate::report::harmless;
use clap::ValueEnum;
use std::path::Path;

/// A tool by the name that is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ToolName {
    /// `vllm bench serve`.
    Vllm,
    /// aiperf.
    Aiperf,
    /// guidellm.
    Guidellm,
}

/// Largest file that is read.
const LARGEST: u64 = 1 << 30;

pub(super) fn run(file: &Path, tool: Option<ToolName>, out: &Path) -> ExitCode {
    match record(file, tool, out) {
        Ok(dir) => {
            print(&format!("{dir}\n"));
            tell(&format!("look at it: bench report {dir}\n"));
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

impl From<record::Error> for Failed {
    fn from(error: record::Error) -> Self {
        Self(super::of_record(&error), error.to_string())
    }
}

fn record(file: &Path, tool: Option<ToolName>, out: &Path) -> Result<String, Failed> {
    let failed = |error: std::io::Error| format!("failed to read {}: {error}", file.display());
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > LARGEST {
        return Err(format!(
            "{} has {size} bytes; at most {LARGEST} are read",
            file.display()
        )
        .into());
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let tool = tool.map(|tool| match tool {
        ToolName::Vllm => Tool::Vllm,
        ToolName::Aiperf => Tool::Aiperf,
        ToolName::Guidellm => Tool::Guidellm,
    });
    let now = jiff::Timestamp::now();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut run = import(&name, &text, tool, now)?;
    let entropy = u64::from(std::process::id()) ^ now.subsec_nanosecond().cast_unsigned() as u64;
    run.run_id = run_id("imported", now, entropy);
    let writer = Writer::create(
        out,
        &mut run,
        Redactor::new(std::iter::empty::<(String, String)>()),
    )?;
    run.files = writer.files();
    writer.finish(&mut run)?;
    Ok(writer.dir().display().to_string())
}
