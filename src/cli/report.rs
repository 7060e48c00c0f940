//! `bench report`

use super::{RenderFormat, print, screen, tell};
use crate::record::{self, ExitCode};
use crate::report::{self, Format};
use std::path::Path;

pub(super) fn report(dir: &Path, format: RenderFormat) -> ExitCode {
    let run = match record::read(dir) {
        Ok(run) => run,
        Err(error) => {
            tell(&format!("error: {error}\n"));
            return ExitCode::BadScenario;
        }
    };
    print(&match format {
        RenderFormat::Terminal => report::terminal(&run, &screen(dir)),
        RenderFormat::Markdown => report::render(&run, Format::Markdown),
        RenderFormat::Junit => report::render(&run, Format::Junit),
        RenderFormat::Json => serde_json::to_string_pretty(&run).unwrap_or_default() + "\n",
    });
    ExitCode::Pass
}
