//! `bench clean`

use super::{print, tell};
use crate::record::ExitCode;
use crate::report::harmless;
use crate::topology::leftovers::{self, Search};

pub(super) fn clean() -> ExitCode {
    let Search { cleaned, refused } = leftovers::search();
    for run in &cleaned {
        print(&format!("{}\n", harmless(&run.to_string())));
    }
    for why in &refused {
        tell(&format!(
            "error: leftovers noted there were not looked for: {}\n",
            harmless(&why.to_string())
        ));
    }
    if !refused.is_empty() {
        tell(
            "help: nothing that another user may have written is obeyed; run `bench clean` with the HOME and XDG_STATE_HOME of your own runs, or remove what is named above\n",
        );
    } else if cleaned.is_empty() {
        print("nothing was left behind\n");
    }
    if !refused.is_empty() || cleaned.iter().any(|run| !run.stuck.is_empty()) {
        ExitCode::TopologyFailed
    } else {
        ExitCode::Pass
    }
}
