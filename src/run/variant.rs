//! One variant's turn: bring its topology up, prove it, drive its phases, take it down. Whatever happens, it is taken down;
//! only where rounds share their engines, one that went well is left up for the next turn.

use super::Failure;
use super::assess::Assessed;
use super::explain::{explained, is_over_port};
use super::prove::Asking;
use super::signals::Signals;
use crate::event::{Event, Events, TeardownReason};
use crate::load::Target;
use crate::measure::lifecycle::{Startup, StopSignal, Teardown};
use crate::observe::gpu;
use crate::plan::{Plan, Purpose, VariantPlan, scrubbed};
use crate::record::{Redactor, Writer};
use crate::topology::ready::{Launch, bring_up};
use crate::topology::{self, Alarm, Containment, Topology};
use crate::verify::{Rules, Tally};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How long the memory of a GPU may take to come back after a KILL.
const GPU_PATIENCE: Duration = Duration::from_secs(30);

/// How long one look at a held topology lasts.
const HELD: Duration = Duration::from_millis(100);

/// Everything a variant's turn needs.
pub(super) struct Turn<'a> {
    /// The run's plan.
    pub(super) plan: &'a Plan,
    /// This variant's.
    pub(super) variant: &'a VariantPlan,
    /// Which round, from 1.
    pub(super) round: u32,
    /// The run's id, which every process carries.
    pub(super) run_id: &'a str,
    /// Where rows and logs go.
    pub(super) writer: &'a Writer,
    /// Who is told.
    pub(super) events: &'a Events,
    /// Ctrl-C.
    pub(super) signals: &'a Signals,
    /// Whether what a topology that failed wrote into its own directories is kept in the record's.
    pub(super) keep: bool,
    /// What is done once it serves.
    pub(super) task: Task<'a>,
}

/// What is done with a topology that serves.
#[derive(Clone, Copy)]
pub(super) enum Task<'a> {
    /// Its load is driven.
    Drive,
    /// Someone is told, and it is held until the user ends it.
    Hold(&'a (dyn Fn(&VariantPlan, &Startup) -> Receiver<bool> + Sync)),
}

/// What came of it; what is there is true, however it ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// How firmly its processes were held; none where it has none.
    pub(super) containment: Option<Containment>,
    /// How it came up.
    pub(super) startup: Option<Startup>,
    /// Its phases that began, in order.
    pub(super) phases: Vec<Assessed>,
    /// Its rules' outcome.
    pub(super) tally: Option<Tally>,
    /// Whether it did not come up because someone else had taken a port.
    pub(super) port_taken: bool,
    /// The death of an engine process that the scenario lets load go on after, explained.
    pub(super) death: Option<String>,
    /// The phase in which no request succeeded for so long that the load was ended, and why.
    pub(super) given_up: Option<(String, String)>,
    /// How it went down.
    pub(super) teardown: Option<Teardown>,
    /// Why it did not finish.
    pub(super) failure: Option<Failure>,
}

/// A topology that is up.
pub(super) struct Running {
    topology: Topology,
    /// Raised when one of its processes ends.
    alarm: Alarm,
    /// Where its processes' logs are.
    logs: PathBuf,
    /// Memory of each GPU that was in use before it came up, in bytes.
    gpus: Vec<u64>,
}

/// What serves, and what its answers are held against.
pub(super) struct Serving<'a> {
    pub(super) rules: &'a Rules,
    pub(super) target: &'a Target,
    /// Raised when one of its processes ends, or the user wants an end.
    pub(super) alarm: &'a Alarm,
    /// None where it is not ours.
    pub(super) topology: Option<&'a Topology>,
}

/// Whether engines stay up from one round to the next.
fn stay_up(plan: &Plan) -> bool {
    let comparing = plan.comparing.as_ref();
    comparing.is_some_and(|comparing| !comparing.restart)
}

/// Where the logs of a variant's processes go in a round.
pub(super) fn log_dir(plan: &Plan, variant: &VariantPlan, round: u32, writer: &Writer) -> PathBuf {
    let mut dir = writer.logs().join(&variant.name);
    if plan.comparing.is_some() && !stay_up(plan) {
        dir.push(format!("round-{round}"));
    }
    dir
}

impl Turn<'_> {
    /// Takes the turn, with the topology that an earlier turn left up if there is one, and leaves it up where the rounds
    /// share it.
    #[must_use]
    pub(super) fn take(&self, running: &mut Option<Running>) -> Outcome {
        let mut outcome = Outcome::default();
        self.events.emit(Event::VariantStarted {
            variant: self.variant.name.clone(),
            engine: self.variant.engine.to_owned(),
            round: self.plan.comparing.is_some().then_some(self.round),
            up: running.is_some(),
        });
        if let Err(failure) = self.run(running, &mut outcome) {
            outcome.failure = Some(failure);
        }
        outcome
    }

    fn run(&self, left_up: &mut Option<Running>, outcome: &mut Outcome) -> Result<(), Failure> {
        let rules = Rules::compile(&self.variant.rules)?;
        let target = Target::resolve(&self.variant.endpoint.url, &self.variant.endpoint.headers)
            .map_err(|error| Failure::Setup(error.to_string()))?;
        if self.variant.processes.is_empty() {
            let alarm = Alarm::default();
            self.signals.watch(&alarm);
            let startup = self.prove_external(&rules, &target, &alarm)?;
            outcome.startup = Some(startup);
            let serving = Serving {
                rules: &rules,
                target: &target,
                alarm: &alarm,
                topology: None,
            };
            return self.work(&serving, outcome);
        }
        let earlier = left_up.take();
        let is_up = earlier.is_some();
        let mut running = earlier.map_or_else(|| self.open(), Ok)?;
        self.signals.watch(&running.alarm);
        outcome.containment = Some(running.topology.containment());
        let mut served = Ok(());
        if !is_up {
            served = self.bring_up(&mut running, &rules, &target, outcome);
        }
        if served.is_ok() {
            let serving = Serving {
                rules: &rules,
                target: &target,
                alarm: &running.alarm,
                topology: Some(&running.topology),
            };
            served = self.work(&serving, outcome);
        }
        if served.is_ok() && stay_up(self.plan) && matches!(self.task, Task::Drive) {
            *left_up = Some(running);
            return Ok(());
        }
        self.close(running, served, outcome)
    }

    /// Opens a topology that has no process yet.
    fn open(&self) -> Result<Running, Failure> {
        let logs = log_dir(self.plan, self.variant, self.round, self.writer);
        self.writer.make_directory(&logs).map_err(|error| {
            Failure::Setup(format!("failed to make {}: {error}", logs.display()))
        })?;
        let gpus = gpu::used().unwrap_or_default();
        let alarm = Alarm::default();
        let topology =
            Topology::open(self.run_id, &logs, &alarm, self.events).map_err(explained)?;
        self.signals.arm(topology.killer().ok());
        Ok(Running {
            topology,
            alarm,
            logs,
            gpus,
        })
    }

    /// Takes down what served so far.
    ///
    /// # Errors
    /// What `served` says; else what went wrong on the way down.
    pub(super) fn close(
        &self,
        running: Running,
        served: Result<(), Failure>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Running {
            topology,
            logs,
            gpus,
            ..
        } = running;
        self.signals.arm(topology.killer().ok());
        self.events.emit(Event::TeardownStarted {
            reason: match &served {
                _ if self.signals.interrupted() => TeardownReason::Interrupted,
                Err(_) => TeardownReason::Failed,
                Ok(()) => TeardownReason::Done,
            },
        });
        let failed = served.is_err() && !self.signals.interrupted();
        let kept = self.writer.dir().join("kept").join(&self.variant.name);
        let keep = (self.keep && failed).then_some(kept.as_path());
        let stopped = topology.stop(keep, self.signals.hurried());
        self.signals.arm(None);
        self.await_gpus(&gpus, &stopped);
        if let Ok(teardown) = &stopped {
            self.events.emit(Event::TeardownEnded { ms: teardown.ms });
            outcome.teardown = Some(teardown.clone());
        }
        let clean = self.writer.redact_logs(&logs);
        served?;
        stopped.map_err(explained)?;
        clean.map_err(|error| Failure::Setup(error.to_string()))
    }

    /// Waits for the memory of GPUs whose processes were killed.
    fn await_gpus(&self, before: &[u64], stopped: &Result<Teardown, topology::Error>) {
        let polite = |teardown: &Teardown| {
            let mut signals = teardown.signals.iter();
            signals.all(|sent| sent.signal == StopSignal::Term)
        };
        if stopped.as_ref().is_ok_and(polite) {
            return;
        }
        if let Err(held) = gpu::returned(before, gpu::used, GPU_PATIENCE) {
            let message = held.to_string();
            self.events.emit(Event::Warning { message });
        }
    }

    /// Brings the topology up.
    fn bring_up(
        &self,
        running: &mut Running,
        rules: &Rules,
        target: &Target,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Running {
            topology, alarm, ..
        } = running;
        let mut asking = Asking::of(self.variant);
        let mut launch = Launch {
            environment: &|process| environment(&process.env, self.run_id),
            header: &|process| header(&process.argv, self.writer.redactor()),
            prove: &mut |limit| self.prove(rules, target, alarm, &mut asking, limit),
            completions: self.variant.ready.completions,
            timeout: self.variant.ready.timeout.0,
            alarm,
            events: self.events,
        };
        let startup = bring_up(topology, &self.variant.processes, &mut launch);
        outcome.startup = Some(startup.map_err(|error| {
            outcome.port_taken = is_over_port(&error);
            self.interrupted_or(error)
        })?);
        topology.stop_scanning();
        Ok(())
    }

    /// Does what the turn is for.
    fn work(&self, serving: &Serving<'_>, outcome: &mut Outcome) -> Result<(), Failure> {
        let Task::Hold(tell) = self.task else {
            return self.drive(serving, outcome);
        };
        let Serving {
            alarm, topology, ..
        } = *serving;
        let told = tell(self.variant, &outcome.startup.clone().unwrap_or_default());
        // Who is told may read late, and must not make us deaf meanwhile.
        while !alarm.raised() && told.try_recv() != Ok(false) {
            topology::pause(alarm, HELD);
        }
        // The user's word ends it well; a death does not.
        match topology.and_then(|topology| topology.death("while held")) {
            Some(death) if !self.signals.interrupted() => Err(explained(death)),
            _ => Ok(()),
        }
    }

    pub(super) fn body(&self, purpose: Purpose, index: u64) -> Vec<u8> {
        self.variant
            .requests
            .body(&self.variant.endpoint.model, purpose, index)
    }

    pub(super) fn interrupted_or(&self, error: topology::Error) -> Failure {
        if self.signals.interrupted() {
            Failure::Interrupted
        } else {
            explained(error)
        }
    }
}

/// The whole environment of a child: what we have, without what would change the engine behind its user's back.
fn environment(own: &[(String, OsString)], run_id: &str) -> Vec<(OsString, OsString)> {
    let is_set = |name: &OsStr| own.iter().any(|(set, _)| name == set.as_str());
    let mut env: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| !scrubbed(name) && !is_set(name))
        .collect();
    let own = own.iter();
    env.extend(own.map(|(name, value)| (name.into(), value.clone())));
    env.push(("BENCH_RUN_ID".into(), run_id.into()));
    env
}

/// First line of a log: what was started.
fn header(argv: &[OsString], redactor: &Redactor) -> String {
    redactor.apply(&format!("$ {}", argv.join(OsStr::new(" ")).display()))
}
