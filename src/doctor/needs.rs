//! What a scenario's variants need: a model, Python environments, etcd, an endpoint.

use super::{ENGINES, Finding, Weight, finding, program};
use crate::engine::{Program, Python};
use crate::load::Target;
use crate::observe::gpu;
use crate::plan;
use crate::run::prepare;
use crate::runtime;
use crate::scenario::effective;
use crate::scenario::model::{Runtime, Scenario};
use crate::topology::supervised::Supervisor;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the scenario's variants need.
pub(super) fn add(
    all: &mut Vec<Finding>,
    scenario: &Scenario,
    file: &Path,
    supervisor: &Supervisor<'_>,
) {
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let home = std::env::home_dir();
    let locate = |path: &str| plan::locate(path, &base, home.as_deref());
    all.push(match prepare::model(&scenario.model.id, &locate) {
        Ok((model, _)) => finding("model", Weight::Good, model),
        Err(failure) => finding("model", Weight::Bad, failure.to_string()).fix(ENGINES),
    });
    let mut push = |found: Finding| {
        if !all.contains(&found) {
            all.push(found);
        }
    };
    for variant in effective(scenario) {
        if let Some(url) = variant.engine.url() {
            push(reached(url));
        }
        for Program { name, unless } in variant.engine.programs() {
            let given = std::env::var_os(unless).is_some_and(|value| !value.is_empty());
            if !given {
                push(program(name, Weight::Bad, supervisor));
            }
        }
        let packages = variant.engine.facts().packages;
        if !packages.is_empty() {
            push(python(variant.runtime, packages, &locate, supervisor));
        }
    }
}

/// Whether the environment has the engine, which is one of `packages`, for a CUDA that the driver takes.
fn python(
    runtime: Option<&Runtime>,
    packages: &[&str],
    locate: &dyn Fn(&str) -> PathBuf,
    supervisor: &Supervisor<'_>,
) -> Finding {
    let wanted = packages.first().copied().unwrap_or_default();
    let Some(runtime) = runtime else {
        return finding("python", Weight::Bad, format!("no `runtime` for {wanted}"));
    };
    if let Runtime::Uv(_) = runtime {
        return made_by_uv(supervisor);
    }
    let context = runtime::Context {
        locate,
        cache: &prepare::cache(),
        say: &|_| {},
        supervisor: *supervisor,
    };
    let found = match runtime::find(runtime, &context) {
        Ok(found) => found.python,
        Err(error) => return finding("python", Weight::Bad, error.to_string()).fix(ENGINES),
    };
    let versions: Vec<String> = found
        .versions
        .iter()
        .map(|(package, version)| format!("{package} {version}"))
        .collect();
    let said = format!("{}: {}", found.program.display(), versions.join(", "));
    let has = |package: &&str| found.versions.contains_key(*package);
    if !packages.iter().any(has) {
        let install = format!("{} -m pip install {wanted}", found.program.display());
        return finding(
            "python",
            Weight::Bad,
            format!("{said}; {wanted} is missing"),
        )
        .fix(install);
    }
    fitting(&found, said)
}

/// An environment that a run makes.
fn made_by_uv(supervisor: &Supervisor<'_>) -> Finding {
    let uv = program("uv", Weight::Bad, supervisor);
    let found = match uv.weight {
        Weight::Good => "made by uv at the first run",
        Weight::Note | Weight::Bad => "to be made by uv, which is not on PATH",
    };
    Finding {
        topic: "python",
        found: found.to_owned(),
        ..uv
    }
}

/// Whether the driver takes the CUDA that the environment's torch is built for.
fn fitting(found: &Python, said: String) -> Finding {
    let built = found
        .versions
        .get("torch")
        .and_then(|torch| built_for(torch));
    match (built, gpu::cuda()) {
        (Some(built), Some(driver)) if built > driver => finding(
            "python",
            Weight::Bad,
            format!(
                "{said}; torch is built for CUDA {}.{}, the driver takes up to {}.{}",
                built.0, built.1, driver.0, driver.1
            ),
        )
        .fix("install a newer NVIDIA driver, or a torch built for the older CUDA"),
        _ => finding("python", Weight::Good, said),
    }
}

/// `2.9.0+cu128` is built for CUDA 12.8.
fn built_for(torch: &str) -> Option<(u32, u32)> {
    let digits = torch.split_once("+cu")?.1;
    let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn reached(url: &str) -> Finding {
    let target = Target::resolve(url, &[]).map_err(|error| error.to_string());
    match target.and_then(|target| target.try_connect(Duration::from_secs(3))) {
        Ok(()) => finding("endpoint", Weight::Good, format!("{url} takes connections")),
        Err(error) => finding("endpoint", Weight::Bad, format!("{url}: {error}"))
            .fix(format!("curl -v {url}/v1/models")),
    }
}

#[cfg(test)]
#[path = "tests/needs.rs"]
mod tests;
