//! Breaches of all answers of a variant, gathered per rule in bounded memory.

use super::outcome::Check;
use super::rule::{Breach, Rules};
use std::fmt::Write as _;

/// Breaches that are kept word for word, per rule.
const EXAMPLES: usize = 3;

/// What has become of each rule so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    answers: u64,
    rules: Vec<Count>,
}

#[derive(Debug, Clone)]
struct Count {
    name: String,
    breaches: u64,
    examples: Vec<String>,
}

impl Tally {
    /// An empty tally for these rules.
    #[must_use]
    pub(crate) fn new(rules: &Rules) -> Self {
        let count = |name: &str| Count {
            name: name.to_owned(),
            breaches: 0,
            examples: Vec::new(),
        };
        Self {
            answers: 0,
            rules: rules.names().map(count).collect(),
        }
    }

    /// Adds one answer that was held against the rules: request `index` of `phase`, and what it broke.
    pub(crate) fn add(&mut self, phase: &str, index: u64, breaches: &[Breach]) {
        self.answers += 1;
        for breach in breaches {
            let Some(count) = self.rules.get_mut(breach.rule) else {
                continue;
            };
            count.breaches += 1;
            if count.examples.len() < EXAMPLES {
                count
                    .examples
                    .push(format!("{phase} request {index}: {breach}"));
            }
        }
    }

    /// Adds what another round of the same variant found.
    pub(crate) fn join(&mut self, other: &Self) {
        self.answers += other.answers;
        for (count, found) in self.rules.iter_mut().zip(&other.rules) {
            count.breaches += found.breaches;
            let room = EXAMPLES.saturating_sub(count.examples.len());
            let examples = found.examples.iter().take(room);
            count.examples.extend(examples.cloned());
        }
    }

    /// One check a rule, on `variant`. A rule that no answer was held against has not held.
    #[must_use]
    pub(crate) fn checks(&self, variant: &str) -> Vec<Check> {
        let check = |count: &Count| Check {
            name: count.name.clone(),
            scope: variant.to_owned(),
            passed: count.breaches == 0 && self.answers > 0,
            detail: self.detail(count),
        };
        self.rules.iter().map(check).collect()
    }

    fn detail(&self, count: &Count) -> String {
        let answers = self.answers;
        let mut detail = match (answers, count.breaches) {
            (0, _) => "there was no answer to ask".to_owned(),
            (1, 0) => "held on the one answer".to_owned(),
            (_, 0) => format!("held on all {answers} answers"),
            (_, broken) => format!("broken by {broken} of {answers} answers"),
        };
        for example in &count.examples {
            let _ = write!(detail, "\n{example}");
        }
        detail
    }
}
