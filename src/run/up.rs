//! A topology without load: brought up under the warden, proven, held until the user ends it, taken down.

use super::limits::{self, advised};
use super::signals::Signals;
use super::variant::{Task, Turn};
use super::{Error, Failure, begin, no_thread, prepare, redactor, tidy};
use crate::event::{Event, Events};
use crate::measure::lifecycle::Startup;
use crate::plan::{self, VariantPlan};
use crate::record::{Writer, run_id};
use crate::scenario::Loaded;
use crate::topology::Alarm;
use crate::topology::scratch::Held;
use crate::topology::supervised::Supervisor;
use std::path::Path;
use std::sync::mpsc::Receiver;

/// Brings one variant up, calls `ready` once it is proven, and holds it unless that tells false. `consume` runs on a thread of its own and is given
/// every event. Logs are kept only where it failed.
///
/// # Errors
/// When there is no such variant, or its logs have no place to go.
pub(crate) fn up(
    path: &Path,
    loaded: &Loaded,
    variant: Option<&str>,
    consume: impl FnOnce(Receiver<Event>, &Writer) + Send,
    ready: &(dyn Fn(&VariantPlan, &Startup) -> Receiver<bool> + Sync),
) -> Result<Result<(), Failure>, Error> {
    let signals = Signals::take_over()
        .map_err(|error| Error::Setup(format!("failed to take signals over: {error}")))?;
    let job = Job {
        path,
        loaded,
        variant,
        ready,
        signals: &signals,
    };
    let held = hold(&job, consume);
    signals.over();
    held
}

/// The topology that is held, and the callback for when it serves.
#[derive(Clone, Copy)]
struct Job<'a> {
    path: &'a Path,
    loaded: &'a Loaded,
    variant: Option<&'a str>,
    ready: &'a (dyn Fn(&VariantPlan, &Startup) -> Receiver<bool> + Sync),
    signals: &'a Signals,
}

fn hold(
    job: &Job<'_>,
    consume: impl FnOnce(Receiver<Event>, &Writer) + Send,
) -> Result<Result<(), Failure>, Error> {
    let Job { path, loaded, .. } = *job;
    let started = jiff::Timestamp::now();
    let id = run_id(
        &loaded.scenario.name,
        started,
        u64::from(std::process::id()),
    );
    let mut run = begin(path, loaded, id, started);
    let (events, received) = Events::channel();
    let root = prepare::root(&events).map_err(|failure| Error::Setup(failure.to_string()))?;
    let held = Held::make(&root, &run.run_id)
        .map_err(|error| Error::Setup(format!("failed to write in {}: {error}", root.display())))?;
    let writer = Writer::create(held.path(), &mut run, redactor(loaded))
        .map_err(|error| Error::Setup(advised(error.to_string())))?;
    let result = std::thread::scope(|scope| {
        let writer = &writer;
        let telling = std::thread::Builder::new();
        let telling = telling.spawn_scoped(scope, move || consume(received, writer));
        telling.map_err(no_thread)?;
        // Dropped with this closure, which lets `consume` end.
        let events = events;
        serve(job, &run.run_id, writer, &events)
    });
    if matches!(
        result,
        Ok(()) | Err(Failure::Input(_) | Failure::Interrupted)
    ) {
        held.remove();
    } else {
        held.keep();
        writer
            .sweep()
            .map_err(|error| Error::Setup(error.to_string()))?;
    }
    match result {
        Err(Failure::Input(message)) => Err(Error::Scenario(Failure::Input(message))),
        result => Ok(result),
    }
}

/// Brings the topology up and holds it.
fn serve(job: &Job<'_>, run_id: &str, writer: &Writer, events: &Events) -> Result<(), Failure> {
    let Job {
        path,
        loaded,
        variant,
        ready,
        signals,
    } = *job;
    limits::admit(&loaded.scenario)?;
    tidy(&loaded.scenario, events);
    let alarm = Alarm::default();
    signals.watch(&alarm);
    let supervisor = Supervisor {
        run_id,
        alarm: &alarm,
    };
    let mut prepared = prepare(&loaded.scenario, path, run_id, events, &supervisor)?;
    prepared.claim_scratch(events)?;
    let plan = plan::build(&loaded.scenario, &prepared.facts)
        .map_err(|error| Failure::Setup(error.to_string()))?;
    let turn = Turn {
        plan: &plan,
        variant: chosen(&plan.variants, variant)?,
        round: 1,
        run_id,
        writer,
        events,
        signals,
        keep: false,
        task: Task::Hold(ready),
    };
    turn.take(&mut None).failure.map_or(Ok(()), Err)
}

fn chosen<'a>(variants: &'a [VariantPlan], name: Option<&str>) -> Result<&'a VariantPlan, Failure> {
    let names = || {
        let names: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
        names.join(", ")
    };
    match (name, variants) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::Input(format!(
            "this scenario has several variants; say which with --variant: {}",
            names()
        ))),
        (Some(name), _) => variants.iter().find(|v| v.name == name).ok_or_else(|| {
            Failure::Input(format!(
                "there is no variant `{name}`; there are: {}",
                names()
            ))
        }),
    }
}
