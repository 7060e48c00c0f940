//! What this machine can run and measure, and for a scenario what it lacks: each finding with the command that mends it. Starts
//! nothing and makes no environment.

pub(crate) mod floor;
mod host;
mod needs;

use crate::load::socket::Stamping;
use crate::observe::gpu;
use crate::plan;
use crate::run::Failure;
use crate::run::limits::{Files, OTHER_FILES};
use crate::run::prepare::{Asker, require_gpu, which};
use crate::scenario::model::Scenario;
use crate::topology::Containment;
use crate::topology::ports::Ports;
use crate::topology::supervised::{Supervisor, Task};
use nix::sys::resource::{Resource, getrlimit};
use std::path::Path;
use std::time::Duration;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As it should be.
    Good,
    /// Works, but not as well as it could.
    Note,
    /// What was asked for can't run.
    Bad,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What it is about.
    pub topic: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What was found.
    pub found: String,
    /// What mends it.
    pub fix: Option<String>,
}

/// Where users get the engines.
const ENGINES: &str = "ci/setup";

/// How long a program may take to tell its version.
const VERSION: Duration = Duration::from_secs(10);

/// Looks at the machine, and at what `scenario` needs of it.
///
/// # Errors
/// When the kernel refuses to block signals.
pub(crate) fn doctor(
    scenario: Option<(&Scenario, &Path)>,
    out: &Path,
) -> Result<Vec<Finding>, Failure> {
    let asker = Asker::new("doctor")?;
    let supervisor = &asker.supervisor();
    let mut all = vec![
        driver(scenario),
        stamps(),
        files(scenario),
        ports(scenario),
        writable(out),
        containments(),
    ];
    host::add(&mut all);
    floor::add(&mut all);
    match scenario {
        Some((scenario, path)) => needs::add(&mut all, scenario, path, supervisor),
        None => {
            all.push(program("etcd", Weight::Note, supervisor));
            all.push(program("uv", Weight::Note, supervisor));
            all.extend(host::environments(supervisor));
        }
    }
    Ok(all)
}

fn finding(topic: &'static str, weight: Weight, found: impl Into<String>) -> Finding {
    Finding {
        topic,
        weight,
        found: found.into(),
        fix: None,
    }
}

impl Finding {
    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

fn driver(scenario: Option<(&Scenario, &Path)>) -> Finding {
    let wanted = scenario.and_then(|(scenario, _)| scenario.gpu.as_ref());
    if let Some(wanted) = wanted
        && let Err(failure) = require_gpu(wanted)
    {
        return finding("gpu", Weight::Bad, failure.to_string())
            .fix("bench run FILE --overlay scenarios/overlays/cpu.yaml");
    }
    match (gpu::names(), gpu::cuda()) {
        (Ok(names), Some(cuda)) if !names.is_empty() => finding(
            "gpu",
            Weight::Good,
            format!(
                "{}; the driver takes CUDA up to {}.{}",
                names.join(", "),
                cuda.0,
                cuda.1
            ),
        ),
        (Ok(names), _) if !names.is_empty() => finding("gpu", Weight::Good, names.join(", ")),
        (Ok(_), _) => finding("gpu", Weight::Note, "none; engines run on CPU, or embedded"),
        // Why at length is of interest only where a GPU is wanted.
        (Err(_), _) => finding(
            "gpu",
            Weight::Note,
            "no NVIDIA driver; engines run on CPU, or embedded",
        ),
    }
}

fn stamps() -> Finding {
    if Stamping::hold().is_held() {
        finding(
            "receive stamps",
            Weight::Good,
            "the kernel says when bytes came",
        )
    } else {
        finding(
            "receive stamps",
            Weight::Note,
            "the kernel gives none: a busy client makes times look longer than they are",
        )
        .fix("run on Linux itself, not in a sandbox such as gVisor")
    }
}

fn files(scenario: Option<(&Scenario, &Path)>) -> Finding {
    let needed = scenario.map_or(OTHER_FILES, |(scenario, _)| Files::of(scenario).least);
    match getrlimit(Resource::RLIMIT_NOFILE) {
        // A run raises its soft limit itself.
        Ok((_, hard)) if hard >= needed => finding(
            "open files",
            Weight::Good,
            format!("limit {hard}, {needed} needed"),
        ),
        Ok((_, hard)) => finding(
            "open files",
            Weight::Bad,
            format!("the hard limit is {hard}, but {needed} are needed"),
        )
        .fix(format!("ulimit -Hn {needed}    # as root")),
        Err(errno) => finding(
            "open files",
            Weight::Note,
            format!("the limit is not known: {errno}"),
        ),
    }
}

fn ports(scenario: Option<(&Scenario, &Path)>) -> Finding {
    let wanted = scenario.map_or(1, |(scenario, _)| plan::ports_needed(scenario));
    match Ports::take(wanted) {
        Ok(ports) => match ports.warning() {
            Some(warning) => finding("ports", Weight::Note, warning),
            None => finding("ports", Weight::Good, format!("{wanted} free")),
        },
        Err(error) => finding("ports", Weight::Bad, error.to_string()).fix("ss -ltnp"),
    }
}

fn writable(out: &Path) -> Finding {
    let mut there = out;
    // The directory is made by a run; what counts is the nearest that exists.
    while !there.exists() {
        there = match there.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
    }
    match tempfile::tempfile_in(there) {
        Ok(_) => finding(
            "reports",
            Weight::Good,
            format!("{} can be written", out.display()),
        ),
        Err(error) => finding(
            "reports",
            Weight::Bad,
            format!("{}: {error}", out.display()),
        )
        .fix("bench run FILE --out DIR"),
    }
}

/// How firmly the engines of a run are held, by trying.
fn containments() -> Finding {
    let tried: Vec<_> = Containment::ALL
        .iter()
        .map(|containment| (containment, containment.try_out()))
        .collect();
    let held = tried.iter().find(|(_, tried)| tried.is_ok());
    let first = held.map(|(containment, _)| **containment);
    let said = |(containment, tried): &(&Containment, Result<(), String>)| match tried {
        Ok(()) => format!("{} works", containment.name()),
        Err(reason) => format!("{} does not ({reason})", containment.name()),
    };
    let all = tried.iter().map(said).collect::<Vec<_>>().join(", ");
    match first {
        Some(Containment::Namespace) => finding("processes", Weight::Good, all),
        Some(_) => finding(
            "processes",
            Weight::Note,
            format!("{all}: what is left when bench and its warden are both killed is ended by the next bench"),
        )
        .fix("allow PID namespaces (in a container: --cap-add SYS_ADMIN), or nothing: `bench clean` mends it"),
        None => finding("processes", Weight::Bad, all),
    }
}

fn program(name: &'static str, missing: Weight, supervisor: &Supervisor<'_>) -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match which(name, &path) {
        Some(found) => {
            let version = version(&found, supervisor);
            finding(name, Weight::Good, format!("{}{version}", found.display()))
        }
        None => finding(name, missing, "not on PATH").fix(match name {
            "uv" => "pip install uv",
            _ => ENGINES,
        }),
    }
}

/// What a program says of its version, in brackets.
fn version(program: &Path, supervisor: &Supervisor<'_>) -> String {
    let output = supervisor.run(&Task {
        program,
        arguments: vec!["--version".into()],
        env: Vec::new(),
        limit: VERSION,
    });
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let number = said.as_deref().unwrap_or_default().split_whitespace();
    let mut number = number.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    number
        .next()
        .map_or(String::new(), |number| format!(" ({number})"))
}
