//! What the host itself is like: its clock, what else runs, Python environments that are at hand.

use super::{Finding, Weight, finding};
use crate::observe::{host, pace};
use crate::run::prepare;
use crate::runtime;
use crate::scenario::model::Runtime;
use crate::topology::supervised::Supervisor;
use std::path::{Path, PathBuf};

/// Share of the processors that others may take before figures become noisy.
const BUSY: f64 = 0.25;

/// The host's findings.
pub(super) fn add(all: &mut Vec<Finding>) {
    all.push(clock());
    all.push(load());
    all.extend(pace::governor().as_deref().and_then(governor));
}

fn clock() -> Finding {
    match pace::clock_source() {
        Some(source) if pace::reads_fast(&source) => {
            let told = match pace::synchronised() {
                Some(false) => ", not told by a time server",
                _ => "",
            };
            finding("clock", Weight::Good, format!("{source}{told}"))
        }
        Some(source) => finding(
            "clock",
            Weight::Note,
            format!(
                "{source}: each reading enters the kernel, which costs the client microseconds"
            ),
        )
        .fix("boot with clocksource=tsc, where the machine has a stable one"),
        None => finding("clock", Weight::Note, "its source is not known"),
    }
}

fn load() -> Finding {
    let cores = f64::from(host::read().cores);
    match pace::load() {
        Some(load) if load > cores * BUSY => finding(
            "load",
            Weight::Note,
            format!("{load:.1} of {cores} processors were busy over the last minute: figures will scatter"),
        )
        .fix("ps -eo pcpu,args --sort=-pcpu | head"),
        Some(load) => finding("load", Weight::Good, format!("{load:.1} of {cores} processors busy")),
        None => finding("load", Weight::Note, "not known"),
    }
}

fn governor(name: &str) -> Option<Finding> {
    (name == "powersave" || name == "conservative").then(|| {
        finding(
            "frequency",
            Weight::Note,
            format!("governor {name}: processors take time to speed up under load"),
        )
        .fix("sudo cpupower frequency-set --governor performance")
    })
}

/// Python environments that `ci/setup` made, with the engines in them.
pub(super) fn environments(supervisor: &Supervisor<'_>) -> Vec<Finding> {
    let Ok(entries) = std::fs::read_dir(prepare::cache().join("engines")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let found = paths
        .iter()
        .filter_map(|path| environment(path, supervisor));
    found.collect()
}

fn environment(path: &Path, supervisor: &Supervisor<'_>) -> Option<Finding> {
    path.join("bin/python").exists().then_some(())?;
    let venv = Runtime::Venv(path.display().to_string());
    let context = runtime::Context {
        locate: &|path| PathBuf::from(path),
        cache: &prepare::cache(),
        say: &|_| {},
        supervisor: *supervisor,
    };
    let found = runtime::find(&venv, &context);
    Some(match found {
        Ok(found) => {
            let versions = found.python.versions.iter();
            let versions: Vec<String> = versions.map(|(name, v)| format!("{name} {v}")).collect();
            let said = format!("{}: {}", path.display(), versions.join(", "));
            finding("python", Weight::Good, said)
        }
        Err(error) => finding("python", Weight::Note, error.to_string()).fix(super::ENGINES),
    })
}

#[cfg(test)]
#[path = "tests/host.rs"]
mod tests;
