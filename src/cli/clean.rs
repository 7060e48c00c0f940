//! `bench clean`

use super::{print, tell};
use crate::record::ExitCode;
use crate::report::harmless;
use crate::topology::leftovers::{self, Looked};
use std::time::Duration;

/// How long to wait for wardens whose `bench` is gone. Longer than the grace of engines.
const WAIT: Duration = Duration::from_secs(30);

pub(super) fn clean() -> ExitCode {
    let looked = leftovers::clean(WAIT, |run_id| {
        tell(&format!(
            "bench of run {} has ended; waiting for its warden to stop the run\n",
            harmless(run_id)
        ));
    });
    for run in &looked.runs {
        print(&format!("{}\n", harmless(&run.to_string())));
    }
    for run_id in &looked.ending {
        tell(&format!(
            "error: the warden of run {} has not stopped it after {} s\nhelp: run `bench clean` again\n",
            harmless(run_id),
            WAIT.as_secs()
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
    let all = looked.unseen.is_empty() && looked.ending.is_empty();
    if all && looked.runs.iter().all(|run| run.stuck.is_empty()) {
        ExitCode::Pass
    } else {
        ExitCode::TopologyFailed
    }
}
