//! What a run says to GitHub Actions, where it runs there: annotations, and the step's summary.

use super::{print, tell};
use crate::files;
use crate::record::model::Run;
use crate::report::github;
use std::fs::OpenOptions;
use std::io::Write as _;

/// Most bytes of a scenario that are read to place annotations.
const LARGEST: u64 = 1 << 20;

/// Says it.
pub(super) fn tell_actions(run: &Run) {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if set("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let scenario = files::text(run.scenario.path.as_ref(), LARGEST).ok();
        print(&github::annotations(run, scenario.as_deref()));
    }
    if let Some(path) = set("GITHUB_STEP_SUMMARY") {
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let text = github::step_summary(run);
        if let Err(error) = open.and_then(|mut file| file.write_all(text.as_bytes())) {
            tell(&format!(
                "warning: failed to write the step's summary to {}: {error}\n",
                path.display()
            ));
        }
    }
}
