//! What must be known to be good before anything starts: GPU, Python, model, prompts, ports.

use super::Failure;
use super::signals::Signals;
use crate::engine::Python;
use crate::event::{Event, Events};
use crate::observe::gpu;
use crate::plan::{self, Facts, Prompts};
use crate::prompts;
use crate::runtime;
use crate::scenario::effective;
use crate::scenario::model::{Gpu, Scenario};
use crate::topology::Alarm;
use crate::topology::ports::Ports;
use crate::topology::scratch;
use crate::topology::supervised::Supervisor;
use crate::topology::trust::{self, Untrusted};
use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Facts, and what has to be held as long as they are to stay true.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What planning needs.
    pub facts: Facts,
    /// The ports, held.
    pub ports: Ports,
    /// The lock of each `uv` environment, by variant.
    pub locks: IndexMap<String, String>,
}

impl Prepared {
    /// Sees to it that directories of this run can be made where nobody else can come before it.
    ///
    /// # Errors
    /// When there is no place for them.
    pub(super) fn claim_scratch(&mut self, events: &Events) -> Result<(), Failure> {
        // An endpoint that runs elsewhere needs none.
        if self.facts.ports.is_empty() {
            return Ok(());
        }
        self.facts.scratch = root(events)?.join(scratch::name(&self.facts.run_id));
        Ok(())
    }

    /// Takes as many other ports.
    ///
    /// # Errors
    /// When too few are free.
    pub(super) fn renew_ports(&mut self, events: &Events) -> Result<(), Failure> {
        // Those held until now are not free, and so are not taken again.
        self.ports = take_ports(self.ports.numbers().len(), events)?;
        self.facts.ports = self.ports.numbers().to_vec();
        Ok(())
    }
}

/// The user's own directory for what runs make; says where it is not the usual one.
///
/// # Errors
/// When there is no place for it.
pub(super) fn root(events: &Events) -> Result<PathBuf, Failure> {
    let root = scratch::root().map_err(|error| Failure::Setup(error.to_string()))?;
    if let Some(message) = root.note {
        events.emit(Event::Warning { message });
    }
    Ok(root.path)
}

fn take_ports(wanted: usize, events: &Events) -> Result<Ports, Failure> {
    let ports = Ports::take(wanted).map_err(|error| Failure::Setup(error.to_string()))?;
    if let Some(warning) = ports.warning() {
        events.emit(Event::Warning {
            message: warning.to_owned(),
        });
    }
    Ok(ports)
}

/// Whose the programs are that are asked outside of a run; a signal ends `bench` at once, and its wardens end them.
pub(crate) struct Asker {
    id: String,
    alarm: Alarm,
}

impl Asker {
    /// For a subcommand that keeps no record.
    ///
    /// # Errors
    /// When the kernel refuses to block signals.
    pub(crate) fn new(subcommand: &str) -> Result<Self, Failure> {
        Signals::end_at_once()
            .map_err(|error| Failure::Setup(format!("failed to take signals over: {error}")))?;
        let now = jiff::Timestamp::now().as_nanosecond();
        Ok(Self {
            id: format!("{subcommand}-{}-{now}", std::process::id()),
            alarm: Alarm::default(),
        })
    }

    pub(crate) fn supervisor(&self) -> Supervisor<'_> {
        Supervisor {
            run_id: &self.id,
            alarm: &self.alarm,
        }
    }
}

/// Finds out what the machine has for a scenario.
///
/// # Errors
/// The first thing that is missing.
pub(crate) fn prepare(
    scenario: &Scenario,
    file: &Path,
    run_id: &str,
    events: &Events,
    supervisor: &Supervisor<'_>,
) -> Result<Prepared, Failure> {
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let home = std::env::home_dir();
    let locate = |path: &str| plan::locate(path, &base, home.as_deref());
    if let Some(wanted) = &scenario.gpu {
        require_gpu(wanted)?;
    }
    let (model, odd_model) = model(&scenario.model.id, &locate)?;
    let prompts = Arc::new(prompts(scenario, &base, home.as_deref())?);
    let (pythons, locks) = pythons(scenario, &locate, events, supervisor)?;
    let ports = take_ports(plan::ports_needed(scenario), events)?;
    let exe = std::env::current_exe().map_err(|error| {
        Failure::Setup(format!("failed to find this program's own file: {error}"))
    })?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(Prepared {
        facts: Facts {
            exe,
            pythons,
            etcd: which("etcd", &path),
            etcd_endpoints: std::env::var_os("ETCD_ENDPOINTS").filter(|value| !value.is_empty()),
            ports: ports.numbers().to_vec(),
            scratch: scratch::likely_root().join(scratch::name(run_id)),
            model,
            odd_model,
            prompts,
            run: number(run_id),
            run_id: run_id.to_owned(),
            path,
            inherited: std::env::vars_os().map(|(name, _)| name).collect(),
        },
        ports,
        locks,
    })
}

/// Checks the GPU requirement.
pub(crate) fn require_gpu(wanted: &Gpu) -> Result<(), Failure> {
    let Gpu { kind, count } = wanted;
    let names = gpu::names();
    if matches!(&names, Ok(names) if gpu::satisfied(names, kind, *count)) {
        return Ok(());
    }
    let found = match names {
        Err(reason) => reason.to_string(),
        Ok(names) if names.is_empty() => "it has none".into(),
        Ok(names) => format!("it has {}", names.join(", ")),
    };
    Err(Failure::Requirement(format!(
        "this scenario needs {count} GPU(s) of kind `{kind}`, and this machine does not have them: {found}; run it where they are, or without a GPU with `--overlay scenarios/overlays/cpu.yaml`"
    )))
}

/// A number of the run's own.
fn number(run_id: &str) -> u64 {
    let hash = Sha256::digest(run_id);
    hash.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The model as it is named and shown, and its directory where that name can't be its path, which is not UTF-8.
pub(crate) fn model(
    id: &str,
    locate: &dyn Fn(&str) -> PathBuf,
) -> Result<(String, Option<PathBuf>), Failure> {
    if !plan::is_directory(id) {
        return Ok((id.to_owned(), None));
    }
    let directory = locate(id);
    if !directory.join("config.json").is_file() {
        return Err(Failure::Input(format!(
            "model.id: {} is not a model's directory (no config.json in it); correct the path, or give a hub id such as Qwen/Qwen3-0.6B",
            directory.display()
        )));
    }
    let absolute = std::path::absolute(&directory).unwrap_or(directory);
    let shown = absolute.display().to_string();
    let odd = absolute.to_str().is_none();
    Ok((shown, odd.then_some(absolute)))
}

/// Prompts that are read for a phase that ends by time.
const UNLIMITED: u64 = 100_000;

/// Reads as many prompts as the largest phase sends.
fn prompts(scenario: &Scenario, base: &Path, home: Option<&Path>) -> Result<Prompts, Failure> {
    let phases = plan::phases(&scenario.load);
    let replayed = phases.iter().any(|phase| phase.shape.replays());
    let most = phases
        .iter()
        .map(|phase| phase.requests().unwrap_or(UNLIMITED))
        .max();
    let per_request = scenario.request.prompts_per_request;
    let most = most.unwrap_or(0).saturating_mul(per_request.into());
    let read = prompts::read(scenario, base, home, most);
    let read = read.map_err(|error| Failure::Input(error.to_string()))?;
    if replayed && read.times().is_none() {
        let message = "prompts: `arrival: trace` needs to know when each prompt is due; give every row an `at`, or leave `arrival` out";
        return Err(Failure::Input(message.into()));
    }
    Ok(read)
}

type Pythons = (IndexMap<String, Python>, IndexMap<String, String>);

/// Every variant's interpreter; equal runtimes are asked once.
fn pythons(
    scenario: &Scenario,
    locate: &dyn Fn(&str) -> PathBuf,
    events: &Events,
    supervisor: &Supervisor<'_>,
) -> Result<Pythons, Failure> {
    let mut known: HashMap<String, runtime::Found> = HashMap::new();
    let (mut pythons, mut locks) = (IndexMap::new(), IndexMap::new());
    let mut place = None;
    for variant in effective(scenario) {
        let Some(wanted) = variant.runtime.filter(|_| variant.engine.needs_python()) else {
            continue;
        };
        let key = serde_json::to_string(wanted).unwrap_or_default();
        let found = match known.get(&key) {
            Some(found) => found.clone(),
            None => {
                let say = |message| events.emit(Event::Warning { message });
                let (cache, refused) = place.get_or_insert_with(place_of_cache);
                if let Some(why) = refused.take() {
                    say(format!(
                        "engines are not looked for in the usual cache: {why}; they are in {} instead; to use it all the same, name it in BENCH_CACHE",
                        cache.display()
                    ));
                }
                let context = runtime::Context {
                    locate,
                    cache,
                    say: &say,
                    supervisor: *supervisor,
                };
                let found = runtime::find(wanted, &context).map_err(|error| match error {
                    runtime::Error::Interrupted => Failure::Interrupted,
                    error => Failure::Setup(error.to_string()),
                })?;
                known.insert(key, found.clone());
                found
            }
        };
        pythons.insert(variant.name.to_owned(), found.python);
        if let Some(lock) = found.lock {
            locks.insert(variant.name.to_owned(), lock);
        }
    }
    Ok((pythons, locks))
}

/// Where environments are kept: BENCH_CACHE, else XDG_CACHE_HOME/bench, else ~/.cache/bench; where that is another user's, or
/// there is no home, in the user's own directory for what runs make.
pub(crate) fn cache() -> PathBuf {
    place_of_cache().0
}

/// As [`cache`]; with it, why it is not in the home directory. What lies there is executed, so only BENCH_CACHE can name one
/// that another user may write to.
fn place_of_cache() -> (PathBuf, Option<Untrusted>) {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(told) = set("BENCH_CACHE") {
        return (told, None);
    }
    // A base directory that is relative is none (XDG Base Directory Specification).
    let is_base = |path: &PathBuf| path.is_absolute();
    let home = || std::env::home_dir().filter(is_base);
    let usual = set("XDG_CACHE_HOME")
        .filter(is_base)
        .map(|path| path.join("bench"))
        .or_else(|| home().map(|path| path.join(".cache/bench")));
    let refused = match usual.map(|path| trust::check(&path).map(|()| path)) {
        Some(Ok(path)) => return (path, None),
        Some(Err(why)) => Some(why),
        None => None,
    };
    let own = scratch::root().map_or_else(|_| scratch::likely_root(), |root| root.path);
    (own.join("cache"), refused)
}

/// A program on PATH.
pub(crate) fn which(name: &str, path: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(path)
        .map(|directory| directory.join(name))
        .find(|file| {
            file.metadata()
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}
