//! Checks of gates: their variants exist, their metrics are measured, and they can both hold and fail.

use super::{Checker, Path, at};
use crate::metric::{self, Figure, Need, Row, Scope, Unit};
use crate::scenario::effective::{Effective, effective};
use crate::scenario::gate::{Bounds, FixedOutcome, Gate, Limit, bounds, outcome_within_variant};
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::model::Phase;
use crate::scenario::units::Time;
use std::time::Duration;

/// The client may notice a passed time limit this much later.
const SLACK: Time = Time::from_secs(1);

impl Checker<'_> {
    pub(super) fn gate(&mut self, path: &Path, gate: &Gate, variants: &[&Effective<'_>]) {
        self.gated_variants(path, gate, variants);
        self.fixed_outcome(path, gate, variants);
        let row = gate.figure.row();
        for need in row.needs {
            match need {
                Need::Objectives => self.objectives(path, variants),
                Need::Batches => self.batches(path, row),
                Need::Stream => self.streams(path, &gate.text),
                // Known only from the answers.
                Need::Pace | Need::Tokens => {}
            }
        }
        if row.scope == Scope::Topology {
            let external = |v: &&Effective<'_>| !v.engine.facts().started;
            if !variants.is_empty() && variants.iter().all(external) {
                self.wrong(
                    path,
                    "`bench` does not start or stop an external engine",
                    "leave this gate out",
                );
            }
        }
    }

    fn objectives(&mut self, path: &Path, variants: &[&Effective<'_>]) {
        let without = variants.iter().find(|v| {
            v.verify.slo.is_none()
                && self.intact(&at("variants").key(v.name).key("verify").key("slo"))
        });
        if without.is_some() && self.intact(&at("verify.slo")) {
            let help =
                "add `slo: {ttft: 500ms}` to `verify`: goodput counts the requests that meet it";
            self.wrong(
                path,
                "`goodput` needs objectives, but there is no `slo`",
                help,
            );
        }
    }

    fn batches(&mut self, path: &Path, row: &Row) {
        let phases = &self.scenario.load.phases;
        if !phases.iter().any(|phase| matches!(phase, Phase::Batch(_)))
            && self.intact(&at("load.phases"))
        {
            self.wrong(
                path,
                format!(
                    "`{}` measures batches, but no phase sends batches",
                    row.name
                ),
                "use `e2e`, or add a `batch` phase",
            );
        }
    }

    /// Reports a gate that names an unknown variant, or that names another variant in the `verify` of a variant.
    fn gated_variants(&mut self, path: &Path, gate: &Gate, own: &[&Effective<'_>]) {
        let scenario = self.scenario;
        if !self.intact(&at("variants")) {
            return;
        }
        let names = || scenario.variants.keys().map(String::as_str);
        for name in gate.variants() {
            if !scenario.variants.contains_key(name) {
                let help = match nearest(name, names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if scenario.variants.is_empty() => {
                        "this scenario has no variants: leave the name out".to_owned()
                    }
                    None => format!("the variants are {}", list(names())),
                };
                self.mistake(path, &word(gate, name, "is not a variant").help(help));
                return;
            }
        }
        if let Some(name) = &gate.variant
            && !own.iter().any(|variant| variant.name == name)
        {
            let help = "move it to the scenario's own `verify`";
            self.mistake(
                path,
                &word(
                    gate,
                    name,
                    "is not the variant that this `verify` belongs to",
                )
                .help(help),
            );
        }
    }

    /// Reports a gate whose outcome is known before anything is measured.
    fn fixed_outcome(&mut self, path: &Path, gate: &Gate, variants: &[&Effective<'_>]) {
        let text = quote(&gate.text);
        let (outcome, why) = match &gate.limit {
            Limit::Number(limit) => {
                let why = match gate.fixed_outcome() {
                    Some(_) => range(gate.figure).to_owned(),
                    None => String::new(),
                };
                let bounded = || {
                    let (high, why) = self.longest(gate.figure)?;
                    let bounds = Bounds {
                        high: high.as_millis_f64(),
                        ..bounds(gate.figure)
                    };
                    Some((bounds.outcome(gate.op, *limit)?, why))
                };
                match gate.fixed_outcome() {
                    Some(outcome) => (outcome, why),
                    None => match bounded() {
                        Some(found) => found,
                        None => return,
                    },
                }
            }
            Limit::Times(factor, other, figure) => {
                let own = match &gate.variant {
                    Some(variant) => variant == other,
                    None => variants.iter().all(|variant| variant.name == other),
                };
                let among = own || variants.iter().any(|variant| variant.name == other);
                let itself = own && gate.figure == *figure;
                match outcome_within_variant(gate.figure, gate.op, *factor, *figure) {
                    Some(outcome) if own => {
                        (outcome, format!("it compares {} with itself", quote(other)))
                    }
                    _ if itself => {
                        let message = format!("{text} compares {} with itself", quote(other));
                        return self.wrong(path, message, "name another variant on one side");
                    }
                    // A gate without a variant applies to all of them, including the one on the right side.
                    Some(FixedOutcome::Never) if gate.variant.is_none() && among => {
                        let message =
                            format!("{text} can never hold: it also applies to {}", quote(other));
                        let help = "write a variant in front of it, such as `dynamo.p50 ttft < 0.9 * native.p50 ttft`";
                        return self.wrong(path, message, help);
                    }
                    _ => return,
                }
            }
        };
        let (message, help) = match outcome {
            FixedOutcome::Always => (
                format!("{text} cannot fail: {why}"),
                format!(
                    "write a limit that a bad result exceeds, such as `{}`",
                    example(gate)
                ),
            ),
            FixedOutcome::Never => (
                format!("{text} can never hold: {why}"),
                format!(
                    "write a limit that a good result meets, such as `{}`",
                    example(gate)
                ),
            ),
        };
        self.wrong(path, message, &help);
    }

    /// The longest possible value of a time before the run gives up, and the reason.
    fn longest(&self, figure: Figure) -> Option<(Time, String)> {
        let scenario = self.scenario;
        let request = scenario.request.timeout;
        let whole = |keys: &[&str]| keys.iter().all(|key| self.intact(&at(key)));
        match figure.row().within? {
            metric::Limit::Request if whole(&["request.timeout"]) => Some((
                plus(request, SLACK),
                format!(
                    "a request that takes longer than {} fails",
                    self.named("request.timeout", request)
                ),
            )),
            metric::Limit::Ready if whole(&["request.timeout", "ready.timeout"]) => {
                let all = effective(scenario);
                let limits = all
                    .iter()
                    .map(|variant| scenario.ready.limit(variant.engine));
                let ready = limits.max_by_key(|limit| limit.0)?;
                Some((
                    plus(plus(ready, request), SLACK),
                    format!(
                        "a start-up that takes longer than {} fails",
                        self.named("ready.timeout", ready)
                    ),
                ))
            }
            metric::Limit::Request | metric::Limit::Ready => None,
        }
    }

    /// A limit by its key, with its value unless it is a secret.
    fn named(&self, key: &str, time: Time) -> String {
        match self.is_secret(&at(key)) {
            true => format!("`{key}`"),
            false => format!("`{key}` ({time})"),
        }
    }

    /// Reports an objective that no successful request can miss.
    pub(super) fn objective_can_be_missed(&mut self, path: &Path, time: Time) {
        let timeout = self.scenario.request.timeout;
        if self.intact(&at("request.timeout")) && time > plus(timeout, SLACK) {
            let limit = self.named("request.timeout", timeout);
            let message =
                format!("no request can miss {time}: one that takes longer than {limit} fails");
            self.wrong(path, message, "write a time below `request.timeout`");
        }
    }
}

fn plus(a: Time, b: Time) -> Time {
    Time(a.0.checked_add(b.0).unwrap_or(Duration::MAX))
}

/// The reason why a comparison of a figure with a number can have a fixed outcome.
fn range(figure: Figure) -> &'static str {
    let row = figure.row();
    match row.unit {
        Unit::Ms if row.above_zero => "the time of a request is more than 0",
        Unit::Ms => "a time is never below 0",
        Unit::Share(_) => "a share is from 0 to 100%",
        Unit::TokensPerS | Unit::RequestsPerS => "a rate is never below 0",
        Unit::Count => "it is never below 0",
    }
}

/// The same figure with a limit that can be met and exceeded.
fn example(gate: &Gate) -> String {
    let Some(start) = gate.text.find(['<', '>', '=']) else {
        return String::new();
    };
    let metric = gate.text[..start].trim();
    let row = gate.figure.row();
    let more = gate.figure.more_is_better();
    let op = if more { ">=" } else { "<=" };
    if matches!(gate.limit, Limit::Times(..)) {
        let name = metric.rsplit('.').next().unwrap_or(metric);
        return format!("a.{name} {op} 1.1 * b.{name}");
    }
    let limit = match (row.unit, row.scope) {
        (Unit::Ms, Scope::Topology) => "60s",
        (Unit::Ms, Scope::Server) => "50ms",
        (Unit::Ms, _) => "800ms",
        (Unit::Share(_), Scope::Server) => "90%",
        (Unit::Share(_), _) if more => "95%",
        (Unit::Share(_), _) => "1%",
        (Unit::TokensPerS, _) => "400/s",
        (Unit::RequestsPerS, _) => "2/s",
        (Unit::Count, _) => "10",
    };
    format!("{metric} {op} {limit}")
}

/// A mistake that points at a name in a gate.
fn word(gate: &Gate, name: &str, what: &str) -> Mistake {
    let mistake = Mistake::new(format!("{} {what}", quote(name)));
    match gate.text.find(&format!("{name}.")) {
        Some(start) => mistake.at(start..start + name.len()),
        None => mistake,
    }
}
