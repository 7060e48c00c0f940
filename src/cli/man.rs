//! `bench man`

use super::{Cli, print, tell};
use crate::record::ExitCode;
use clap::CommandFactory as _;
use std::path::Path;

pub(super) fn man(dir: &Path) -> ExitCode {
    let written =
        std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    match written {
        Ok(()) => {
            print(&format!("manual pages are in {}\n", dir.display()));
            ExitCode::Pass
        }
        Err(error) => {
            tell(&format!(
                "error: failed to write to {}: {error}\n",
                dir.display()
            ));
            ExitCode::TopologyFailed
        }
    }
}
