//! `bench report`

use super::{RenderFormat, print, screen, tell};
use crate::record::{self, ExitCode};
use crate::report::{self, Detail, Format};
use std::path::Path;

pub(super) fn report(at: &Path, format: RenderFormat) -> ExitCode {
    let done = match format {
        RenderFormat::Parquet => samples(at),
        _ => rendered(at, format)
            .map(|text| {
                print(&text);
            })
            .map_err(|error| error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::Pass,
        Err(error) => {
            tell(&format!("error: {error}\n"));
            ExitCode::BadScenario
        }
    }
}

fn rendered(at: &Path, format: RenderFormat) -> Result<String, record::Error> {
    let mut run = record::read(at)?;
    if let Some(dir) = directory(at).filter(|dir| dir.join(record::EVENTS_FILE).exists()) {
        run.recover(dir)?;
    }
    if let Some(dir) = directory(at) {
        run.check_files(dir)?;
    }
    if let Some(why) = run.incomplete() {
        tell(&format!("warning: {}\n", report::harmless(why)));
    }
    let format = match format {
        RenderFormat::Terminal => return Ok(report::terminal(&run, &screen(at))),
        RenderFormat::Json | RenderFormat::Parquet => {
            return Ok(serde_json::to_string_pretty(&run).unwrap_or_default() + "\n");
        }
        RenderFormat::Html => Format::Html,
        RenderFormat::Markdown => Format::Markdown,
        RenderFormat::Junit => Format::Junit,
        RenderFormat::Csv => Format::Csv,
        RenderFormat::Openmetrics => Format::Openmetrics,
        RenderFormat::Hdr => Format::Hdr,
        RenderFormat::LlmD => Format::LlmD,
    };
    let detail = match directory(at).filter(|_| format.is_detailed()) {
        Some(dir) => report::detail(&run, dir)?,
        None => Detail::default(),
    };
    Ok(report::render(&run, &detail, format))
}

/// The report directory, where `at` is one or a file in one.
fn directory(at: &Path) -> Option<&Path> {
    if at.is_dir() { Some(at) } else { at.parent() }
}

#[cfg(feature = "parquet")]
fn samples(at: &Path) -> Result<(), String> {
    let rows = record::samples(directory(at).unwrap_or(at)).map_err(|error| error.to_string())?;
    let mut out = super::out::stdout();
    report::parquet::parquet(rows, &mut out).map_err(|error| error.to_string())?;
    // A stream of lines keeps what follows the last line feed.
    std::io::Write::flush(&mut out).map_err(|error| error.to_string())
}

#[cfg(not(feature = "parquet"))]
fn samples(_: &Path) -> Result<(), String> {
    Err("this bench was built without Parquet; build it with it: cargo install --locked --path . --features parquet".to_owned())
}
