//! What is compared of a variant's answers: a few words a request, read from its record's rows. Texts stay on the disk,
//! and are fetched where they differ.

use crate::record::model::{PhaseRecord, VariantRecord};
use crate::record::{self, Error, Samples};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::iter;
use std::path::{Path, PathBuf};
use std::thread;

/// What is compared of one request's answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// The round.
    pub round: u32,
    /// Index of the phase, warm-up included.
    pub phase: u32,
    /// Index of the request in its phase.
    pub index: u64,
    /// HTTP status.
    pub status: Option<u64>,
    /// Prompt tokens.
    pub prompt_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// First 64 bits of the text's SHA-256.
    pub(super) text: u64,
    /// Whether the request succeeded.
    ok: bool,
    /// Byte at which its row begins.
    at: u64,
}

impl Answer {
    fn key(&self) -> (u32, u32, u64) {
        (self.round, self.phase, self.index)
    }
}

/// What is read of a row.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    variant: Cow<'a, str>,
    round: Option<u32>,
    phase: u32,
    index: u64,
    status: Option<u64>,
    prompt_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "hexadecimal")]
    text_sha: u64,
    error: Option<IgnoredAny>,
}

fn hexadecimal<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = <&str>::deserialize(from)?;
    u64::from_str_radix(text, 16)
        .map_err(|_| D::Error::custom("text_sha is not 16 hexadecimal digits"))
}

/// One variant's answers in measured phases, by round, phase and request.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The variant.
    pub(super) variant: String,
    /// Names of its phases.
    pub(super) phases: Vec<String>,
    rows: Vec<Answer>,
    dir: PathBuf,
}

impl Answers {
    /// Reads a variant's from a report directory; of its first `rounds` rounds, where so many are named.
    ///
    /// # Errors
    /// When its samples can't be read.
    pub(crate) fn read(
        dir: &Path,
        variant: &VariantRecord,
        rounds: Option<u32>,
    ) -> Result<Self, Error> {
        let measured: Vec<bool> = variant.phases.iter().map(PhaseRecord::measured).collect();
        let mut lines = record::samples(dir)?;
        let mut rows = Vec::new();
        while let Some((at, row)) = lines.next_by(|line| {
            let row: Row<'_> = serde_json::from_slice(line)?;
            let round = row.round.unwrap_or(1);
            let wanted = row.variant == variant.name
                && rounds.is_none_or(|rounds| round <= rounds)
                && measured.get(row.phase as usize) == Some(&true);
            Ok(wanted.then_some(Answer {
                round,
                phase: row.phase,
                index: row.index,
                status: row.status,
                prompt_tokens: row.prompt_tokens,
                output_tokens: row.output_tokens,
                text: row.text_sha,
                ok: row.error.is_none(),
                at: 0,
            }))
        })? {
            rows.extend(row.map(|answer| Answer { at, ..answer }));
        }
        rows.sort_unstable_by_key(Answer::key);
        Ok(Self {
            variant: variant.name.clone(),
            phases: variant.phases.iter().map(|p| p.name.clone()).collect(),
            rows,
            dir: dir.to_owned(),
        })
    }

    /// Reads two, both at once.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_both(
        a: (&Path, &VariantRecord),
        b: (&Path, &VariantRecord),
        rounds: Option<u32>,
    ) -> Result<[Self; 2], Error> {
        thread::scope(|scope| {
            let read = move || Self::read(a.0, a.1, rounds);
            let beside = thread::Builder::new().spawn_scoped(scope, read);
            let b = Self::read(b.0, b.1, rounds);
            let a = match beside {
                Ok(beside) => beside
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // The system allows no more threads: one after the other.
                Err(_) => read(),
            };
            Ok([a?, b?])
        })
    }

    /// Where the texts of its answers are fetched from.
    pub(super) fn texts(&self) -> Result<Texts, Error> {
        Ok(Texts(record::samples(&self.dir)?))
    }
}

/// The texts of a record's answers.
pub(super) struct Texts(Samples);

impl Texts {
    /// One entry a choice; `None` where it was not kept.
    pub(super) fn of(&mut self, answer: &Answer) -> Result<Option<Vec<String>>, Error> {
        #[derive(Deserialize)]
        struct Row {
            text: Option<Vec<String>>,
        }
        self.0.seek(answer.at)?;
        let row = self.0.next_by(|line| serde_json::from_slice::<Row>(line))?;
        Ok(row.and_then(|(_, row)| row.text))
    }
}

/// Every request that either answered, with the answers of both; a failure is no answer.
pub(super) fn pairs<'a>(
    a: &'a Answers,
    b: &'a Answers,
) -> impl Iterator<Item = [Option<&'a Answer>; 2]> {
    let good = |rows: &'a [Answer]| rows.iter().filter(|answer| answer.ok).peekable();
    let (mut a, mut b) = (good(&a.rows), good(&b.rows));
    iter::from_fn(move || {
        let (x, y) = (
            a.peek().map(|answer| answer.key()),
            b.peek().map(|answer| answer.key()),
        );
        let first = x.into_iter().chain(y).min()?;
        Some([
            a.next_if(|answer| answer.key() == first),
            b.next_if(|answer| answer.key() == first),
        ])
    })
}

#[cfg(test)]
#[path = "tests/answers.rs"]
pub(super) mod tests;
