//! Brings a topology up, stage by stage, until real completions prove that it serves. A model
//! listing proves nothing: Dynamo lists a model before requests can be routed to it (dynamo#11855).

use super::probe::look;
use super::proof::{Proof, Unproven, Waiting};
use super::{Alarm, BackOff, Error, Topology, pause};
use crate::engine::{Probe, Process};
use crate::event::{Event, Events};
use crate::measure::lifecycle::{Stage, StageKind, Startup};
use crate::tls;
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Pauses between two tries of a probe, which goes to a process of our own.
const BACK_OFF: BackOff = BackOff {
    shortest: Duration::from_millis(2),
    longest: Duration::from_millis(50),
};
/// Limit on one try of a probe.
const TRY: Duration = Duration::from_secs(5);

/// What [`bring_up`] needs besides the processes.
pub(crate) struct Launch<'a> {
    /// The whole environment of a process.
    pub environment: &'a dyn Fn(&Process) -> Vec<(OsString, OsString)>,
    /// First line of a process's log.
    pub header: &'a dyn Fn(&Process) -> String,
    /// Sends one real completion, which may take so long.
    pub prove: &'a mut dyn FnMut(Duration) -> Proof,
    /// How many in a row prove the topology.
    pub completions: u32,
    /// Limit on all of it.
    pub timeout: Duration,
    /// Raised when waiting is pointless.
    pub alarm: &'a Alarm,
    /// Told of every stage.
    pub events: &'a Events,
}

/// Starts `processes` stage by stage and proves that they serve.
///
/// # Errors
/// The first thing that stands in the way; what was started is still running and is the caller's to stop.
pub(crate) fn bring_up(
    topology: &mut Topology,
    processes: &[Process],
    launch: &mut Launch<'_>,
) -> Result<Startup, Error> {
    let mut rising = Rising {
        topology,
        launch,
        agent: tls::agent(TRY, false),
        began: Instant::now(),
        startup: Startup::default(),
    };
    let mut stages: Vec<u32> = processes.iter().map(|process| process.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    for stage in stages {
        rising.stage(processes.iter().filter(|p| p.stage == stage))?;
    }
    rising.prove(processes)?;
    let mut startup = rising.startup;
    startup.ready_ms = millis(rising.began.elapsed());
    Ok(startup)
}

/// A topology that comes up.
struct Rising<'a, 'l> {
    topology: &'a mut Topology,
    launch: &'a mut Launch<'l>,
    agent: ureq::Agent,
    began: Instant,
    startup: Startup,
}

impl Rising<'_, '_> {
    /// Starts the processes of one stage and waits until all of them answer their probes.
    fn stage<'p>(&mut self, processes: impl Iterator<Item = &'p Process>) -> Result<(), Error> {
        let mut waiting = Vec::new();
        for process in processes {
            let started = Instant::now();
            let environment = (self.launch.environment)(process);
            let header = (self.launch.header)(process);
            self.topology.start(process, environment, &header)?;
            waiting.push((process, started));
            if process.alone {
                self.await_all(&mut waiting)?;
            }
        }
        self.await_all(&mut waiting)
    }

    /// Waits for every process's probes; they were started together, so the order of looking does not matter.
    fn await_all(&mut self, waiting: &mut Vec<(&Process, Instant)>) -> Result<(), Error> {
        for (process, started) in waiting.drain(..) {
            for probe in &process.probes {
                self.await_probe(process, started, probe)?;
            }
            self.check_on()?;
            if let Some((port, holder)) = self.topology.stranger(process) {
                return Err(Error::PortTaken {
                    process: process.name.clone(),
                    port,
                    holder,
                });
            }
            self.finish(&process.name, StageKind::Probe, started);
        }
        Ok(())
    }

    /// Tries a probe until it holds. An exit, which the kernel reports, ends the pause between two tries at once.
    fn await_probe(&self, process: &Process, started: Instant, probe: &Probe) -> Result<(), Error> {
        while let Err(last) = look(&self.agent, probe) {
            self.check_on()?;
            if self.began.elapsed() >= self.launch.timeout {
                return Err(Error::NotReady {
                    process: process.name.clone(),
                    seconds: self.launch.timeout.as_secs(),
                    last,
                    logs: vec![self.topology.log(&process.name)],
                });
            }
            pause(self.launch.alarm, BACK_OFF.after(started.elapsed()));
        }
        Ok(())
    }

    /// Sends real completions until enough of them in a row are good.
    fn prove(&mut self, processes: &[Process]) -> Result<(), Error> {
        let started = Instant::now();
        let proven = Waiting {
            whom: "the topology",
            prove: self.launch.prove,
            completions: self.launch.completions,
            began: self.began,
            timeout: self.launch.timeout,
            back_off: BACK_OFF,
            alarm: self.launch.alarm,
            events: self.launch.events,
        }
        .wait();
        self.check_on()?;
        proven.map_err(|unproven| self.unproven(unproven, processes))?;
        self.finish("topology", StageKind::Completions, started);
        Ok(())
    }

    /// Why nothing was proven.
    fn unproven(&self, unproven: Unproven, processes: &[Process]) -> Error {
        match unproven {
            Unproven::Stopped => Error::Interrupted,
            Unproven::Wrong(reason) => Error::Unproven(reason),
            Unproven::Refused(said) | Unproven::Unusable(said) => Error::Unproven(format!(
                "the engine serves, but refuses what this scenario asks: {said}; correct `request`"
            )),
            Unproven::TooLate { last, .. } => Error::NotReady {
                process: "the topology".into(),
                seconds: self.launch.timeout.as_secs(),
                last,
                logs: processes
                    .iter()
                    .map(|p| self.topology.log(&p.name))
                    .collect(),
            },
        }
    }

    fn check_on(&self) -> Result<(), Error> {
        if !self.launch.alarm.raised() {
            return Ok(());
        }
        let death = self.topology.death("while starting");
        Err(death.unwrap_or(Error::Interrupted))
    }

    /// Notes and tells that a part of the start-up is over.
    fn finish(&mut self, process: &str, stage: StageKind, started: Instant) {
        let ms = millis(started.elapsed());
        self.launch.events.emit(Event::StageReady {
            process: process.into(),
            stage,
            ms,
        });
        self.startup.stages.push(Stage {
            process: process.into(),
            stage,
            start_ms: millis(started.duration_since(self.began)),
            ms,
        });
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
