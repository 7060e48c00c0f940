//! Failed requests by class, with the message of the first of each class. Uses bounded memory,
//! however many requests fail.

use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most characters kept of a message.
const LONGEST: usize = 400;
/// Most different messages per class that are distinguished. Beyond that, their number is a lower
/// bound.
const DISTINCT: usize = 1_000;

/// The failures of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class, as [`ErrorClass`](super::sample::ErrorClass) prints.
    pub class: String,
    /// Number of requests that failed this way.
    pub count: u64,
    /// The message of the first: the server's own words, if it gave any.
    pub first_message: String,
    /// Further messages that were different, counted up to 1,000.
    #[serde(default, skip_serializing_if = "none")]
    pub other_messages: u64,
}

/// Failures in order of arrival, by class in the order of first occurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Vec<Class>);

#[derive(Debug, Clone)]
struct Class {
    failure: Failure,
    /// Hashes of the messages seen.
    seen: HashSet<u64>,
}

impl Failures {
    /// Takes one failed request.
    pub(super) fn add(&mut self, class: &str, message: &str) {
        let message = cut(message);
        let known = self.0.iter().position(|known| known.failure.class == class);
        let known = known.unwrap_or_else(|| {
            self.0.push(Class::new(class, message.clone()));
            self.0.len() - 1
        });
        self.0[known].add(&message);
    }

    /// The failures so far.
    pub(super) fn finish(&self) -> Vec<Failure> {
        self.0.iter().map(|class| class.failure.clone()).collect()
    }
}

impl Class {
    fn new(class: &str, first_message: String) -> Self {
        let failure = Failure {
            class: class.to_owned(),
            count: 0,
            first_message,
            other_messages: 0,
        };
        Self {
            failure,
            seen: HashSet::new(),
        }
    }

    fn add(&mut self, message: &str) {
        self.failure.count += 1;
        if self.seen.len() <= DISTINCT {
            let mut hasher = DefaultHasher::new();
            message.hash(&mut hasher);
            self.seen.insert(hasher.finish());
            self.failure.other_messages = self.seen.len() as u64 - 1;
        }
    }
}

/// Merges several rounds: counts are added, and the first message is the first round's. Which
/// messages were equal across rounds is unknown, so the number of different messages is the largest
/// of any round.
#[must_use]
pub(crate) fn joined<'a>(rounds: impl IntoIterator<Item = &'a [Failure]>) -> Vec<Failure> {
    let mut all: Vec<Failure> = Vec::new();
    for failure in rounds.into_iter().flatten() {
        match all.iter_mut().find(|known| known.class == failure.class) {
            None => all.push(failure.clone()),
            Some(known) => {
                let differs = u64::from(known.first_message != failure.first_message);
                known.count += failure.count;
                known.other_messages = known
                    .other_messages
                    .max(failure.other_messages)
                    .max(differs);
            }
        }
    }
    all
}

fn cut(message: &str) -> String {
    let end = message.char_indices().nth(LONGEST);
    end.map_or_else(
        || message.to_owned(),
        |(at, _)| format!("{}...", &message[..at]),
    )
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn none(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
#[path = "tests/failures.rs"]
mod tests;
