//! `bench clean`

use super::{print, tell};
use crate::record::ExitCode;
use crate::report::harmless;
use crate::topology::leftovers::{self, Looked};

pub(super) fn clean() -> ExitCode {
    let looked = leftovers::clean();
    for run in &looked.runs {
        print(&format!("{}\n", harmless(&run.to_string())));
    }
    for run_id in &looked.ending {
        print(&format!(
            "the bench of run {} has ended, and its warden is taking the run down; run `bench clean` again to see what is left\n",
            harmless(run_id)
        ));
    }
    for what in &looked.unseen {
        tell(&format!(
            "error: failed to look for what was left behind: {}\n",
            harmless(what)
        ));
    }
    if !looked.unseen.is_empty() {
        tell(
            "help: nothing that another user may have written is obeyed; run `bench clean` with the HOME and XDG_STATE_HOME of your own runs, or remove what is named above\n",
        );
    }
    if looked == Looked::default() {
        print("nothing was left behind\n");
    }
    if looked.unseen.is_empty() && looked.runs.iter().all(|run| run.stuck.is_empty()) {
        ExitCode::Pass
    } else {
        ExitCode::TopologyFailed
    }
}
