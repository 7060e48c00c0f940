//! Failed requests with the first message of each class. Needs `run.json` only.

use crate::record::model::{Failure, PhaseRecord, Run, VariantRecord};

/// Maximum number of rows.
const ROWS: usize = 8;
/// Maximum characters of a message.
const SHOWN: usize = 300;

/// One class of failures in one phase.
pub(crate) struct Failed<'a> {
    variant: &'a str,
    /// `variant/phase`.
    pub(crate) scope: String,
    /// Requests of the phase.
    sent: u64,
    failure: &'a Failure,
}

impl Failed<'_> {
    /// `status 500 (12 of 40 requests)`
    pub(crate) fn class(&self) -> String {
        let Failure { class, count, .. } = self.failure;
        format!("{class} ({count} of {} requests)", self.sent)
    }

    /// The first message and the number of others. Not escaped.
    pub(crate) fn message(&self) -> String {
        let Failure {
            first_message,
            other_messages,
            ..
        } = self.failure;
        let cut = first_message.char_indices().nth(SHOWN);
        let mut said = match cut {
            Some((at, _)) => format!("{}...", &first_message[..at]),
            None if first_message.trim().is_empty() => "(no message)".to_owned(),
            None => first_message.clone(),
        };
        match other_messages {
            0 => {}
            1 => said += " (and 1 other message)",
            n => said += &format!(" (and {n} other messages)"),
        }
        said
    }
}

/// The first failure classes of all phases, warm-up included, and how many are left out.
pub(crate) fn failures(run: &Run) -> (Vec<Failed<'_>>, usize) {
    let mut all: Vec<Failed<'_>> = every(run).collect();
    let more = all.len().saturating_sub(ROWS);
    all.truncate(ROWS);
    (all, more)
}

fn phases(variant: &VariantRecord) -> impl Iterator<Item = (&str, &PhaseRecord)> {
    let phases = variant.phases.iter();
    phases.map(|phase| (variant.name.as_str(), phase))
}

fn every(run: &Run) -> impl Iterator<Item = Failed<'_>> {
    let phases = run.variants.iter().flat_map(phases);
    phases.flat_map(|(variant, phase)| {
        let failures = phase.failures.iter();
        failures.map(move |failure| Failed {
            variant,
            scope: format!("{variant}/{}", phase.name),
            sent: phase.counts.sent,
            failure,
        })
    })
}

/// Failures of one phase (`variant/phase`), one line per class.
pub(crate) fn behind(run: &Run, scope: &str) -> Vec<String> {
    let here = every(run).filter(|failed| failed.scope == scope);
    let said = |failed: Failed<'_>| format!("{}: {}", failed.class(), failed.message());
    here.take(ROWS).map(said).collect()
}

/// Failures of one variant, one line per class and phase.
pub(crate) fn of_variant(run: &Run, variant: &str) -> Vec<String> {
    let here = every(run).filter(|failed| failed.variant == variant);
    let said = |failed: Failed<'_>| {
        format!(
            "{} on {}: {}",
            failed.class(),
            failed.scope,
            failed.message()
        )
    };
    here.take(ROWS).map(said).collect()
}
