//! The only orchestrator: everything else is a room that knows nothing of its siblings; here they meet.

mod assess;
mod drive;
mod explain;
mod judge;
pub(crate) mod limits;
pub(crate) mod prepare;
mod prove;
mod rounds;
mod signals;
#[cfg(test)]
mod tests;
mod tokenizer;
mod up;
mod variant;

pub(crate) use limits::lacks_threads;
pub(crate) use prepare::{Prepared, prepare};
pub(crate) use tokenizer::tokenizer;
pub(crate) use up::up;

use crate::compare::floor;
use crate::diagnostic::Diagnostics;
use crate::event::{Event, Events};
use crate::observe::{gpu, host};
use crate::plan::{self, Plan};
use crate::record::model::{Machine, Quality, Run, ScenarioRecord, UNKNOWN};
use crate::record::redact::{self, SHORTEST_NAMED, names_a_secret};
use crate::record::{self, Ending, ExitCode, Redactor, Writer, conclude, run_id};
use crate::report;
use crate::scenario::model::{ReportFormat, Scenario};
use crate::scenario::{self, Input, Loaded};
use crate::topology::Alarm;
use crate::topology::supervised::Supervisor;
use crate::topology::{leftovers, registry};
use crate::verify::BadRule;
use limits::{advised, caught, internal};
use rounds::RoundContext;
use signals::Signals;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::{io, thread};

/// Why a run stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// What the scenario names is not there or wrong.
    #[error("{0}")]
    Input(String),
    /// The machine lacks what the scenario requires.
    #[error("{0}")]
    Requirement(String),
    /// Something needed could not be set up.
    #[error("{0}")]
    Setup(String),
    /// The topology failed; with the lines of the log that say why.
    #[error("{0}")]
    Topology(String),
    /// The engine answers, but not as the scenario demands.
    #[error("{0}")]
    Unproven(String),
    /// The user interrupted it.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// The exit status of a process that this failure ended.
    #[must_use]
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::BadScenario,
            Self::Requirement(_) => ExitCode::RequirementNotMet,
            Self::Setup(_) | Self::Topology(_) => ExitCode::TopologyFailed,
            Self::Unproven(_) => ExitCode::CheckFailed,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }

    /// How a run that this failure stopped ended.
    fn ending(self) -> Ending {
        match self {
            Self::Requirement(message) => Ending::Skipped(message),
            Self::Interrupted => Ending::Interrupted,
            Self::Input(message)
            | Self::Setup(message)
            | Self::Topology(message)
            | Self::Unproven(message) => Ending::Broken(advised(message)),
        }
    }
}

impl From<BadRule> for Failure {
    fn from(error: BadRule) -> Self {
        Self::Input(error.to_string())
    }
}

/// A run that has a record.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The record.
    pub run: Run,
    /// Its directory.
    pub dir: PathBuf,
    /// What the process should say.
    pub code: ExitCode,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The scenario is wrong.
    #[error("{0}")]
    Scenario(Failure),
    /// The report directory can't be written, or signals can't be taken over.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// The exit status of a process that has no record.
    #[must_use]
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scenario(failure) => failure.exit_code(),
            Self::Setup(_) => ExitCode::TopologyFailed,
        }
    }
}

/// Reads a scenario from disk, with secrets looked up in the environment.
///
/// # Errors
/// Every mistake in it.
pub(crate) fn load(
    path: &Path,
    overlays: &[PathBuf],
    sets: &[String],
) -> Result<(Input, Loaded), Diagnostics> {
    let input = scenario::read(path, overlays, sets)?;
    let loaded = scenario::load(&input, &variable)?;
    Ok((input, loaded))
}

/// A variable of the environment; bytes that are not UTF-8 are replaced, by which a scenario's mistake tells of them.
#[must_use]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// What hides this run's secrets: those that the scenario names, those that it holds as text, and those of this process's
/// environment.
#[must_use]
pub(crate) fn redactor(loaded: &Loaded) -> Redactor {
    let own = loaded.secrets.iter();
    let own = own.map(|secret| (secret.name.clone(), secret.value.clone()));
    let all = own.chain(redact::held(&loaded.resolved)).chain(inherited());
    Redactor::except(all, &public())
}

/// A text that quotes a scenario which could not be loaded, without the secrets of this process's environment and without
/// values under names that mark a secret.
#[must_use]
pub(crate) fn hidden(text: &str) -> String {
    let all = redact::written(text).into_iter().chain(inherited());
    Redactor::except(all, &public()).apply(text)
}

/// A redactor of the secrets in this process's environment, for records without a scenario.
#[must_use]
pub(crate) fn environment_redactor() -> Redactor {
    Redactor::except(inherited(), &public())
}

/// The secrets of this process's environment: variables whose name says so, and passwords of URLs in any of them.
fn inherited() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if names_a_secret(&name) {
            found.push((name.to_string(), value.to_string()));
        }
        let in_urls = redact::of_urls(&value).into_iter();
        found.extend(in_urls.map(|(_, password)| (name.to_string(), password)));
    }
    found.retain(|(_, value)| value.len() >= SHORTEST_NAMED);
    found
}

/// What a secret may be made of and everyone may see all the same: where things are on this machine.
fn public() -> Vec<String> {
    let here = std::env::current_dir().ok();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let temporary = Some(std::env::temp_dir());
    let places = [here, home, temporary].into_iter().flatten();
    places
        .map(|place| format!("{}/", place.display()))
        .collect()
}

/// Runs a scenario from start to record. With `keep`, what a topology that failed wrote is kept in the record's directory. `consume` runs on a thread of its own and is given every event.
///
/// # Errors
/// When there is nothing to record: the scenario names what is not there, or the report directory can't be written.
pub(crate) fn run(
    path: &Path,
    loaded: &Loaded,
    out: &Path,
    keep: bool,
    consume: impl FnOnce(Receiver<Event>, &Writer) + Send,
) -> Result<Finished, Error> {
    let signals = Signals::take_over()
        .map_err(|error| Error::Setup(advised(format!("failed to take signals over: {error}"))))?;
    let job = Job {
        path,
        loaded,
        keep,
        signals: &signals,
    };
    let finished = recorded(&job, out, consume);
    signals.over();
    finished
}

/// The scenario of a run and how it is run.
#[derive(Clone, Copy)]
struct Job<'a> {
    /// The scenario's file.
    path: &'a Path,
    loaded: &'a Loaded,
    /// Whether what a topology that failed wrote is kept.
    keep: bool,
    signals: &'a Signals,
}

/// Runs a scenario with signals taken over.
fn recorded(
    job: &Job<'_>,
    out: &Path,
    consume: impl FnOnce(Receiver<Event>, &Writer) + Send,
) -> Result<Finished, Error> {
    let Job { path, loaded, .. } = *job;
    let started = jiff::Timestamp::now();
    let entropy =
        u64::from(std::process::id()) ^ started.subsec_nanosecond().cast_unsigned() as u64;
    let id = run_id(&loaded.scenario.name, started, entropy);
    let out = &absolute(out)?;
    let (events, received) = Events::channel();
    let mut run = begin(path, loaded, id, started);
    let writer = Writer::create(out, &mut run, redactor(loaded))
        .map_err(|error| Error::Setup(advised(error.to_string())))?;
    if let Some(note) = writer.note() {
        let message = note.to_owned();
        events.emit(Event::Warning { message });
    }
    let result = thread::scope(|scope| {
        let (writer, run) = (&writer, &mut run);
        let telling = thread::Builder::new().spawn_scoped(scope, move || consume(received, writer));
        let result = telling.map_err(no_thread).and_then(|telling| {
            let result = caught(|| execute(job, run, writer, events));
            let told = telling.join().map_err(|panic| internal(&*panic));
            result.and_then(|code| told.map(|()| code))
        });
        run.finished = Some(jiff::Timestamp::now().to_string());
        result
    });
    // The second pass comes before checksums are taken.
    let whole = writer.whole().and_then(|()| writer.sweep());
    if whole.is_ok() {
        run.files = writer.files();
    }
    if let Err(Failure::Input(message)) = result {
        // Nothing was started: a record of it would only be in the way.
        let message = writer.redactor().apply(&message);
        writer.discard();
        return Err(Error::Scenario(Failure::Input(message)));
    }
    let mut code = concluded(&mut run, result, whole);
    let redacted = writer.redacted(&run);
    let mut run = redacted
        .map_err(|error| Error::Setup(advised(writer.redactor().apply(&error.to_string()))))?;
    if publish(&loaded.scenario.report.formats, &mut run, &writer).is_err() {
        code = run.exit_code.unwrap_or(code);
    }
    Ok(Finished {
        code,
        dir: writer.dir().to_owned(),
        run,
    })
}

/// Concludes a run that was not judged, or whose record is not whole.
fn concluded(
    run: &mut Run,
    result: Result<ExitCode, Failure>,
    whole: Result<(), record::Error>,
) -> ExitCode {
    match (result, whole) {
        (Ok(code), Ok(())) => code,
        (Ok(_), Err(error)) => broken(run, format!("the record is not whole: {error}")),
        (Err(failure), _) => conclude(
            run,
            failure.ending(),
            Vec::new(),
            Vec::new(),
            Quality::default(),
        ),
    }
}

/// The report directory, wherever this process is.
fn absolute(out: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(out).map_err(|error| {
        let shown = out.display();
        Error::Setup(match error.kind() {
            io::ErrorKind::NotFound => format!(
                "reports can't be written to `{shown}`: the current directory has been removed; change to another, or give `--out` an absolute path"
            ),
            _ => format!("reports can't be written to `{shown}`: {error}; give `--out DIR`"),
        })
    })
}

/// The system allows no thread.
fn no_thread(error: io::Error) -> Failure {
    Failure::Setup(format!("failed to start a thread: {error}"))
}

/// Writes the reports and then the last `run.json`, which says that all went well. Where something can't be written, the run is
/// broken, and no report says otherwise.
fn publish(formats: &[ReportFormat], run: &mut Run, writer: &Writer) -> Result<(), record::Error> {
    let rendered = render(formats, run, writer);
    if let Err(error) = &rendered {
        // What broke before weighs more than a file that could not be written.
        if run.error.is_none() {
            let why = format!("the report is not whole: {error}");
            broken(run, writer.redactor().apply(&why));
        }
        withdraw(formats, writer);
    }
    let finished = writer.finish(run);
    if finished.is_err() {
        withdraw(formats, writer);
    }
    if rendered.is_err() || finished.is_err() {
        // As many as there is room for, one by one.
        for format in formats {
            let _ = render(&[*format], run, writer);
        }
    }
    rendered.and(finished)
}

/// Deletes reports of a verdict that no longer holds.
fn withdraw(formats: &[ReportFormat], writer: &Writer) {
    for format in formats {
        writer.remove(form(*format).file_name());
    }
}

/// What a form is called where records are rendered.
fn form(format: ReportFormat) -> report::Format {
    match format {
        ReportFormat::Html => report::Format::Html,
        ReportFormat::Markdown => report::Format::Markdown,
        ReportFormat::Junit => report::Format::Junit,
        ReportFormat::Csv => report::Format::Csv,
        ReportFormat::Openmetrics => report::Format::Openmetrics,
        ReportFormat::Hdr => report::Format::Hdr,
        ReportFormat::LlmD => report::Format::LlmD,
    }
}

/// Renders the record in every form that was asked for, into its directory.
fn render(formats: &[ReportFormat], run: &Run, writer: &Writer) -> Result<(), record::Error> {
    let formats = || formats.iter().copied().map(form);
    let detail = match formats().any(report::Format::is_detailed) {
        true => report::detail(run, writer.dir())?,
        false => report::Detail::default(),
    };
    for format in formats() {
        writer.replace(format.file_name(), &report::render(run, &detail, format))?;
    }
    Ok(())
}

/// Ends a run that was judged before as broken.
fn broken(run: &mut Run, why: String) -> ExitCode {
    let (checks, quality) = (mem::take(&mut run.checks), mem::take(&mut run.quality));
    conclude(
        run,
        Ending::Broken(advised(why)),
        checks,
        Vec::new(),
        quality,
    )
}

/// Prepares, plans, takes every variant's turn and judges the whole.
fn execute(
    job: &Job<'_>,
    run: &mut Run,
    writer: &Writer,
    events: Events,
) -> Result<ExitCode, Failure> {
    let Job {
        path,
        loaded,
        keep,
        signals,
    } = *job;
    let run_id = &run.run_id.clone();
    limits::admit(&loaded.scenario)?;
    tidy(&loaded.scenario, &events);
    let alarm = Alarm::default();
    signals.watch(&alarm);
    let supervisor = Supervisor {
        run_id,
        alarm: &alarm,
    };
    let mut prepared = prepare(&loaded.scenario, path, run_id, &events, &supervisor)?;
    prepared.claim_scratch(&events)?;
    for (variant, lock) in &prepared.locks {
        writer
            .replace(&format!("runtime-{variant}.lock"), lock)
            .map_err(|error| Failure::Setup(error.to_string()))?;
    }
    let plan = rounds::plan(&loaded.scenario, &prepared)?;
    let warnings = plan.variants.iter().flat_map(|variant| &variant.warnings);
    for message in plan.notes.iter().chain(warnings) {
        events.emit(Event::Warning {
            message: message.clone(),
        });
    }
    rounds::admit(&plan)?;
    let known = registry::read_state(floor::FILE);
    floor::admit(&plan, run, known.as_deref())
        .map_err(|too_fine| Failure::Input(too_fine.to_string()))?;
    run.comparing.clone_from(&plan.comparing);
    let mut context = RoundContext {
        scenario: &loaded.scenario,
        prepared,
        plan,
        run_id,
        writer,
        events: &events,
        signals,
        keep,
    };
    let turns = context.rounds(run)?;
    let plan = context.plan;
    if let Some(variant) = plan.variants.first() {
        writer
            .replace("requests.jsonl", &listed(variant))
            .map_err(|error| Failure::Setup(error.to_string()))?;
    }
    judge::judge(run, &plan, &turns, writer)
}

/// Bytes of the request list that are recorded, at most.
const LISTED: usize = 16 << 20;

/// The prompts that the largest phase of every variant was given, as they are recorded.
fn listed(variant: &plan::VariantPlan) -> String {
    let requests = &variant.requests;
    let sent = variant
        .phases
        .iter()
        .map(|phase| phase.requests().unwrap_or(u64::MAX))
        .max();
    let prompts = sent
        .unwrap_or(0)
        .saturating_mul(requests.prompts_per_request.into());
    let count = requests.prompts.count().unwrap_or(u64::MAX);
    requests.prompts.lines(prompts.min(count), LISTED)
}

/// Ends what dead runs left, before anything of it can stand in this run's way. Says where it could not look, and where a
/// run that starts processes notes them if not in the usual place.
fn tidy(scenario: &Scenario, events: &Events) {
    let warn = |message| events.emit(Event::Warning { message });
    let found = leftovers::clean(std::time::Duration::ZERO, |_| {});
    for cleaned in &found.runs {
        warn(cleaned.to_string());
    }
    let starts = plan::ports_needed(scenario) > 0;
    let elsewhere = starts.then(leftovers::noted_elsewhere).flatten();
    match elsewhere {
        Some(message) => warn(message),
        None if found.unseen.is_empty() => {}
        None => warn(format!(
            "leftovers of earlier runs were not looked for everywhere: {}",
            found.unseen.join("; ")
        )),
    }
}

fn begin(path: &Path, loaded: &Loaded, id: String, started: jiff::Timestamp) -> Run {
    let host = host::read();
    let scenario = ScenarioRecord::new(
        loaded.scenario.name.clone(),
        path.display().to_string(),
        loaded.resolved.clone(),
    );
    let unknown = || UNKNOWN.to_owned();
    let machine = Machine {
        os: host.os.unwrap_or_else(unknown),
        cpu: host.cpu.unwrap_or_else(unknown),
        cores: host.cores,
        memory_bytes: host.memory_bytes,
        gpus: gpu::names().unwrap_or_default(),
    };
    Run::begin(id, started, scenario, machine)
}

/// Plans a scenario without starting anything; the ports are given back when the result is dropped.
///
/// # Errors
/// What is missing.
pub(crate) fn plan(path: &Path, loaded: &Loaded) -> Result<(Plan, Prepared), Failure> {
    let (events, _) = Events::channel();
    let asker = prepare::Asker::new("plan")?;
    let supervisor = asker.supervisor();
    let prepared = prepare(&loaded.scenario, path, "plan", &events, &supervisor)?;
    let plan = plan::build(&loaded.scenario, &prepared.facts)
        .map_err(|error| Failure::Setup(error.to_string()))?;
    Ok((plan, prepared))
}

#[cfg(test)]
#[path = "tests/failure.rs"]
mod failure_tests;
