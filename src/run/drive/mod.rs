//! The load of a variant's turn: its phases one after the other, those that hand over together, searches step by step.

mod load;

use super::Failure;
use super::assess::{Assessed, Assessor};
use super::explain::explained;
use super::variant::{Outcome, Serving, Turn};
use crate::event::Event;
use crate::load::{Cancel, Client};
use crate::measure::clock;
use crate::measure::curve::CurvePoint;
use crate::measure::summary::Objectives;
use crate::observe::Pages;
use crate::plan::PhasePlan;
use crate::plan::search::{Bisection, Search};
use crate::scenario::model::OnEngineDeath;
use crate::topology::{self, Alarm};
use crate::verify::{Rules, Tally, keeps};
use load::Group;
use std::ops::Range;
use std::time::Duration;

/// How long a death may take to be reported.
const SETTLE: Duration = Duration::from_millis(250);

/// What driving one phase after the other needs.
struct Under<'a> {
    client: Client<'a>,
    assessor: &'a Assessor<'a>,
    alarm: &'a Alarm,
    tally: Tally,
    /// The topology's metrics pages: one that hangs is known from phase to phase.
    pages: Pages,
}

impl Turn<'_> {
    pub(super) fn drive(
        &self,
        serving: &Serving<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Serving {
            rules,
            target,
            alarm,
            topology,
        } = *serving;
        let assessor = self.assessor(rules, clock::now());
        let goes_on = self.plan.on_engine_death == OnEngineDeath::Continue;
        if let Some(topology) = topology
            && goes_on
        {
            topology.tolerate();
        }
        let client = Client::new(target).map_err(|error| Failure::Setup(error.to_string()))?;
        let mut under = Under {
            client,
            assessor: &assessor,
            alarm,
            tally: Tally::new(rules),
            pages: self.pages(),
        };
        let result = self.groups(serving, &mut under, outcome);
        outcome.tally = Some(under.tally);
        if goes_on && result.is_ok() {
            let death = topology.and_then(|topology| topology.death("under load"));
            outcome.death = death.map(|death| explained(death).to_string());
        }
        result
    }

    /// Drives one group of phases after the other, up to the first that ends the load.
    fn groups(
        &self,
        serving: &Serving<'_>,
        under: &mut Under<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let Serving {
            alarm, topology, ..
        } = *serving;
        for phases in together(&self.variant.phases) {
            let first = phases.start;
            let assessed = self.phases(phases, under)?;
            outcome.given_up = self.given_up(first, &assessed);
            outcome.phases.extend(assessed);
            // A request that failed may be the first sign of a death that is reported in a moment.
            let last = outcome.phases.last();
            let failed = last.is_some_and(|phase| phase.figures.counts.failed > 0);
            if failed && topology.is_some() {
                topology::pause(alarm, SETTLE);
            }
            if alarm.raised() {
                let death = topology.and_then(|topology| topology.death("under load"));
                return Err(self.interrupted_or(death.unwrap_or(topology::Error::Interrupted)));
            }
            if outcome.given_up.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Tells whether one of these phases was given up, and which.
    fn given_up(&self, first: usize, assessed: &[Assessed]) -> Option<(String, String)> {
        let all = self.variant.phases[first..].iter().zip(assessed);
        let mut given_up = all
            .filter_map(|(phase, assessed)| Some((phase.name.clone(), assessed.given_up.clone()?)));
        let (phase, mut reason) = given_up.next()?;
        let left = self.variant.phases[first..].iter().skip(assessed.len());
        let left: Vec<&str> = left.map(|phase| phase.name.as_str()).collect();
        if !left.is_empty() {
            reason += &format!("; not driven: {}", left.join(", "));
        }
        self.events.emit(Event::GivenUp {
            phase: phase.clone(),
            reason: reason.clone(),
        });
        Some((phase, reason))
    }

    /// Drives phases that hand over to each other without a pause, and notes what came of them.
    fn phases(&self, range: Range<usize>, under: &mut Under<'_>) -> Result<Vec<Assessed>, Failure> {
        let phases = &self.variant.phases[range.clone()];
        match phases {
            [phase] if let Some(search) = &phase.search => {
                Ok(vec![self.search(range.start, phase, search, under)?])
            }
            _ => self.load(
                &Group {
                    first: range.start,
                    phases,
                    begin: 0,
                },
                under,
            ),
        }
    }

    /// Tries loads until the highest that keeps the goal is known.
    fn search(
        &self,
        number: usize,
        phase: &PhasePlan,
        search: &Search,
        under: &mut Under<'_>,
    ) -> Result<Assessed, Failure> {
        let mut bisection = Bisection::new(search);
        let (mut sent, mut curve, mut given_up) = (0, Vec::new(), None);
        let mut kept: Vec<(f64, Assessed)> = Vec::new();
        while let Some(value) = bisection.next() {
            let step = PhasePlan {
                name: format!("{} at {}", phase.name, search.shown(value)),
                shape: search.shape(value),
                search: None,
                ..phase.clone()
            };
            let group = Group {
                first: number,
                phases: &[step],
                begin: sent,
            };
            let assessed = self.load(&group, under)?.remove(0);
            sent += assessed.figures.counts.sent;
            let held = keeps(&search.goal, &assessed.figures, assessed.server.as_ref());
            bisection.note(value, held);
            curve.push(CurvePoint::new(value, held, &assessed.figures));
            given_up.clone_from(&assessed.given_up);
            kept.push((value, assessed));
            if under.alarm.raised() || given_up.is_some() {
                break;
            }
        }
        let found = bisection.found();
        let last_of_it = kept.iter().rposition(|(value, _)| Some(*value) == found);
        let (_, of_it) = kept.swap_remove(last_of_it.unwrap_or(0));
        Ok(Assessed {
            curve,
            found,
            given_up,
            ..of_it
        })
    }

    /// The metrics pages of this variant's topology.
    fn pages(&self) -> Pages {
        let pages = self.variant.metrics.iter();
        Pages::new(
            pages
                .map(|page| (page.process.clone(), page.url.clone()))
                .collect(),
        )
    }

    pub(super) fn assessor<'a>(&'a self, rules: &'a Rules, zero: u64) -> Assessor<'a> {
        let slo = self.variant.slo.clone().unwrap_or_default();
        let nanos = |time: Option<crate::scenario::units::Time>| {
            time.map(|time| u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX))
        };
        Assessor {
            variant: &self.variant.name,
            requests: &self.variant.requests,
            model: &self.variant.endpoint.model,
            round: self.round,
            rules,
            objectives: Objectives {
                ttft: nanos(slo.ttft),
                tpot: nanos(slo.tpot),
                e2e: nanos(slo.e2e),
            },
            keep_text: self.plan.same_text,
            zero,
            writer: self.writer,
            events: self.events,
        }
    }
}

/// Which phases are driven together: warm-up hands over to the first measured phase with requests in flight, so that this
/// begins without a burst; measured phases never share the engine.
fn together(phases: &[PhasePlan]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (number, phase) in phases.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if !phases[group.end - 1].measured && phase.search.is_none() => {
                group.end = number + 1;
            }
            _ => groups.push(number..number + 1),
        }
        debug_assert!(phase.measured || number == 0, "warm-up comes first");
    }
    groups
}

pub(super) fn cancel(alarm: &Alarm) -> Cancel {
    Cancel::from(alarm.flag())
}
