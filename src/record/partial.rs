//! What a killed run had measured: counted from the rows on disk, as far as `run.json` does not
//! contain it.

use super::model::{EngineRecord, PhaseKind, PhaseRecord, RoundRecord, Run, VariantRecord};
use super::read::Row;
use super::{Error, Lines, events, samples};
use crate::event::Event;
use crate::measure::summary::{Objectives, Summary};
use indexmap::IndexMap;
use std::path::Path;

impl Run {
    /// Adds the rounds that `run.json` does not hold yet to a run without an end, counted from its events and rows. Figures of
    /// start-up and teardown are not in the rows and stay absent.
    ///
    /// # Errors
    /// When a row before the last cannot be read.
    pub fn recover(&mut self, dir: &Path) -> Result<(), Error> {
        if self.finished.is_some() {
            return Ok(());
        }
        let (mut seen, mut requests): (Vec<Seen>, u64) = (Vec::new(), 0);
        let events_torn = each(events(dir)?, |row| note(&mut seen, row.event))?;
        let samples_torn = each(samples(dir)?, |row| {
            requests += 1;
            let owner = seen.iter_mut().find(|s| s.is(&row.variant, row.round));
            let phase = usize::try_from(row.sample.phase).unwrap_or(usize::MAX);
            if let Some(phase) = owner.and_then(|s| s.phases.get_mut(phase)) {
                phase.summary.add(&row.sample, &[], &[]);
            }
        })?;
        for (turn, seen) in (1..).zip(seen) {
            self.take(turn, seen);
        }
        self.summary = format!(
            "The run did not come to its end; {requests} requests had ended until then{}.",
            if events_torn + samples_torn > 0 {
                ", and the last row is cut short"
            } else {
                ""
            }
        );
        Ok(())
    }

    /// Adds one round of a variant, unless `run.json` holds it: a turn that is over is there with all its figures.
    fn take(&mut self, turn: u32, seen: Seen) {
        let known = self.variants.iter_mut().find(|v| v.name == seen.variant);
        match known {
            None => self.variants.push(seen.variant(turn)),
            Some(variant) if variant.holds(seen.number()) => {}
            Some(variant) => variant.rounds.push(seen.round(turn)),
        }
    }
}

impl VariantRecord {
    /// Whether its figures include this round. Without rounds there is only the first.
    fn holds(&self, number: u32) -> bool {
        match self.rounds.as_slice() {
            [] => number == 1,
            rounds => rounds.iter().any(|known| known.round == number),
        }
    }
}

/// Passes on every row. Returns how many were truncated.
fn each<T: Row>(mut rows: Lines<T>, mut take: impl FnMut(T)) -> Result<u64, Error> {
    for row in rows.by_ref() {
        take(row?);
    }
    Ok(rows.torn())
}

/// A round of a variant that began.
struct Seen {
    variant: String,
    engine: String,
    /// From 1; absent where every variant runs once.
    round: Option<u32>,
    phases: Vec<Phase>,
}

struct Phase {
    name: String,
    kind: PhaseKind,
    summary: Summary,
}

fn note(seen: &mut Vec<Seen>, event: Option<Event>) {
    match event {
        Some(Event::VariantStarted {
            variant,
            engine,
            round,
            ..
        }) => {
            let began = Seen {
                variant,
                engine,
                round,
                phases: Vec::new(),
            };
            // A start that is tried again on other ports begins the same round.
            seen.retain(|known| !known.is(&began.variant, began.number()));
            seen.push(began);
        }
        Some(Event::PhaseStarted { phase, kind, .. }) => {
            if let Some(turn) = seen.last_mut() {
                turn.phases.push(Phase {
                    name: phase,
                    kind,
                    summary: Summary::new(Objectives::default()),
                });
            }
        }
        Some(
            Event::ProcessStarted { .. }
            | Event::StageReady { .. }
            | Event::Waiting { .. }
            | Event::ProcessExited { .. }
            | Event::Signalled { .. }
            | Event::PhaseProgress { .. }
            | Event::PhaseEnded { .. }
            | Event::GivenUp { .. }
            | Event::TeardownStarted { .. }
            | Event::TeardownEnded { .. }
            | Event::Warning { .. },
        )
        | None => {}
    }
}

impl Seen {
    /// Which round it is, from 1.
    fn number(&self) -> u32 {
        self.round.unwrap_or(1)
    }

    fn is(&self, variant: &str, number: u32) -> bool {
        self.variant == variant && self.number() == number
    }

    fn phases(&self) -> Vec<PhaseRecord> {
        let phases = self.phases.iter();
        phases
            .map(|p| PhaseRecord::of(&p.name, p.kind, &p.summary.finish()))
            .collect()
    }

    fn round(&self, turn: u32) -> RoundRecord {
        RoundRecord {
            round: self.number(),
            turn,
            startup: None,
            phases: self.phases(),
            teardown: None,
        }
    }

    fn variant(self, turn: u32) -> VariantRecord {
        VariantRecord {
            tier: None,
            phases: self.phases(),
            rounds: self.round.map(|_| self.round(turn)).into_iter().collect(),
            name: self.variant,
            engine: EngineRecord {
                kind: self.engine,
                versions: IndexMap::new(),
                model: String::new(),
            },
            requests_sha256: String::new(),
            startup: None,
            teardown: None,
        }
    }
}

#[cfg(test)]
#[path = "tests/partial.rs"]
mod tests;
