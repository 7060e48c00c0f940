//! Checks of the load: phases, their names and sizes.

use super::{Checker, Path, at, limits};
use crate::diagnostic::Diagnostic;
use crate::metric::{Need, Scope};
use crate::scenario::effective::effective;
use crate::scenario::gate::Gate;
use crate::scenario::mistake::quote;
use crate::scenario::model::{Arrival, Closed, Gamma, Open, Phase, Prompts, Search, Steps, Until};
use crate::scenario::rate::Bounds;
use crate::scenario::units::Time;

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
            self.phase(&path, phase);
            self.no_secret(
                &path.key("name"),
                "the name of a phase",
                "it is shown in every report: write it out",
            );
            self.name(&path.key("name"), "phase", phase.name(), false);
            if phase.name() == "warmup" {
                self.wrong(
                    &path.key("name"),
                    "`warmup` is the name of the requests before the first phase",
                    "choose another name",
                );
            }
            self.same_name(i);
        }
    }

    fn phase(&mut self, path: &Path, phase: &Phase) {
        match phase {
            Phase::Batch(batch) => {
                self.in_flight(&path.key("size"), batch.size);
                self.count(
                    &path.key("batches"),
                    batch.batches.into(),
                    limits::BATCHES.into(),
                );
            }
            Phase::Closed(closed) => self.closed(path, closed),
            Phase::Open(open) => self.open(path, open),
            Phase::Ramp(ramp) => {
                self.time(&path.key("duration"), Some(ramp.duration));
                self.arrivals(path, ramp.arrival, ramp.max_in_flight);
            }
            Phase::Steps(steps) => self.steps(path, steps),
            Phase::Search(search) => self.search(path, search),
        }
    }

    fn closed(&mut self, path: &Path, closed: &Closed) {
        self.in_flight(&path.key("concurrency"), closed.concurrency);
        self.ends(path, closed.requests, closed.duration);
        self.until(path, closed.until);
        if let Some(requests) = closed.requests
            && u64::from(closed.concurrency) > requests
        {
            let message = format!(
                "{requests} requests can never keep {} in flight",
                closed.concurrency
            );
            self.wrong(
                &path.key("requests"),
                message,
                "raise `requests` or lower `concurrency`",
            );
        }
        if let Some((ramp, duration)) = closed.ramp.zip(closed.duration)
            && ramp >= duration
        {
            self.wrong(
                &path.key("ramp"),
                "the phase ends before its ramp",
                "make `ramp` shorter than `duration`",
            );
        }
    }

    fn open(&mut self, path: &Path, open: &Open) {
        if open.arrival == Arrival::Trace {
            return self.replay(path, open);
        }
        self.arrivals(path, open.arrival, open.max_in_flight);
        self.ends(path, open.requests, open.duration);
        self.until(path, open.until);
        match (open.rate, open.duration) {
            (Some(rate), Some(duration)) => self.expected(&path.key("rate"), rate.0, duration),
            (Some(_), None) => {}
            (None, _) if self.find(&path.key("rate")).node.is_none() => {
                self.wrong(
                    path,
                    "the rate of requests is missing",
                    "give a `rate`, such as `8/s`",
                );
            }
            (None, _) => {}
        }
    }

    /// Checks the replay of a trace, which has its own end and rate.
    fn replay(&mut self, path: &Path, open: &Open) {
        self.until(path, open.until);
        if let Some(requests) = open.requests {
            self.count(&path.key("requests"), requests, limits::REQUESTS);
        }
        self.time(&path.key("duration"), open.duration);
        self.in_flight(&path.key("max_in_flight"), open.max_in_flight);
        if self.scenario.request.prompts_per_request > 1 {
            let message = "a trace has one prompt per request";
            self.wrong(&at("request.prompts_per_request"), message, "leave it out");
        }
        if open.rate.is_some() {
            let message = "a trace has its own times of requests";
            self.wrong(&path.key("rate"), message, "leave `rate` out");
        }
        if !matches!(
            self.scenario.prompts,
            Prompts::Trace(_) | Prompts::File(_) | Prompts::Csv(_)
        ) {
            let message = "these prompts have no times at which they are due";
            self.wrong(
                &path.key("arrival"),
                message,
                "use `prompts: {trace: FILE}`, or a `file` or `csv` with `at` in every row",
            );
        }
    }

    fn steps(&mut self, path: &Path, steps: &Steps) {
        self.time(&path.key("each"), Some(steps.each));
        self.arrivals(path, steps.arrival, steps.max_in_flight);
        if steps.rates.is_empty() == steps.concurrency.is_empty() {
            self.wrong(
                path,
                "steps need either `rates` or `concurrency`",
                "write `rates: [1/s, 2/s, 4/s]`, or `concurrency: [1, 2, 4]`",
            );
        }
        for (i, rate) in steps.rates.iter().enumerate() {
            let path = path.key("rates").item(i);
            self.expected(&path, rate.0, steps.each);
            if steps.rates[..i].contains(rate) {
                self.wrong(&path, "this rate is already a step", "leave it out");
            }
        }
        for (i, concurrency) in steps.concurrency.iter().enumerate() {
            let path = path.key("concurrency").item(i);
            self.in_flight(&path, *concurrency);
            if steps.concurrency[..i].contains(concurrency) {
                self.wrong(&path, "this concurrency is already a step", "leave it out");
            }
        }
    }

    fn search(&mut self, path: &Path, search: &Search) {
        self.time(&path.key("each"), Some(search.each));
        self.arrivals(path, search.arrival, search.max_in_flight);
        match search.between {
            Bounds::Rate(_, high) => self.expected(&path.key("between"), high.0, search.each),
            Bounds::Concurrency(_, high) => self.in_flight(&path.key("between"), high),
        }
        if search.goal.is_empty() {
            self.wrong(
                &path.key("goal"),
                "the search has no goal",
                "write a gate that must hold: `goal: [p99 ttft < 500ms]`",
            );
        }
        for (i, goal) in search.goal.iter().enumerate() {
            self.goal(&path.key("goal").item(i), goal);
        }
    }

    /// Checks the goal of a search. It applies to one load on one running engine.
    fn goal(&mut self, path: &Path, goal: &Gate) {
        if goal.variants().next().is_some() {
            let help = "leave its name out: each variant has its own search";
            self.wrong(path, "a goal cannot name a variant", help);
            return;
        }
        let row = goal.figure.row();
        if row.scope == Scope::Topology {
            let message = format!("{} is the same at every load", quote(&goal.text));
            self.wrong(path, message, "move it to `verify: {gates: [...]}`");
        } else if row.needs(Need::Batches) {
            let message = "a search sends no batches";
            self.wrong(path, message, "write `e2e` instead of `batch`");
        } else {
            let all = effective(self.scenario);
            self.gate(path, goal, &all.iter().collect::<Vec<_>>());
        }
    }

    fn arrivals(&mut self, path: &Path, arrival: Arrival, max_in_flight: u32) {
        self.in_flight(&path.key("max_in_flight"), max_in_flight);
        if arrival == Arrival::Trace {
            let path = path.key("arrival");
            self.wrong(
                &path,
                "only `open` replays a trace",
                "write `- open: {arrival: trace}`",
            );
        }
        if let Arrival::Gamma(Gamma { cv }) = arrival
            && !(0.01..=100.0).contains(&cv)
        {
            self.wrong(
                &path.key("arrival").key("gamma").key("cv"),
                format!("the coefficient of variation {cv} is out of range"),
                "write one from 0.01 to 100; `constant` is 0 and `poisson` is 1",
            );
        }
    }

    /// Reports a phase without an end, and invalid ends.
    fn ends(&mut self, path: &Path, requests: Option<u64>, duration: Option<Time>) {
        if let Some(requests) = requests {
            self.count(&path.key("requests"), requests, limits::REQUESTS);
        }
        self.time(&path.key("duration"), duration);
        if requests.is_none() && duration.is_none() {
            self.wrong(
                path,
                "the phase has no end",
                "write `requests: 1000` or `duration: 60s`",
            );
        }
    }

    fn until(&mut self, path: &Path, until: Option<Until>) {
        let Some(Until { known, .. }) = until else {
            return;
        };
        if known.timing.row().needs(Need::Stream) {
            self.streams(&path.key("until").key("known"), &known.to_string());
        }
    }

    fn time(&mut self, path: &Path, time: Option<Time>) {
        let Some(time) = time else { return };
        self.positive(path, time);
        if time > limits::PHASE {
            let help = format!("at most {}", limits::PHASE);
            self.wrong(path, format!("{time} is too long for a phase"), &help);
        }
    }

    /// Reports a rate that sends more requests in `duration` than a phase may have.
    fn expected(&mut self, path: &Path, rate: f64, duration: Time) {
        let expected = rate * duration.0.as_secs_f64();
        if expected > limits::REQUESTS as f64 {
            self.wrong(
                path,
                format!("about {expected:.0} requests would be sent in {duration}"),
                &format!(
                    "at most {} per phase: lower the rate or shorten the phase",
                    limits::REQUESTS
                ),
            );
        }
    }

    fn in_flight(&mut self, path: &Path, at_once: u32) {
        self.count(path, at_once.into(), limits::CONCURRENCY.into());
    }

    /// Reports a phase with the name of an earlier phase.
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
                    format!("two phases have the name {}", quote(name)),
                )
                .label(here, "the second")
                .label(there, "the first")
                .help(format!(
                    "give one of them another name, such as `name: {name}-2`"
                )),
            );
        }
    }
}
