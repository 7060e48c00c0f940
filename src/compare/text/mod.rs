//! Whether two variants answered the same requests with the same text, as greedy decoding of one model should.

mod cut;

pub(crate) use cut::Tokenizer;

use super::answers::{Answer, Answers, pairs};
use crate::record::Error;
use crate::record::model::{Check, Difference, Parted, SameText};
use cut::part;
use std::fmt::Write as _;

/// Differences that are shown.
const EXAMPLES: usize = 3;
/// First 64 bits of the SHA-256 of no text.
const NO_TEXT: u64 = 0xe3b0_c442_98fc_1c14;
/// Differences that are looked into.
const LOOKED_AT: usize = 200;

/// Compares the texts of two variants' successful requests. The tokenizer is asked for only where texts differ.
///
/// # Errors
/// When a text can't be read.
pub(crate) fn same_text(
    a: &Answers,
    b: &Answers,
    tokenizer: impl FnOnce() -> Option<Tokenizer>,
) -> Result<SameText, Error> {
    let mut found = SameText {
        baseline: a.variant.clone(),
        variant: b.variant.clone(),
        unit: "word".to_owned(),
        ..SameText::default()
    };
    let mut different = Vec::new();
    for pair in pairs(a, b) {
        let [Some(x), Some(y)] = pair else {
            found.unanswered += 1;
            continue;
        };
        if x.text == NO_TEXT && y.text == NO_TEXT {
            found.without_text += 1;
            continue;
        }
        found.requests += 1;
        if x.text == y.text {
            found.identical += 1;
        } else if different.len() < LOOKED_AT {
            different.push([x, y]);
        }
    }
    if !different.is_empty() {
        let tokenizer = tokenizer();
        if tokenizer.is_some() {
            "token".clone_into(&mut found.unit);
        }
        look_into(&mut found, a, b, &different, tokenizer.as_ref())?;
    }
    Ok(found)
}

/// Where texts part, as far as they were kept.
fn look_into(
    found: &mut SameText,
    a: &Answers,
    b: &Answers,
    different: &[[&Answer; 2]],
    tokenizer: Option<&Tokenizer>,
) -> Result<(), Error> {
    let (mut of_a, mut of_b) = (a.texts()?, b.texts()?);
    let mut agreed = Vec::new();
    for [x, y] in different {
        let (Some(left), Some(right)) = (of_a.of(x)?, of_b.of(y)?) else {
            continue;
        };
        let of = |texts: &[String], choice: usize| texts.get(choice).cloned().unwrap_or_default();
        let choices = 0..left.len().max(right.len());
        let differs = |choice: &usize| left.get(*choice) != right.get(*choice);
        let Some(choice) = choices.into_iter().find(differs) else {
            continue;
        };
        let (agree, left, right) = part(&of(&left, choice), &of(&right, choice), tokenizer);
        agreed.push(agree);
        if found.examples.len() < EXAMPLES {
            let phase = b.phases.get(y.phase as usize);
            found.examples.push(Difference {
                round: y.round,
                phase: phase.cloned().unwrap_or_default(),
                index: y.index,
                choice,
                agree,
                left,
                right,
            });
        }
    }
    found.parted = parted(agreed);
    Ok(())
}

fn parted(mut agreed: Vec<u64>) -> Option<Parted> {
    agreed.sort_unstable();
    Some(Parted {
        looked_at: agreed.len() as u64,
        at_once: agreed.iter().filter(|n| **n == 0).count() as u64,
        min: *agreed.first()?,
        median: agreed[(agreed.len() - 1) / 2],
        max: *agreed.last()?,
    })
}

impl SameText {
    /// As a check on the variant; it holds when at least this share of all requests has the same text from both. Requests
    /// that failed with both are not its business, but nothing compared is nothing proven.
    #[must_use]
    pub fn check(&self, share: f64) -> Check {
        let Self {
            requests,
            identical,
            unanswered,
            without_text,
            ..
        } = *self;
        let mut detail = match (requests, identical) {
            (0, _) if without_text > 0 => "no request was answered with text".to_owned(),
            (0, _) => "no request was answered by both".to_owned(),
            (n, same) if n == same => format!("all {n} requests were answered with the same text"),
            (n, same) => format!("{same} of {n} requests were answered with the same text"),
        };
        if share < 1.0 {
            let _ = write!(detail, "; {:.1}% must be", share * 100.0);
        }
        if unanswered > 0 {
            let _ = write!(detail, "; {unanswered} failed with one of the two");
        }
        if without_text > 0 {
            let _ = write!(
                detail,
                "; {without_text} that neither answered with text are left out"
            );
        }
        detail += &self.spread();
        Check {
            name: format!("same text as {}", self.baseline),
            scope: self.variant.clone(),
            passed: requests > 0 && identical as f64 >= share * (requests + unanswered) as f64,
            detail,
        }
    }

    /// After how many units the others part, and the first of them.
    fn spread(&self) -> String {
        let others = self.requests - self.identical;
        let Some(parted) = self.parted else {
            let hashes = "; of the others only hashes were kept";
            return if others > 0 { hashes } else { "" }.to_owned();
        };
        let mut out = String::from("\n");
        if parted.looked_at < others {
            let _ = write!(out, "the first {} of the {others} others", parted.looked_at);
        } else if others == 1 {
            out += "the other";
        } else {
            let _ = write!(out, "the {others} others");
        }
        let verb = if parted.looked_at == 1 {
            "begins"
        } else {
            "begin"
        };
        let _ = write!(out, " {verb} with ");
        if parted.min < parted.max {
            let _ = write!(out, "{} to ", parted.min);
        }
        out += &counted(parted.max, &self.unit);
        out += " in common";
        if parted.min < parted.max {
            let _ = write!(out, " (median {})", parted.median);
        }
        for example in self.examples.iter().take(1) {
            let _ = write!(
                out,
                "; {} goes on with {} and {}",
                example.place(),
                example.left.bracketed(),
                example.right.bracketed()
            );
        }
        out
    }
}

impl Difference {
    /// Which request it is: `closed 7`, with the round and the choice where these are not the first.
    #[must_use]
    pub fn place(&self) -> String {
        let mut out = format!("{} {}", self.phase, self.index);
        if self.round > 1 {
            let _ = write!(out, ", round {}", self.round);
        }
        if self.choice > 0 {
            let _ = write!(out, ", choice {}", self.choice + 1);
        }
        out
    }
}

/// `no word`, `1 token`, `12 tokens`
#[must_use]
pub(crate) fn counted(n: u64, unit: &str) -> String {
    match n {
        0 => format!("no {unit}"),
        1 => format!("1 {unit}"),
        n => format!("{n} {unit}s"),
    }
}

#[cfg(test)]
mod tests;
