//! `bench report`

use super::{RenderFormat, print, screen, tell};
use crate::record::{self, ExitCode};
use crate::report::{self, Detail, Format};
use std::path::Path;

pub(super) fn report(at: &Path, format: RenderFormat) -> ExitCode {
    match rendered(at, format) {
        Ok(text) => {
            print(&text);
            ExitCode::Pass
        }
        Err(error) => {
            tell(&format!("error: {error}\n"));
            ExitCode::BadScenario
        }
    }
}

fn rendered(at: &Path, format: RenderFormat) -> Result<String, record::Error> {
    let run = record::read(at)?;
    let dir = if at.is_dir() { Some(at) } else { at.parent() };
    let format = match format {
        RenderFormat::Terminal => return Ok(report::terminal(&run, &screen(at))),
        RenderFormat::Json => {
            return Ok(serde_json::to_string_pretty(&run).unwrap_or_default() + "\n");
        }
        RenderFormat::Html => Format::Html,
        RenderFormat::Markdown => Format::Markdown,
        RenderFormat::Junit => Format::Junit,
        RenderFormat::Csv => Format::Csv,
        RenderFormat::Openmetrics => Format::Openmetrics,
    };
    let detail = match dir.filter(|_| format == Format::Html) {
        Some(dir) => report::detail(&run, dir)?,
        None => Detail::default(),
    };
    Ok(report::render(&run, &detail, format))
}
