//! When a comparison is looked at while its rounds come in, and at which level.

use crate::plan::Comparing;
use crate::stats::{self, Look, Spending};

/// How the looks share the error budget. In the simulations (`stats::simulated`), with a spread of 2%
/// per round, Pocock's function decides equal engines after 8 rounds on average, O'Brien and
/// Fleming's after 15. Early decisions save most where engines start anew in every round, because
/// starting is the expensive part of a round.
const SPENDING: Spending = Spending::Pocock;

/// The looks of one judged metric whose share of the error budget is `alpha`.
pub(super) fn looks(comparing: &Comparing, alpha: f64) -> Vec<Look> {
    if comparing.until_decided {
        let rounds = stats::look_rounds(comparing.min, comparing.max);
        return stats::looks(&rounds, alpha, SPENDING);
    }
    let mut rounds = vec![comparing.min, comparing.max];
    rounds.dedup();
    let level = alpha / rounds.len() as f64;
    let spent = (1..).map(|looks| level * f64::from(looks));
    let look = |(rounds, spent)| Look {
        rounds,
        level,
        spent,
    };
    rounds.into_iter().zip(spent).map(look).collect()
}

/// Whether the comparison is looked at after this round.
#[must_use]
pub(crate) fn is_look(comparing: &Comparing, round: u32) -> bool {
    if comparing.until_decided {
        stats::look_rounds(comparing.min, comparing.max).contains(&round)
    } else {
        round == comparing.min
    }
}

#[cfg(test)]
#[path = "tests/looks.rs"]
mod tests;
