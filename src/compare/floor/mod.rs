//! The noise floor: how far equal engines come apart on one machine, found by running a baseline against itself.

mod against_itself;
mod store;

pub(crate) use against_itself::against_itself;
pub(crate) use store::{FILE, admit, keep};

use super::decide::interleaved;
use super::looks::looks;
use crate::record::model::{Comparing, Machine, Run};
use crate::stats::{self, BUDGET, Estimate};
use serde::{Deserialize, Serialize};

/// The floor of one metric of one engine on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Floor {
    /// The processor, its logical cores and the GPUs.
    pub machine: String,
    /// `vllm`, `dynamo`, ...
    pub engine: String,
    /// The served model.
    pub model: String,
    /// `ttft_ms.p50`, ...
    pub metric: String,
    /// Standard deviation of what one round finds, ln(again) - ln(first); of the noisiest phase.
    pub spread: f64,
    /// Rounds that it was found in.
    pub rounds: usize,
    /// The run that found it.
    pub run: String,
}

/// What tells one machine from another.
#[must_use]
pub(crate) fn machine(machine: &Machine) -> String {
    format!(
        "{}, {} cores, {}",
        machine.cpu,
        machine.cores,
        machine.gpus.join(", ")
    )
}

/// The floors that a run of two equal variants found.
#[must_use]
pub(crate) fn floors(run: &Run) -> Vec<Floor> {
    let Some(baseline) = super::baseline(run) else {
        return Vec::new();
    };
    let mut all: Vec<Floor> = Vec::new();
    for row in run.comparisons.iter().filter(|row| row.verdict.is_some()) {
        let Some(estimate) = interleaved(&row.values) else {
            continue;
        };
        let floor = Floor {
            machine: machine(&run.machine),
            engine: baseline.engine.kind.clone(),
            model: baseline.engine.model.clone(),
            metric: row.metric.clone(),
            spread: estimate.error * (estimate.rounds as f64).sqrt(),
            rounds: estimate.rounds,
            run: run.run_id.clone(),
        };
        match all.iter_mut().find(|known| known.metric == floor.metric) {
            Some(known) if known.spread < floor.spread => *known = floor,
            Some(_) => {}
            None => all.push(floor),
        }
    }
    all
}

impl Floor {
    /// Whether both are of the same thing, so that the newer replaces the older.
    #[must_use]
    pub(crate) fn same(&self, other: &Self) -> bool {
        let key = |floor: &Self| {
            [&floor.machine, &floor.engine, &floor.model, &floor.metric].map(String::clone)
        };
        key(self) == key(other)
    }

    /// The smallest difference, 0.05 being 5%, that so many rounds tell from none in 90% of all cases, each bound erring in
    /// `alpha`.
    #[must_use]
    pub(crate) fn finest(&self, rounds: u32, alpha: f64) -> f64 {
        let n = f64::from(rounds);
        let estimate = Estimate {
            effect: 0.0,
            error: self.spread / n.sqrt(),
            // The mean and the order term.
            freedom: n - 2.0,
            rounds: usize::try_from(rounds).unwrap_or(usize::MAX),
        };
        stats::detectable(&estimate, 0.0, alpha).exp_m1()
    }
}

/// The first judged metric whose margin is finer than its floor: the metric, its margin, and the floor after all rounds. `cells`
/// is how many rows are judged.
#[must_use]
pub(crate) fn too_fine<'a>(
    comparing: &'a Comparing,
    cells: usize,
    floors: &'a [Floor],
) -> Option<(&'a str, f64, f64, &'a Floor)> {
    let looks = looks(comparing, BUDGET / cells.max(1) as f64);
    let alpha = looks.last().map_or(BUDGET, |look| look.level);
    let of = |metric: &'a str, margin: f64| {
        let floor = floors.iter().find(|floor| floor.metric == metric)?;
        let finest = floor.finest(comparing.max, alpha);
        (margin < finest).then_some((metric, margin, finest, floor))
    };
    comparing
        .judged
        .iter()
        .find_map(|judged| of(&judged.metric, judged.margin))
}

#[cfg(test)]
#[path = "../tests/floor.rs"]
mod tests;
