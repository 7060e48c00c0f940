//! What a killed run had measured: counted from the rows on disk, as far as `run.json` does not
//! contain it.

use super::model::{EngineRecord, PhaseRecord, Run, VariantRecord};
use super::read::Row;
use super::{Error, EventRow, Lines, events, samples};
use crate::measure::summary::{Objectives, Summary};
use indexmap::IndexMap;
use std::path::Path;

impl Run {
    /// Adds the variants and phases found in events and rows to a run that has no end. The rows
    /// contain no times between events, so those figures stay absent.
    ///
    /// # Errors
    /// When a row before the last cannot be read.
    pub fn recover(&mut self, dir: &Path) -> Result<(), Error> {
        if self.finished.is_some() {
            return Ok(());
        }
        let (mut seen, mut requests): (Vec<Seen>, u64) = (Vec::new(), 0);
        let events_torn = each(events(dir)?, |event| note(&mut seen, &event))?;
        let samples_torn = each(samples(dir)?, |row| {
            requests += 1;
            let owner = seen.iter_mut().find(|s| s.variant == row.variant);
            let phase = usize::try_from(row.sample.phase).unwrap_or(usize::MAX);
            if let Some(phase) = owner.and_then(|s| s.phases.get_mut(phase)) {
                phase.summary.add(&row.sample, &[], &[]);
            }
        })?;
        // Variants that finished are in run.json with all their figures.
        let untold = seen.into_iter().skip(self.variants.len());
        self.variants.extend(untold.map(Seen::record));
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
}

/// Passes on every row. Returns how many were truncated.
fn each<T: Row>(mut rows: Lines<T>, mut take: impl FnMut(T)) -> Result<u64, Error> {
    for row in rows.by_ref() {
        take(row?);
    }
    Ok(rows.torn())
}

/// A variant that was started.
struct Seen {
    variant: String,
    engine: String,
    phases: Vec<Phase>,
}

struct Phase {
    name: String,
    kind: String,
    summary: Summary,
}

fn note(seen: &mut Vec<Seen>, event: &EventRow) {
    match (event.event.as_str(), seen.last_mut()) {
        ("variant_started", _) => seen.push(Seen {
            variant: event.text("variant").to_owned(),
            engine: event.text("engine").to_owned(),
            phases: Vec::new(),
        }),
        ("phase_started", Some(variant)) => variant.phases.push(Phase {
            name: event.text("phase").to_owned(),
            kind: event.text("kind").to_owned(),
            summary: Summary::new(Objectives::default()),
        }),
        _ => {}
    }
}

impl Seen {
    fn record(self) -> VariantRecord {
        let phases = self.phases.iter();
        VariantRecord {
            tier: None,
            name: self.variant,
            engine: EngineRecord {
                kind: self.engine,
                versions: IndexMap::new(),
                model: String::new(),
            },
            requests_sha256: String::new(),
            startup: None,
            phases: phases
                .map(|p| PhaseRecord::of(&p.name, &p.kind, &p.summary.finish()))
                .collect(),
            teardown: None,
            rounds: Vec::new(),
        }
    }
}
