//! A topology's failure in words: what failed, what it means, the lines of the log that say so, and what mends it.

use super::Failure;
use crate::topology::logs::{Explanation, causes, explain};
use crate::topology::{self, Error};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A topology's failure, explained.
pub(super) fn explained(error: Error) -> Failure {
    let (logs, status) = match &error {
        Error::Interrupted => return Failure::Interrupted,
        Error::Unproven(reason) => return Failure::Unproven(reason.clone()),
        Error::Died { log, status, .. } => (vec![log.clone()], Some(status.as_str())),
        Error::NotReady { logs, .. } => (logs.clone(), None),
        _ => return Failure::Topology(error.to_string()),
    };
    Failure::Topology(told(&error, &logs, status))
}

/// Whether a start failed over a port, so that one on other ports may not.
pub(super) fn is_over_port(error: &Error) -> bool {
    match error {
        Error::PortTaken { .. } => true,
        Error::Died { log, status, .. } => explain(log, Some(status))
            .cause
            .is_some_and(|cause| cause.why == causes::PORT_TAKEN),
        _ => false,
    }
}

fn told(error: &topology::Error, logs: &[PathBuf], status: Option<&str>) -> String {
    let mut message = error.to_string();
    let Some((log, explanation)) = most_telling(logs, status) else {
        return message;
    };
    match explanation.cause {
        Some(cause) => drop(write!(message, ": {}", cause.why)),
        None if explanation.lines.is_empty() => message.push_str("; it printed nothing"),
        None => message.push(':'),
    }
    for line in &explanation.lines {
        let _ = write!(message, "\n  {line}");
    }
    if let Some(cause) = explanation.cause {
        let _ = write!(message, "\nwhat to do: {}", cause.advice);
    }
    let _ = write!(message, "\nits whole log: {}", log.display());
    message
}

/// The first log that gives a known cause away; where none does, the only one there is.
fn most_telling<'a>(logs: &'a [PathBuf], status: Option<&str>) -> Option<(&'a Path, Explanation)> {
    let mut all = logs.iter().map(|log| (log.as_path(), explain(log, status)));
    if logs.len() == 1 {
        return all.next();
    }
    all.find(|(_, explanation)| explanation.cause.is_some())
}
