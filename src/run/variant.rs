//! One variant's turn: bring its topology up, prove it, drive its phases, take it down. Whatever happens, it is taken down.

use super::Failure;
use super::assess::{Assessed, Assessor, Backlog};
use super::conversations::Conversations;
use super::explain::{explained, is_over_port};
use super::signals::Signals;
use crate::event::{Event, Events};
use crate::load::{self, Cancel, Client, PhaseLoad, Target};
use crate::measure::answer::assemble;
use crate::measure::clock;
use crate::measure::lifecycle::{Startup, Teardown};
use crate::measure::probe::Probe;
use crate::measure::summary::Objectives;
use crate::observe::gpu;
use crate::observe::scrape::Word;
use crate::observe::{Pages, Reading};
use crate::plan::search::{Bisection, Search};
use crate::plan::{PhasePlan, Plan, Purpose, Shape, VariantPlan, scrubbed};
use crate::record::{Redactor, ServerRow, ServerSample, Writer};
use crate::scenario::model::OnEngineDeath;
use crate::topology::ready::{Launch, Proof, bring_up};
use crate::topology::{self, Alarm, Tier, Topology};
use crate::verify::{Rules, Tally, keeps};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, TrySendError, channel, sync_channel};
use std::time::Duration;

/// How long a death may take to be reported.
const SETTLE: Duration = Duration::from_millis(250);

/// Answers that may wait to be assessed; beyond, the client waits for the assessor, and says so.
const ASSESSING: usize = 1_024;

/// How long the memory of a GPU may take to come back after a KILL.
const GPU_PATIENCE: Duration = Duration::from_secs(30);

/// How long one look at a held topology lasts.
const HELD: Duration = Duration::from_secs(1);

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
    Hold(&'a (dyn Fn(&VariantPlan, &Startup) + Sync)),
}

/// What came of it; what is there is true, however it ended.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// How firmly its processes were held; none where it has none.
    pub(super) tier: Option<Tier>,
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
    /// How it went down.
    pub(super) teardown: Option<Teardown>,
    /// Why it did not finish.
    pub(super) failure: Option<Failure>,
}

/// Where the logs of a variant's processes go in a round.
pub(super) fn log_dir(plan: &Plan, variant: &VariantPlan, round: u32, writer: &Writer) -> PathBuf {
    let mut dir = writer.logs().join(&variant.name);
    if plan.comparing.is_some() {
        dir.push(format!("round-{round}"));
    }
    dir
}

/// What driving one phase after the other needs.
struct Under<'a> {
    client: Client<'a>,
    assessor: &'a Assessor<'a>,
    alarm: &'a Alarm,
    tally: Tally,
}

impl Turn<'_> {
    /// Takes the turn.
    #[must_use]
    pub(super) fn take(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let alarm = Alarm::default();
        self.signals.watch(&alarm);
        self.events.emit(Event::VariantStarted {
            variant: self.variant.name.clone(),
            engine: self.variant.engine.to_owned(),
        });
        if let Err(failure) = self.run(&alarm, &mut outcome) {
            outcome.failure = Some(failure);
        }
        outcome
    }

    fn run(&self, alarm: &Alarm, outcome: &mut Outcome) -> Result<(), Failure> {
        let rules =
            Rules::compile(&self.variant.rules, self.max_tokens()).map_err(Failure::Input)?;
        let target = Target::resolve(&self.variant.endpoint.url, &self.variant.endpoint.headers)
            .map_err(|error| Failure::Setup(error.to_string()))?;
        if self.variant.processes.is_empty() {
            let startup = self.prove_external(&rules, &target, alarm)?;
            outcome.startup = Some(startup);
            return self.work(&rules, &target, alarm, None, outcome);
        }
        let logs = log_dir(self.plan, self.variant, self.round, self.writer);
        std::fs::create_dir_all(&logs).map_err(|error| {
            Failure::Setup(format!("failed to make {}: {error}", logs.display()))
        })?;
        let used = gpu::used().unwrap_or_default();
        let mut topology =
            Topology::open(self.run_id, &logs, alarm, self.events).map_err(explained)?;
        outcome.tier = Some(topology.tier());
        self.signals.arm(topology.killer().ok());
        let served = self.serve(&mut topology, &rules, &target, alarm, outcome);
        self.signals.arm(topology.killer().ok());
        self.events.emit(Event::TeardownStarted {
            reason: match &served {
                _ if self.signals.interrupted() => "interrupted",
                Err(_) => "failed",
                Ok(()) => "done",
            }
            .to_owned(),
        });
        let failed = served.is_err() && !self.signals.interrupted();
        let kept = self.writer.dir().join("kept").join(&self.variant.name);
        let stopped = topology.stop((self.keep && failed).then_some(kept.as_path()));
        self.signals.arm(None);
        self.await_gpus(&used, &stopped);
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
        let polite =
            |teardown: &Teardown| teardown.signals.iter().all(|sent| sent.signal == "TERM");
        if stopped.as_ref().is_ok_and(polite) {
            return;
        }
        if let Err(message) = gpu::returned(before, gpu::used, GPU_PATIENCE) {
            self.events.emit(Event::Warning { message });
        }
    }

    /// Brings the topology up and drives the load.
    fn serve(
        &self,
        topology: &mut Topology,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut attempt = 0;
        let mut launch = Launch {
            environment: &|process| environment(&process.env, self.run_id),
            header: &|process| header(&process.argv, self.writer.redactor()),
            prove: &mut || {
                attempt += 1;
                self.prove(rules, target, alarm, attempt)
            },
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
        topology.hush();
        self.work(rules, target, alarm, Some(topology), outcome)
    }

    /// Does what the turn is for.
    fn work(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        topology: Option<&Topology>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Task::Hold(tell) = self.task else {
            return self.drive(rules, target, alarm, topology, outcome);
        };
        tell(self.variant, &outcome.startup.clone().unwrap_or_default());
        while !alarm.raised() {
            topology::pause(alarm, HELD);
        }
        // The user's word ends it well; a death does not.
        match topology.and_then(|topology| topology.death("while held")) {
            Some(death) if !self.signals.interrupted() => Err(explained(death)),
            _ => Ok(()),
        }
    }

    /// Proves an endpoint that is not ours to start.
    fn prove_external(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
    ) -> Result<Startup, Failure> {
        for attempt in 1..=self.variant.ready.completions {
            match self.prove(rules, target, alarm, attempt.into()) {
                Proof::Good => {}
                _ if alarm.raised() => return Err(Failure::Interrupted),
                Proof::NotYet(reason) => {
                    return Err(Failure::Setup(format!(
                        "{} does not serve: {reason}; start it first, or correct `engine.external.url`",
                        self.variant.endpoint.url
                    )));
                }
                Proof::Wrong(reason) => return Err(Failure::Unproven(reason)),
            }
        }
        Ok(Startup::default())
    }

    /// Sends one real completion, the way load is sent.
    fn prove(&self, rules: &Rules, target: &Target, alarm: &Alarm, attempt: u64) -> Proof {
        let assessor = self.assessor(rules, 0);
        let mut proof = Proof::NotYet("no answer".into());
        let shape = Shape::closed(1, 1);
        let body = |_| self.body(Purpose::Readiness, attempt);
        let load = PhaseLoad {
            phase: 0,
            shape: &shape,
            path: self.variant.requests.path(),
            stream: self.variant.requests.stream,
            body: &body,
            timeout: self.variant.requests.timeout,
            ready: &|| true,
            enough: &AtomicBool::new(false),
        };
        let driven = load::drive(target, &load, &cancel(alarm), &mut |exchange| {
            let (sample, _, breaches) = assessor.judge(&exchange);
            proof = match (&sample.error, breaches.first()) {
                (None, _) => self.of_model(&assemble(&exchange).body),
                (Some(_), Some(breach)) if exchange.status.is_some_and(|status| status < 300) => {
                    Proof::Wrong(format!(
                        "{} answers, but not as this scenario demands: {breach}",
                        self.variant.name
                    ))
                }
                (Some(error), _) => Proof::NotYet(match &sample.detail {
                    Some(detail) => format!("{error}: {detail}"),
                    None => error.to_string(),
                }),
            };
        });
        match driven {
            Ok(_) => proof,
            Err(error) => Proof::NotYet(error.to_string()),
        }
    }

    /// Whether an answer is one, and of the model asked for. Hosted models answer with a dated name, and a hub's id may lose
    /// its owner, so that one name within the other is the same.
    fn of_model(&self, body: &serde_json::Value) -> Proof {
        // Of completions and chats, of embeddings, of responses.
        let filled = |part: &str| body[part].as_array().is_some_and(|part| !part.is_empty());
        if !["choices", "data", "output"].into_iter().any(filled) {
            return Proof::NotYet("the answer is empty: no choices, no data, no output".into());
        }
        let wanted = self.variant.endpoint.model.as_str();
        match body["model"].as_str() {
            Some(found) if !found.contains(wanted) && !wanted.contains(found) => {
                Proof::Wrong(format!(
                    "{} answers as model `{found}`, not `{wanted}`; correct `model`, or what serves it",
                    self.variant.name
                ))
            }
            _ => Proof::Good,
        }
    }

    fn drive(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        topology: Option<&Topology>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let assessor = self.assessor(rules, clock::now());
        let mut result = Ok(());
        let goes_on = self.plan.on_engine_death == OnEngineDeath::Continue;
        if let Some(topology) = topology
            && goes_on
        {
            topology.tolerate();
        }
        let client = Client::new(target).map_err(|error| Failure::Setup(error.to_string()))?;
        let mut under = Under {
            client,
            assessor: &assessor,
            alarm,
            tally: Tally::new(rules),
        };
        for phases in together(&self.variant.phases) {
            match self.phases(phases, &mut under) {
                Ok(assessed) => outcome.phases.extend(assessed),
                Err(failure) => {
                    result = Err(failure);
                    break;
                }
            }
            // A request that failed may be the first sign of a death that is reported in a moment.
            let failed = outcome
                .phases
                .last()
                .is_some_and(|phase| phase.figures.counts.failed > 0);
            if failed && topology.is_some() {
                topology::pause(alarm, SETTLE);
            }
            if alarm.raised() {
                let death = topology.and_then(|topology| topology.death("under load"));
                result = Err(self.interrupted_or(death.unwrap_or(topology::Error::Interrupted)));
                break;
            }
        }
        outcome.tally = Some(under.tally);
        if goes_on && result.is_ok() {
            let death = topology.and_then(|topology| topology.death("under load"));
            outcome.death = death.map(|death| explained(death).to_string());
        }
        result
    }

    /// Drives phases that hand over to each other without a pause, and notes what came of them.
    fn phases(&self, range: Range<usize>, under: &mut Under<'_>) -> Result<Vec<Assessed>, Failure> {
        let phases = &self.variant.phases[range.clone()];
        match phases {
            [phase] if let Some(search) = &phase.search => {
                Ok(vec![self.search(range.start, phase, search, under)?])
            }
            _ => self.load(range.start, phases, 0, under),
        }
    }

    /// Tries loads until the highest that keeps the goal is known.
    fn search(
        &self,
        number: usize,
        phase: &PhasePlan,
        search: &Search,
        under: &mut Under<'_>,
    ) -> Result<Assessed, Failure> {
        let mut bisection = Bisection::new(search);
        let (mut sent, mut curve) = (0, Vec::new());
        let mut kept: Vec<(f64, Assessed)> = Vec::new();
        while let Some(value) = bisection.next() {
            let probe = PhasePlan {
                name: format!("{} at {}", phase.name, search.shown(value)),
                shape: search.shape(value),
                search: None,
                ..phase.clone()
            };
            let assessed = self.load(number, &[probe], sent, under)?.remove(0);
            sent += assessed.figures.counts.sent;
            let held = keeps(&search.goal, &assessed.figures, assessed.server.as_ref());
            bisection.note(value, held);
            curve.push(Probe::new(value, held, &assessed.figures));
            kept.push((value, assessed));
            if under.alarm.raised() {
                break;
            }
        }
        let found = bisection.found();
        let last_of_it = kept.iter().rposition(|(value, _)| Some(*value) == found);
        let (_, of_it) = kept.swap_remove(last_of_it.unwrap_or(0));
        Ok(Assessed {
            curve,
            found,
            ..of_it
        })
    }

    /// Drives phases together; their requests are numbered from `begin`.
    fn load(
        &self,
        first: usize,
        phases: &[PhasePlan],
        begin: u64,
        under: &mut Under<'_>,
    ) -> Result<Vec<Assessed>, Failure> {
        let backlog = &Backlog::of(phases.len());
        let talks: Vec<Option<Conversations<'_>>> = phases
            .iter()
            .zip(first..)
            .map(|(phase, number)| {
                let purpose = Purpose::of_phase(phase.measured, number);
                Conversations::of(&self.variant.requests, purpose, &phase.shape)
            })
            .collect();
        let (word, words) = channel();
        let begun = AtomicBool::new(false);
        let sources: Vec<_> = phases
            .iter()
            .zip(first..)
            .zip(&talks)
            .map(|((phase, number), talk)| {
                let purpose = Purpose::of_phase(phase.measured, number);
                let ready = move || talk.as_ref().is_none_or(Conversations::ready);
                let (word, begun, measured) = (word.clone(), &begun, phase.measured);
                let body = move |request: u64| {
                    // Warm-up hands over here, without a pause in which pages could be read.
                    if measured && !begun.swap(true, Ordering::Relaxed) {
                        word.send(Word::HandedOver).ok();
                    }
                    match talk {
                        Some(talk) => talk.body(&self.variant.endpoint.model, begin + request),
                        None => self.body(purpose, begin + request),
                    }
                };
                (ready, body)
            })
            .collect();
        let loads: Vec<PhaseLoad<'_>> = phases
            .iter()
            .zip(first..)
            .map(|(phase, number)| PhaseLoad {
                phase: u32::try_from(number).unwrap_or(u32::MAX),
                shape: &phase.shape,
                path: self.variant.requests.path(),
                stream: self.variant.requests.stream,
                body: &sources[number - first].1,
                ready: &sources[number - first].0,
                timeout: self.variant.requests.timeout,
                enough: &backlog.enough[number - first],
            })
            .collect();
        let Under {
            client,
            assessor,
            alarm,
            tally,
        } = under;
        let (send, receive) = sync_channel(ASSESSING);
        let mut waits = 0;
        let pages = self.pages();
        let before = pages.read();
        let (assessed, driven, watched) = std::thread::scope(|scope| {
            let ended = Ended(word);
            let (pages, zero) = (&pages, assessor.zero);
            let row = |phase, sample: &ServerSample| self.server_row(first + phase, sample);
            let handed_over = phases.len() - 1;
            let watching = scope.spawn(move || pages.watch(&words, handed_over, zero, row));
            let talks = &talks;
            let assessing = scope
                .spawn(move || assessor.phases(first, phases, talks, &receive, backlog, tally));
            let driven = client.drive(&loads, &cancel(alarm), &mut |mut exchange| {
                exchange.id.index += begin;
                waits += u64::from(backlog.enter(&exchange));
                let sent = match send.try_send(exchange) {
                    Err(TrySendError::Full(exchange)) => {
                        waits += 1;
                        send.send(exchange).is_ok()
                    }
                    sent => sent.is_ok(),
                };
                // When the assessor has given up, its own error is the one that is told.
                if !sent {
                    alarm.raise();
                }
            });
            drop((send, ended));
            (assessing.join(), driven, watching.join())
        });
        let assessed = match assessed {
            Ok(assessed) => assessed.map_err(|error| Failure::Setup(error.to_string()))?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let runs = driven.map_err(|error| Failure::Setup(error.to_string()))?;
        let watched = watched.unwrap_or_default();
        let after = pages.settled();
        let began = |phase: usize| -> &Reading {
            let own = watched.get(phase).and_then(|watched| watched.from.as_ref());
            own.unwrap_or(if phase == 0 { &before } else { &after })
        };
        let mut finished = Vec::new();
        for (n, (gathered, run)) in assessed.into_iter().zip(&runs).enumerate() {
            let mut assessed = gathered.finish(run, waits);
            let gauges = watched.get(n).map(|watched| watched.gauges.clone());
            let (from, to) = (began(n), began(n + 1));
            assessed.server = pages.window(from, to, gauges.unwrap_or_default(), &assessed.told);
            finished.push(assessed);
        }
        Ok(finished)
    }

    /// Tokens that every request asks for, where it says.
    fn max_tokens(&self) -> Option<u64> {
        let template = &self.variant.requests.template;
        let limit = ["max_completion_tokens", "max_tokens"];
        limit.iter().find_map(|key| template.get(*key)?.as_u64())
    }

    /// The metrics pages of this variant's topology.
    fn pages(&self) -> Pages {
        let pages = self.variant.metrics.iter();
        Pages::new(
            pages
                .map(|page| (page.process.clone(), page.url.clone()))
                .collect(),
        )
    }

    /// Keeps a sample of the server's levels; should that fail, writing the next request's row fails too and is told.
    fn server_row(&self, phase: usize, sample: &ServerSample) {
        let row = ServerRow {
            variant: self.variant.name.clone(),
            round: self.round,
            phase: u32::try_from(phase).unwrap_or(u32::MAX),
            sample: sample.clone(),
        };
        self.writer.server(&row).ok();
    }

    fn assessor<'a>(&'a self, rules: &'a Rules, zero: u64) -> Assessor<'a> {
        let slo = self.variant.slo.clone().unwrap_or_default();
        let nanos = |time: Option<crate::scenario::units::Time>| {
            time.map(|time| u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX))
        };
        Assessor {
            variant: &self.variant.name,
            requests: &self.variant.requests,
            round: self.round,
            rules,
            objectives: Objectives {
                ttft: nanos(slo.ttft),
                tpot: nanos(slo.tpot),
                e2e: nanos(slo.e2e),
            },
            keep_text: self.plan.same_text,
            zero,
            writer: self.writer,
            events: self.events,
        }
    }

    fn body(&self, purpose: Purpose, index: u64) -> Vec<u8> {
        self.variant
            .requests
            .body(&self.variant.endpoint.model, purpose, index)
    }

    fn interrupted_or(&self, error: topology::Error) -> Failure {
        if self.signals.interrupted() {
            Failure::Interrupted
        } else {
            explained(error)
        }
    }
}

/// Which phases are driven together: warm-up hands over to the first measured phase with requests in flight, so that this
/// begins without a burst; measured phases never share the engine.
fn together(phases: &[PhasePlan]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (number, phase) in phases.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if !phases[group.end - 1].measured && phase.search.is_none() => {
                group.end = number + 1;
            }
            _ => groups.push(number..number + 1),
        }
        debug_assert!(phase.measured || number == 0, "warm-up comes first");
    }
    groups
}

/// Says that the phases are over, however they end.
struct Ended(Sender<Word>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send(Word::Ended).ok();
    }
}

fn cancel(alarm: &Alarm) -> Cancel {
    Cancel::from(alarm.flag())
}

/// The whole environment of a child: what we have, without what would change the engine behind its user's back.
fn environment(own: &[(String, String)], run_id: &str) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| !scrubbed(name) && !own.iter().any(|(set, _)| set == name))
        .collect();
    env.extend(own.iter().cloned());
    env.push(("BENCH_RUN_ID".into(), run_id.to_owned()));
    env
}

/// First line of a log: what was started.
fn header(argv: &[String], redactor: &Redactor) -> String {
    redactor.apply(&format!("$ {}", argv.join(" ")))
}
