//! Load on phases that hand over to each other: what the driver is to ask for is built, then driven while other threads
//! assess the answers and watch the metrics pages, then what came of it is collected.

use super::{Under, cancel};
use crate::load::{Patience, PhaseLoad, PhaseRun};
use crate::measure::exchange::Exchange;
use crate::observe::scrape::{WatchSignal, Watched};
use crate::observe::{Pages, Reading};
use crate::plan::{Label, PhasePlan, Purpose, Shape};
use crate::prompts::conversations::Conversations;
use crate::record::{ServerRow, ServerSample};
use crate::run::assess::{Assessed, Backlog, Gathered};
use crate::run::variant::Turn;
use crate::run::{Failure, no_thread};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;

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

/// Phases that are driven together.
pub(super) struct Group<'a> {
    /// Number of the first in the variant's list.
    pub(super) first: usize,
    /// The phases.
    pub(super) phases: &'a [PhasePlan],
    /// Number of the first request.
    pub(super) begin: u64,
}

impl Group<'_> {
    /// The phases with their numbers.
    fn numbered(&self) -> impl Iterator<Item = (usize, &PhasePlan)> {
        (self.first..).zip(self.phases)
    }
}

/// What the driver asks for each request of one phase, by its number in the group.
struct Asked<'a> {
    ready: Option<Box<dyn Fn() -> bool + Sync + 'a>>,
    body: Box<dyn Fn(u64) -> Vec<u8> + 'a>,
    headers: Box<dyn Fn(u64) -> Vec<(String, String)> + 'a>,
}

/// Tells whoever watches the pages, once, that warm-up has handed over.
struct HandOver {
    told: AtomicBool,
    signal: Sender<WatchSignal>,
}

impl HandOver {
    fn tell(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.signal.send(WatchSignal::HandedOver).ok();
        }
    }
}

/// Says that the phases are over, however they end.
struct Ended(Sender<WatchSignal>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send(WatchSignal::Ended).ok();
    }
}

/// What is driven.
struct Built<'a> {
    group: &'a Group<'a>,
    conversations: &'a [Option<Conversations<'a>>],
    loads: &'a [PhaseLoad<'a>],
    backlog: &'a Backlog,
}

/// What came of driving.
struct Driven {
    /// What was gathered of each phase.
    gathered: Vec<Gathered>,
    /// What driving each phase took.
    runs: Vec<PhaseRun>,
    /// What the pages showed during each phase; none where they were not watched.
    watched: Vec<Watched>,
    /// How often the driver waited for the assessor.
    waits: u64,
    /// The pages before the first phase.
    before: Reading,
}

impl Turn<'_> {
    /// Drives phases together.
    pub(super) fn load(
        &self,
        group: &Group<'_>,
        under: &mut Under<'_>,
    ) -> Result<Vec<Assessed>, Failure> {
        let (signal, signals) = channel();
        let hand_over = HandOver {
            told: AtomicBool::new(false),
            signal: signal.clone(),
        };
        let conversations = self.conversations(group);
        let asked = self.asked(group, &conversations, &hand_over);
        let backlog = Backlog::of(group.phases.len(), under.client.buffer_pool());
        let path = self.variant.requests.target();
        let rules = under.assessor.rules;
        let accepts = |status| rules.accept_status(status);
        let patience = Patience {
            accepts: Some(&accepts),
            give_up_after: self.plan.give_up_after,
        };
        let phases = group.numbered().zip(&asked).zip(&backlog.seen);
        let labelled = self.variant.requests.has_labelled_headers();
        let loads: Vec<PhaseLoad<'_>> = phases
            .map(|(((number, phase), asked), seen)| PhaseLoad {
                phase: u32::try_from(number).unwrap_or(u32::MAX),
                shape: &phase.shape,
                path: &path,
                stream: self.variant.requests.stream,
                body: &asked.body,
                headers: labelled.then_some(&asked.headers),
                ready: asked.ready.as_deref(),
                timeout: self.variant.requests.timeout,
                seen,
                patience,
            })
            .collect();
        let built = Built {
            group,
            conversations: &conversations,
            loads: &loads,
            backlog: &backlog,
        };
        let driven = self.driven(&built, under, Ended(signal), signals)?;
        Ok(collected(driven, &under.pages))
    }

    /// The conversations of each phase, where its requests are such.
    fn conversations(&self, group: &Group<'_>) -> Vec<Option<Conversations<'_>>> {
        let of = |(number, phase): (usize, &PhasePlan)| {
            let purpose = Purpose::of_phase(phase.measured, number, self.round);
            Conversations::of(&self.variant.requests, purpose, &phase.shape, group.begin)
        };
        group.numbered().map(of).collect()
    }

    /// Where each phase's requests come from.
    fn asked<'a>(
        &'a self,
        group: &'a Group<'_>,
        conversations: &'a [Option<Conversations<'_>>],
        hand_over: &'a HandOver,
    ) -> Vec<Asked<'a>> {
        let (requests, model) = (&self.variant.requests, &self.variant.endpoint.model);
        let of = |((number, phase), talk): ((usize, &PhasePlan), &'a Option<Conversations<'_>>)| {
            let (begin, measured) = (group.begin, phase.measured);
            let purpose = Purpose::of_phase(measured, number, self.round);
            Asked {
                ready: talk.as_ref().map(|talk| Box::new(|| talk.ready()) as _),
                body: Box::new(move |request| {
                    // Warm-up hands over here, without a pause in which pages could be read.
                    if measured {
                        hand_over.tell();
                    }
                    match talk {
                        Some(talk) => talk.body(model, begin + request),
                        None => self.body(purpose, begin + request),
                    }
                }),
                headers: Box::new(move |request| {
                    let index = begin + request;
                    requests.labelled_headers(&match talk {
                        Some(talk) => talk.label(index),
                        None => Label {
                            purpose,
                            index,
                            conversation: index,
                        },
                    })
                }),
            }
        };
        group.numbered().zip(conversations).map(of).collect()
    }

    /// Drives what was built, while one thread assesses answers and another watches the pages.
    fn driven(
        &self,
        built: &Built<'_>,
        under: &mut Under<'_>,
        ended: Ended,
        signals: Receiver<WatchSignal>,
    ) -> Result<Driven, Failure> {
        let Under {
            client,
            assessor,
            alarm,
            tally,
            pages,
        } = under;
        let pages: &Pages = pages;
        let Built {
            group,
            conversations,
            loads,
            backlog,
        } = *built;
        let Group {
            first,
            phases,
            begin,
        } = *group;
        let (send, receive) = sync_channel(may_wait(phases.iter().map(|phase| &phase.shape)));
        let before = pages.read();
        let mut waits = 0;
        let (gathered, runs, watched) = thread::scope(|scope| {
            let zero = assessor.zero;
            let row = |phase, sample: &ServerSample| self.server_row(first + phase, sample);
            let watch = move || pages.watch(&signals, phases.len() - 1, zero, row);
            let watching = thread::Builder::new().spawn_scoped(scope, watch);
            let assess = move || {
                // Answers can wait to be assessed; what is due can't wait to be sent, nor a server beside us to be heard.
                rustix::process::nice(MODESTY).ok();
                assessor.phases(first, phases, conversations, &receive, backlog, tally)
            };
            let assessing = thread::Builder::new().spawn_scoped(scope, assess);
            let assessing = assessing.map_err(no_thread)?;
            let runs = client.drive(loads, &cancel(alarm), &mut |mut exchange| {
                exchange.id.index += begin;
                waits += u64::from(backlog.enter(&exchange));
                let handed = hand_on(&send, exchange);
                waits += u64::from(handed.waited);
                // When the assessor has given up, its own error is the one that is told.
                if handed.refused {
                    alarm.raise();
                }
            });
            // Both threads end once nothing can come any more.
            drop((send, ended));
            Ok::<_, Failure>((
                assessing.join(),
                runs,
                watching.map(thread::ScopedJoinHandle::join),
            ))
        })?;
        let gathered = gathered.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(Driven {
            gathered: gathered.map_err(|error| Failure::Setup(error.to_string()))?,
            runs: runs.map_err(|error| Failure::Setup(error.to_string()))?,
            // Where there can be no thread, the pages are not watched; nor are those that panic.
            watched: watched.ok().and_then(Result::ok).unwrap_or_default(),
            waits,
            before,
        })
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
}

/// How an exchange was handed to the assessor.
struct Handed {
    waited: bool,
    /// Whether the assessor is gone.
    refused: bool,
}

fn hand_on(to: &SyncSender<Exchange>, exchange: Exchange) -> Handed {
    let (waited, sent) = match to.try_send(exchange) {
        Err(TrySendError::Full(exchange)) => (true, to.send(exchange).is_ok()),
        sent => (false, sent.is_ok()),
    };
    Handed {
        waited,
        refused: !sent,
    }
}

/// What came of each phase, with what the server said of itself meanwhile.
fn collected(driven: Driven, pages: &Pages) -> Vec<Assessed> {
    let Driven {
        gathered,
        runs,
        watched,
        waits,
        before,
    } = driven;
    let after = pages.settled();
    let began = |phase: usize| -> &Reading {
        let own = watched.get(phase).and_then(|watched| watched.from.as_ref());
        own.unwrap_or(if phase == 0 { &before } else { &after })
    };
    let mut collected = Vec::new();
    for (n, (gathered, run)) in gathered.into_iter().zip(&runs).enumerate() {
        let mut assessed = gathered.finish(run, waits);
        let gauges = watched.get(n).map(|watched| watched.gauges.clone());
        let (from, to) = (began(n), began(n + 1));
        assessed.server = pages.window(from, to, gauges.unwrap_or_default(), &assessed.told);
        collected.push(assessed);
    }
    collected
}

#[cfg(test)]
#[path = "../tests/drive.rs"]
mod tests;
