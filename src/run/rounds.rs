//! Whose turn it is: every variant once a round, the order turned round every other time. Each is started anew, unless the
//! scenario lets them stay up.

use super::prepare::Prepared;
use super::signals::Signals;
use super::variant::{Outcome, Running, Task, Turn, log_dir};
use super::{Failure, judge};
use crate::compare;
use crate::event::{Event, Events};
use crate::metric::{Figure, Scope};
use crate::plan::{self, Comparing, Plan};
use crate::record::Writer;
use crate::record::model::Run;
use crate::scenario::model::Scenario;
use crate::verify::Tally;

/// The turns that one variant has had.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// What came of each.
    pub(super) outcomes: Vec<Outcome>,
    /// When in the run each was, from 1.
    pub(super) turns: Vec<u32>,
    /// What became of its rules so far.
    pub(super) tally: Option<Tally>,
}

/// What every turn of a run needs.
pub(super) struct RoundContext<'a> {
    /// The run's scenario.
    pub(super) scenario: &'a Scenario,
    /// What was found of the machine, and its ports, held.
    pub(super) prepared: Prepared,
    /// The plan over these.
    pub(super) plan: Plan,
    /// The run's id.
    pub(super) run_id: &'a str,
    /// Where rows and logs go.
    pub(super) writer: &'a Writer,
    /// Who is told.
    pub(super) events: &'a Events,
    /// Ctrl-C.
    pub(super) signals: &'a Signals,
    /// Whether what a topology that failed wrote is kept.
    pub(super) keep: bool,
}

/// Plans a scenario over what was found.
///
/// # Errors
/// When it can't be planned.
pub(super) fn plan(scenario: &Scenario, prepared: &Prepared) -> Result<Plan, Failure> {
    plan::build(scenario, &prepared.facts).map_err(|error| Failure::Setup(error.to_string()))
}

impl RoundContext<'_> {
    /// Takes all turns, noting in the record what came of them. A turn that failed is the last.
    ///
    /// # Errors
    /// When the record can't be written.
    pub(super) fn rounds(&mut self, run: &mut Run) -> Result<Vec<Turns>, Failure> {
        let mut all: Vec<Turns> = Vec::new();
        all.resize_with(self.plan.variants.len(), Turns::default);
        let mut up = Vec::new();
        let taken = self.turns(run, &mut all, &mut up);
        // What came up last goes down first.
        while let Some((variant, running)) = up.pop() {
            let turns = &mut all[variant];
            let round = turns.outcomes.len();
            if let Some(last) = turns.outcomes.last_mut() {
                let round = u32::try_from(round).unwrap_or(u32::MAX);
                let closed = self.turn_of(variant, round).close(running, Ok(()), last);
                last.failure = last.failure.take().or(closed.err());
            }
        }
        taken?;
        self.note(run, &all)?;
        Ok(all)
    }

    fn turns(
        &mut self,
        run: &mut Run,
        all: &mut [Turns],
        up: &mut Vec<(usize, Running)>,
    ) -> Result<(), Failure> {
        let comparing = self.plan.comparing.clone();
        let mut taken = 0;
        for round in 1..=comparing.as_ref().map_or(1, |comparing| comparing.max) {
            for variant in order(all.len(), round, comparing.as_ref()) {
                taken += 1;
                let failed = self.turn(variant, round, taken, &mut all[variant], up)?;
                self.note(run, all)?;
                if failed {
                    return Ok(());
                }
            }
            let look = comparing
                .as_ref()
                .is_some_and(|comparing| compare::is_look(comparing, round));
            if look && compare::decided(&compare::side_by_side(run)) {
                break;
            }
        }
        Ok(())
    }

    fn note(&self, run: &mut Run, all: &[Turns]) -> Result<(), Failure> {
        judge::note(run, &self.plan, all);
        let saved = self.writer.save(run);
        saved.map_err(|error| Failure::Setup(error.to_string()))
    }

    /// One turn, and whether it failed.
    fn turn(
        &mut self,
        variant: usize,
        round: u32,
        taken: u32,
        of: &mut Turns,
        up: &mut Vec<(usize, Running)>,
    ) -> Result<bool, Failure> {
        let place = up.iter().position(|(number, _)| *number == variant);
        let mut running = place.map(|place| up.remove(place).1);
        let turn = self.turn_of(variant, round);
        let mut outcome = turn.take(&mut running);
        if outcome.port_taken && !self.signals.interrupted() {
            turn.start_over(&outcome);
            self.renew_ports(up)?;
            outcome = self.turn_of(variant, round).take(&mut running);
            if let Some(startup) = &mut outcome.startup {
                startup.retries = 1;
            }
        }
        if let Some(running) = running {
            up.insert(place.unwrap_or(up.len()), (variant, running));
        }
        if let Some(found) = outcome.tally.take() {
            match &mut of.tally {
                Some(tally) => tally.join(&found),
                none => *none = Some(found),
            }
        }
        // More rounds of a server that serves nothing tell nothing.
        let vain = self.plan.comparing.is_some() && outcome.given_up.is_some();
        let failed = outcome.failure.is_some() || vain;
        of.outcomes.push(outcome);
        of.turns.push(taken);
        Ok(failed)
    }

    /// Plans on other ports; what is up stays where it is.
    fn renew_ports(&mut self, up: &[(usize, Running)]) -> Result<(), Failure> {
        self.prepared.renew_ports(self.events)?;
        let renewed = plan(self.scenario, &self.prepared)?;
        let before = std::mem::replace(&mut self.plan, renewed);
        for (number, variant) in before.variants.into_iter().enumerate() {
            if up.iter().any(|(running, _)| *running == number) {
                self.plan.variants[number] = variant;
            }
        }
        Ok(())
    }

    fn turn_of(&self, variant: usize, round: u32) -> Turn<'_> {
        Turn {
            plan: &self.plan,
            variant: &self.plan.variants[variant],
            round,
            run_id: self.run_id,
            writer: self.writer,
            events: self.events,
            signals: self.signals,
            keep: self.keep,
            task: Task::Drive,
        }
    }
}

impl Turn<'_> {
    /// Says that its variant is started once more because of a port, and keeps the logs of the first start.
    fn start_over(&self, first: &Outcome) {
        let logs = log_dir(self.plan, self.variant, self.round, self.writer);
        let mut kept = logs.clone().into_os_string();
        kept.push("-first-start");
        // Without them the second start is as good.
        let _ = std::fs::rename(logs, kept);
        let reason = first.failure.as_ref().map(ToString::to_string);
        self.events.emit(Event::Warning {
            message: format!(
                "{} is started once more, on other ports: {}",
                self.variant.name,
                reason.unwrap_or_default()
            ),
        });
    }
}

/// The variants in the order of their turns in a round.
fn order(count: usize, round: u32, comparing: Option<&Comparing>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if round.is_multiple_of(2) && comparing.is_some_and(|comparing| comparing.alternate) {
        order.reverse();
    }
    order
}

/// Requests a round that a metric needs to be judged: ten beyond its percentile. Batches are fewer than requests, and gaps
/// more.
fn needed(metric: &str) -> u64 {
    match Figure::of_key(metric) {
        Some(Figure::Timing(statistic, timing)) if timing.row().scope == Scope::Request => {
            statistic.needs()
        }
        Some(Figure::Timing(..) | Figure::Number(_)) | None => 0,
    }
}

/// Refuses to judge what the rounds can't tell.
///
/// # Errors
/// What is too fine, and what to write instead.
pub(super) fn admit(plan: &Plan) -> Result<(), Failure> {
    let phases = || plan.variants.iter().flat_map(|variant| &variant.phases);
    for judged in plan
        .comparing
        .iter()
        .flat_map(|comparing| &comparing.judged)
    {
        let metric = &judged.metric;
        let needed = needed(metric);
        // A phase that ends by time alone may hold any number.
        for phase in phases().filter(|phase| phase.measured) {
            let Some(requests) = phase.requests().filter(|requests| *requests < needed) else {
                continue;
            };
            let name = &phase.name;
            return Err(Failure::Input(format!(
                "compare.equivalence: {metric} needs {needed} requests a round, so that ten lie beyond it, and phase {name} has {requests}; give it more requests, or judge a lower percentile"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests/rounds.rs"]
mod tests;
