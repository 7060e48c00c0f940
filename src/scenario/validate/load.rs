//! Rules on load: phases, their names and sizes.

use super::{Checker, at, limits};
use crate::diagnostic::Diagnostic;
use crate::scenario::mistake::quote;
use crate::scenario::model::Phase;

impl Checker<'_> {
    pub(super) fn load(&mut self) {
        let load = &self.scenario.load;
        if let Some(warmup) = &load.warmup {
            self.count(
                &at("load.warmup.requests"),
                warmup.requests,
                limits::REQUESTS,
            );
            self.count(
                &at("load.warmup.concurrency"),
                warmup.concurrency.into(),
                limits::CONCURRENCY.into(),
            );
        }
        let phases = at("load.phases");
        if load.phases.is_empty() {
            self.wrong(
                &phases,
                "the list of phases is empty",
                "write at least one: `- batch: {size: 5, batches: 20}`",
            );
        }
        for (i, phase) in load.phases.iter().enumerate() {
            let path = phases.item(i).key(phase.kind());
            match phase {
                Phase::Batch(batch) => {
                    self.count(
                        &path.key("size"),
                        batch.size.into(),
                        limits::CONCURRENCY.into(),
                    );
                    self.count(
                        &path.key("batches"),
                        batch.batches.into(),
                        limits::BATCHES.into(),
                    );
                }
                Phase::Closed(closed) => {
                    self.count(
                        &path.key("concurrency"),
                        closed.concurrency.into(),
                        limits::CONCURRENCY.into(),
                    );
                    self.count(&path.key("requests"), closed.requests, limits::REQUESTS);
                    if u64::from(closed.concurrency) > closed.requests {
                        let message = format!(
                            "{} requests can never keep {} in flight",
                            closed.requests, closed.concurrency
                        );
                        self.wrong(
                            &path.key("requests"),
                            message,
                            "raise `requests` or lower `concurrency`",
                        );
                    }
                }
            }
            self.no_secret(
                &path.key("name"),
                "the name of a phase",
                "it is shown in every report: write it out",
            );
            self.name(&path.key("name"), "phase", phase.name(), false);
            if phase.name() == "warmup" {
                self.wrong(
                    &path.key("name"),
                    "`warmup` names the requests before the first phase",
                    "choose another name",
                );
            }
            self.same_name(i);
        }
    }

    /// Notes a phase with the name of an earlier one.
    fn same_name(&mut self, index: usize) {
        let phases = &self.scenario.load.phases;
        let place = |i: usize| {
            let path = at("load.phases").item(i).key(phases[i].kind());
            let named = self.find(&path.key("name"));
            let secret = named.node.is_some_and(|node| node.secret.is_some());
            (!named.hole && !secret).then_some(named.place)
        };
        let name = phases[index].name();
        let Some(earlier) = phases[..index]
            .iter()
            .position(|phase| phase.name() == name)
        else {
            return;
        };
        if let (Some(here), Some(there)) = (place(index), place(earlier)) {
            self.mistakes.push(
                Diagnostic::new(
                    "duplicate-name",
                    format!("two phases are called {}", quote(name)),
                )
                .label(here, "the second")
                .label(there, "the first")
                .help(format!(
                    "give them names of their own, such as `name: {name}-2`"
                )),
            );
        }
    }
}
