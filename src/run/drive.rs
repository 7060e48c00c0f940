//! The load of a variant's turn: its phases one after the other, those that hand over together, searches step by step.

use super::assess::{Assessed, Assessor, Backlog};
use super::explain::explained;
use super::variant::{Outcome, Serving, Turn};
use super::{Failure, no_thread};
use crate::event::Event;
use crate::load::{Cancel, Client, Patience, PhaseLoad};
use crate::measure::clock;
use crate::measure::curve::CurvePoint;
use crate::measure::summary::Objectives;
use crate::observe::scrape::WatchSignal;
use crate::observe::{Pages, Reading};
use crate::plan::search::{Bisection, Search};
use crate::plan::{Label, PhasePlan, Purpose, Shape};
use crate::prompts::conversations::Conversations;
use crate::record::{ServerRow, ServerSample};
use crate::scenario::model::OnEngineDeath;
use crate::topology::{self, Alarm};
use crate::verify::{Rules, Tally, keeps};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// How long a death may take to be reported.
const SETTLE: Duration = Duration::from_millis(250);

/// Answers that may always wait to be assessed.
const ASSESSING: usize = 1_024;

/// Answers that may wait to be assessed: all that are in flight may end at once, and who reads them is to send the next. Beyond,
/// the client waits for the assessor, and says so.
fn may_wait<'s>(shapes: impl Iterator<Item = &'s Shape>) -> usize {
    shapes
        .map(Shape::most_in_flight)
        .fold(ASSESSING, usize::max)
}

/// By how much who assesses is nicer than the thread that drives load: where both want a core, it has a tenth of it.
const MODESTY: i32 = 10;

/// What driving one phase after the other needs.
struct Under<'a> {
    client: Client<'a>,
    assessor: &'a Assessor<'a>,
    alarm: &'a Alarm,
    tally: Tally,
    /// The topology's metrics pages: one that hangs is known from phase to phase.
    pages: Pages,
}

impl Turn<'_> {
    pub(super) fn drive(
        &self,
        serving: &Serving<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Serving {
            rules,
            target,
            alarm,
            topology,
        } = *serving;
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
            pages: self.pages(),
        };
        for phases in together(&self.variant.phases) {
            let first = phases.start;
            match self.phases(phases, &mut under) {
                Ok(assessed) => {
                    outcome.given_up = self.given_up(first, &assessed);
                    outcome.phases.extend(assessed);
                }
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
            if outcome.given_up.is_some() {
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

    /// Tells whether one of these phases was given up, and which.
    fn given_up(&self, first: usize, assessed: &[Assessed]) -> Option<(String, String)> {
        let all = self.variant.phases[first..].iter().zip(assessed);
        let mut given_up = all
            .filter_map(|(phase, assessed)| Some((phase.name.clone(), assessed.given_up.clone()?)));
        let (phase, mut reason) = given_up.next()?;
        let left = self.variant.phases[first..].iter().skip(assessed.len());
        let left: Vec<&str> = left.map(|phase| phase.name.as_str()).collect();
        if !left.is_empty() {
            reason += &format!("; not driven: {}", left.join(", "));
        }
        self.events.emit(Event::GivenUp {
            phase: phase.clone(),
            reason: reason.clone(),
        });
        Some((phase, reason))
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
        let (mut sent, mut curve, mut given_up) = (0, Vec::new(), None);
        let mut kept: Vec<(f64, Assessed)> = Vec::new();
        while let Some(value) = bisection.next() {
            let step = PhasePlan {
                name: format!("{} at {}", phase.name, search.shown(value)),
                shape: search.shape(value),
                search: None,
                ..phase.clone()
            };
            let assessed = self.load(number, &[step], sent, under)?.remove(0);
            sent += assessed.figures.counts.sent;
            let held = keeps(&search.goal, &assessed.figures, assessed.server.as_ref());
            bisection.note(value, held);
            curve.push(CurvePoint::new(value, held, &assessed.figures));
            given_up.clone_from(&assessed.given_up);
            kept.push((value, assessed));
            if under.alarm.raised() || given_up.is_some() {
                break;
            }
        }
        let found = bisection.found();
        let last_of_it = kept.iter().rposition(|(value, _)| Some(*value) == found);
        let (_, of_it) = kept.swap_remove(last_of_it.unwrap_or(0));
        Ok(Assessed {
            curve,
            found,
            given_up,
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
        let backlog = &Backlog::of(phases.len(), under.client.buffer_pool());
        let all: Vec<Option<Conversations<'_>>> = phases
            .iter()
            .zip(first..)
            .map(|(phase, number)| {
                let purpose = Purpose::of_phase(phase.measured, number, self.round);
                Conversations::of(&self.variant.requests, purpose, &phase.shape, begin)
            })
            .collect();
        let (signal, signals) = channel();
        let begun = AtomicBool::new(false);
        let sources: Vec<_> = phases
            .iter()
            .zip(first..)
            .zip(&all)
            .map(|((phase, number), conversations)| {
                let purpose = Purpose::of_phase(phase.measured, number, self.round);
                let ready = conversations
                    .as_ref()
                    .map(|conversations| move || conversations.ready());
                let (signal, begun, measured) = (signal.clone(), &begun, phase.measured);
                let body = move |request: u64| {
                    // Warm-up hands over here, without a pause in which pages could be read.
                    if measured && !begun.swap(true, Ordering::Relaxed) {
                        signal.send(WatchSignal::HandedOver).ok();
                    }
                    match conversations {
                        Some(conversations) => {
                            conversations.body(&self.variant.endpoint.model, begin + request)
                        }
                        None => self.body(purpose, begin + request),
                    }
                };
                let headers = move |request: u64| {
                    let index = begin + request;
                    let label = conversations.as_ref().map_or_else(
                        || Label {
                            purpose,
                            index,
                            conversation: index,
                        },
                        |conversations| conversations.label(index),
                    );
                    self.variant.requests.labelled_headers(&label)
                };
                (ready, body, headers)
            })
            .collect();
        let path = self.variant.requests.target();
        let labelled = self.variant.requests.has_labelled_headers();
        let rules = under.assessor.rules;
        let accepts = move |status| rules.accept_status(status);
        let loads: Vec<PhaseLoad<'_>> = phases
            .iter()
            .zip(first..)
            .map(|(phase, number)| PhaseLoad {
                phase: u32::try_from(number).unwrap_or(u32::MAX),
                shape: &phase.shape,
                path: &path,
                stream: self.variant.requests.stream,
                body: &sources[number - first].1,
                headers: labelled.then_some(&sources[number - first].2),
                ready: sources[number - first].0.as_ref().map(|ready| ready as _),
                timeout: self.variant.requests.timeout,
                seen: &backlog.seen[number - first],
                patience: Patience {
                    accepts: Some(&accepts),
                    give_up_after: self.plan.give_up_after,
                },
            })
            .collect();
        let Under {
            client,
            assessor,
            alarm,
            tally,
            pages,
        } = under;
        let pages: &Pages = pages;
        let (send, receive) = sync_channel(may_wait(phases.iter().map(|phase| &phase.shape)));
        let mut waits = 0;
        let before = pages.read();
        let (assessed, driven, watched) = thread::scope(|scope| {
            let ended = Ended(signal);
            let zero = assessor.zero;
            let row = |phase, sample: &ServerSample| self.server_row(first + phase, sample);
            let handed_over = phases.len() - 1;
            let watch = move || pages.watch(&signals, handed_over, zero, row);
            let watching = thread::Builder::new().spawn_scoped(scope, watch);
            let all = &all;
            let assess = move || {
                // Answers can wait to be assessed; what is due can't wait to be sent, nor a server beside us to be heard.
                rustix::process::nice(MODESTY).ok();
                assessor.phases(first, phases, all, &receive, backlog, tally)
            };
            let assessing = match thread::Builder::new().spawn_scoped(scope, assess) {
                Ok(assessing) => assessing,
                Err(error) => return Err(no_thread(error)),
            };
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
            // Where there can be no thread, the pages are not watched; nor are those that panic.
            let watched = watching.map(thread::ScopedJoinHandle::join);
            Ok((assessing.join(), driven, watched))
        })?;
        let assessed = match assessed {
            Ok(assessed) => assessed.map_err(|error| Failure::Setup(error.to_string()))?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let runs = driven.map_err(|error| Failure::Setup(error.to_string()))?;
        let watched = watched.ok().and_then(Result::ok).unwrap_or_default();
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

    pub(super) fn assessor<'a>(&'a self, rules: &'a Rules, zero: u64) -> Assessor<'a> {
        let slo = self.variant.slo.clone().unwrap_or_default();
        let nanos = |time: Option<crate::scenario::units::Time>| {
            time.map(|time| u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX))
        };
        Assessor {
            variant: &self.variant.name,
            requests: &self.variant.requests,
            model: &self.variant.endpoint.model,
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
struct Ended(Sender<WatchSignal>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send(WatchSignal::Ended).ok();
    }
}

pub(super) fn cancel(alarm: &Alarm) -> Cancel {
    Cancel::from(alarm.flag())
}

#[cfg(test)]
#[path = "tests/drive.rs"]
mod tests;
