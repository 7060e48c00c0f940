//! Rules on gates: what they name is there, what they compare is measured, and they can both hold and fail.

use super::{Checker, Path, at};
use crate::metric::{self, Figure, Need, Row, Scope, Unit};
use crate::scenario::effective::{Effective, effective};
use crate::scenario::gate::{Bounds, Certain, Gate, Limit, beside, bounds};
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::model::Phase;
use crate::scenario::units::Time;
use std::time::Duration;

/// How much later than it is due the client may notice that a time limit has passed.
const SLACK: Time = Time::from_secs(1);

impl Checker<'_> {
    pub(super) fn gate(&mut self, path: &Path, gate: &Gate, variants: &[&Effective<'_>]) {
        self.gated_variants(path, gate, variants);
        self.certain_gate(path, gate, variants);
        let row = gate.figure.row();
        for need in row.needs {
            match need {
                Need::Objectives => self.objectives(path, variants),
                Need::Batches => self.batches(path, row),
                Need::Stream => self.streams(path, &gate.text),
                // Answers tell.
                Need::Pace | Need::Tokens => {}
            }
        }
        if row.scope == Scope::Topology {
            let external = |v: &&Effective<'_>| !v.engine.facts().started;
            if !variants.is_empty() && variants.iter().all(external) {
                self.wrong(
                    path,
                    "an external engine is neither started nor stopped",
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
                "add `slo: {ttft: 500ms}` to `verify`: goodput counts the requests that keep it";
            self.wrong(
                path,
                "`goodput` needs objectives, and no `slo` gives them",
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
                format!("`{}` times batches, and no phase has any", row.name),
                "gate `e2e`, or add a `batch` phase",
            );
        }
    }

    /// Notes a gate that names what is no variant, or in one variant's own `verify` another.
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

    /// Notes a gate whose outcome is known before anything is measured.
    fn certain_gate(&mut self, path: &Path, gate: &Gate, variants: &[&Effective<'_>]) {
        let text = quote(&gate.text);
        let (certain, why) = match &gate.limit {
            Limit::Number(limit) => {
                let why = match gate.certain() {
                    Some(_) => range(gate.figure).to_owned(),
                    None => String::new(),
                };
                let bounded = || {
                    let (high, why) = self.longest(gate.figure)?;
                    let bounds = Bounds {
                        high: high.as_millis_f64(),
                        ..bounds(gate.figure)
                    };
                    Some((bounds.compared(gate.op, *limit)?, why))
                };
                match gate.certain() {
                    Some(certain) => (certain, why),
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
                match beside(gate.figure, gate.op, *factor, *figure) {
                    Some(certain) if own => {
                        (certain, format!("it compares {} with itself", quote(other)))
                    }
                    _ if itself => {
                        let message = format!("{text} compares {} with itself", quote(other));
                        return self.wrong(path, message, "name another variant on one side");
                    }
                    // A gate without a variant is asked of all of them, of the one it is compared with too.
                    Some(Certain::Never) if gate.variant.is_none() && among => {
                        let message =
                            format!("{text} can never hold: it is asked of {} too", quote(other));
                        let help = "write a variant in front of it, such as `dynamo.p50 ttft < 0.9 * native.p50 ttft`";
                        return self.wrong(path, message, help);
                    }
                    _ => return,
                }
            }
        };
        let (message, help) = match certain {
            Certain::Always => (
                format!("{text} cannot fail: {why}"),
                format!(
                    "write a limit that a bad result breaks, such as `{}`",
                    example(gate)
                ),
            ),
            Certain::Never => (
                format!("{text} can never hold: {why}"),
                format!(
                    "write a limit that a good result keeps, such as `{}`",
                    example(gate)
                ),
            ),
        };
        self.wrong(path, message, &help);
    }

    /// How long a time can be at most before the run gives up on it, and why.
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

    /// A limit by its key, with its value where that may be shown.
    fn named(&self, key: &str, time: Time) -> String {
        match self.is_secret(&at(key)) {
            true => format!("`{key}`"),
            false => format!("`{key}` ({time})"),
        }
    }

    /// Notes an objective that no successful request can miss.
    pub(super) fn missable(&mut self, path: &Path, time: Time) {
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

/// Why a comparison of a figure with a number may be certain.
fn range(figure: Figure) -> &'static str {
    let row = figure.row();
    match row.unit {
        Unit::Ms if row.above_zero => "a time of requests is more than 0",
        Unit::Ms => "a time is never below 0",
        Unit::Share(_) => "a share is from 0 to 100%",
        Unit::TokensPerS | Unit::RequestsPerS => "a rate is never below 0",
        Unit::Count => "it is never below 0",
    }
}

/// The same figure with a limit that can be kept and broken.
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

/// A mistake at the word of a gate that is this name.
fn word(gate: &Gate, name: &str, what: &str) -> Mistake {
    let mistake = Mistake::new(format!("{} {what}", quote(name)));
    match gate.text.find(&format!("{name}.")) {
        Some(start) => mistake.at(start..start + name.len()),
        None => mistake,
    }
}
