//! Limits of the system. Open files are asked for before anything is started; the other limits are named where one is met.

use super::Failure;
use crate::load::socket::allow_files;
use crate::plan::{self, Shape};
use crate::scenario::model::Scenario;
use crate::scenario::rate::Bounds;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Open files that a run needs beside its connections: the record, ports, logs, and what an engine opens to begin with.
pub(crate) const OTHER_FILES: u64 = 256;

/// Open files that a scenario's load needs, and whether fewer will do: an open loop takes what there is, and requests beyond
/// that fail and say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Files {
    /// Without which the run can't be.
    pub(crate) least: u64,
    /// With which nothing is held back.
    pub(crate) most: u64,
}

impl Files {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let mut files = Self {
            least: OTHER_FILES,
            most: OTHER_FILES,
        };
        for phase in plan::phases(&scenario.load) {
            let most = match &phase.search {
                // It may come to the upper end.
                Some(search) => match search.between {
                    Bounds::Concurrency(_, most) => u64::from(most),
                    Bounds::Rate(..) => u64::from(search.max_in_flight),
                },
                None => phase.shape.most_in_flight() as u64,
            };
            let needed = OTHER_FILES.saturating_add(most);
            files.most = files.most.max(needed);
            if !matches!(phase.shape, Shape::Open { .. }) {
                files.least = files.least.max(needed);
            }
        }
        files
    }
}

/// Raises the soft limit on open files to what the scenario needs, for this process and the engines that it starts: each
/// request in flight is a connection at both ends.
///
/// # Errors
/// When the hard limit is lower.
pub(super) fn admit(scenario: &Scenario) -> Result<(), Failure> {
    let files = Files::of(scenario);
    let (allowed, needed) = (allow_files(files.most), files.least);
    if allowed >= needed {
        return Ok(());
    }
    Err(Failure::Setup(format!(
        "too few open files are allowed: the hard limit is {allowed}, and this scenario needs {needed}: {OTHER_FILES} for bench and its engines, {} for requests in flight; raise the limit (`ulimit -Hn {needed}` as root, `--ulimit nofile={needed}` of a container) or lower the concurrency",
        needed - OTHER_FILES
    )))
}

/// What mends the error that the system gives where a limit is met.
const ADVICE: [(&str, &str); 5] = [
    (
        "(os error 11)",
        "the system allows no more processes or threads: raise the limit on them (`ulimit -u`, `--pids-limit` of a container) or on memory (`ulimit -v`)",
    ),
    (
        "(os error 12)",
        "the system gives no more memory: raise the limit (`ulimit -v`, `--memory` of a container)",
    ),
    (
        "(os error 24)",
        "this process may open no more files: raise the limit (`ulimit -n`)",
    ),
    (
        "(os error 27)",
        "files may not grow larger: raise the limit (`ulimit -f`)",
    ),
    (
        "(os error 30)",
        "the file system is read-only: give another directory (`--out DIR`, TMPDIR)",
    ),
];

/// A message with what mends it, where the system refused something for a limit.
pub(super) fn advised(message: String) -> String {
    // What follows may be the lines of a log.
    let (first, rest) = message.split_at(message.find('\n').unwrap_or(message.len()));
    let met = ADVICE.iter().find(|(error, _)| first.contains(error));
    match met {
        Some((_, advice)) if !first.contains(advice) => format!("{first}; {advice}{rest}"),
        _ => message,
    }
}

/// Does a part of a run; a panic in it breaks the run, whose record then says so.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(&*panic)))
}

/// Whether a panic says that the system allows no more threads: crates that start some of their own panic then.
#[must_use]
pub(crate) fn lacks_threads(panic: &str) -> bool {
    panic.contains("Resource temporarily unavailable") || panic.contains("code: 11,")
}

/// What a panic says, as the failure that it is.
pub(super) fn internal(panic: &(dyn Any + Send)) -> Failure {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    let said = said.unwrap_or("no reason is known");
    if lacks_threads(said) {
        return Failure::Setup("failed to start a thread (os error 11)".into());
    }
    Failure::Setup(format!(
        "internal error: {said}; this is a fault of bench: please report it"
    ))
}

#[cfg(test)]
#[path = "tests/limits.rs"]
mod tests;
