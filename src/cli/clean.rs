//! `bench clean`

use super::{print, tell};
use crate::record::ExitCode;
use crate::topology::{leftovers, registry};

pub(super) fn clean() -> ExitCode {
    let Some(place) = registry::place() else {
        tell(
            "error: neither HOME nor XDG_STATE_HOME is set, so no run has noted what it started\n",
        );
        return ExitCode::BadScenario;
    };
    let cleaned = leftovers::clean(&place);
    for run in &cleaned {
        print(&format!("{run}\n"));
    }
    if cleaned.is_empty() {
        print("nothing was left behind\n");
    }
    if cleaned.iter().any(|run| !run.stuck.is_empty()) {
        ExitCode::TopologyFailed
    } else {
        ExitCode::Pass
    }
}
