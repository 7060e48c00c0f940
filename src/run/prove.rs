//! Whether a topology or an endpoint serves: real completions that carry what the scenario demands.

use super::Failure;
use super::assess::Judged;
use super::drive::cancel;
use super::variant::Turn;
use crate::load::{self, PhaseLoad, Target};
use crate::measure::exchange::{End, Exchange};
use crate::measure::lifecycle::Startup;
use crate::measure::sample::ErrorClass;
use crate::plan::{Label, Purpose, Shape, VariantPlan};
use crate::topology::proof::{Proof, Unproven, Waiting};
use crate::topology::{Alarm, BackOff};
use crate::verify::Rules;
use std::time::{Duration, Instant};

/// Pauses between two tries on an endpoint, which may be someone else's.
const BACK_OFF: BackOff = BackOff {
    shortest: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};
/// Limit on each step of a TLS handshake that finds out why another one failed.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// What is asked to prove that something serves.
pub(super) struct Asking {
    /// Completions asked for so far.
    attempts: u64,
    /// Whether the next one asks for the whole answer.
    whole: bool,
}

impl Asking {
    pub(super) fn of(variant: &VariantPlan) -> Self {
        Self {
            attempts: 0,
            whole: variant.proof_needs_whole_answer() || variant.requests.proof_tokens().is_none(),
        }
    }
}

impl Turn<'_> {
    /// Waits for an endpoint that is not ours to start, until it is proven.
    pub(super) fn prove_external(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
    ) -> Result<Startup, Failure> {
        let url = &self.variant.endpoint.url;
        let ready = self.variant.ready;
        let mut asking = Asking::of(self.variant);
        let proven = Waiting {
            whom: url,
            prove: &mut |limit| self.prove(rules, target, alarm, &mut asking, limit),
            completions: ready.completions,
            began: Instant::now(),
            timeout: ready.timeout.0,
            back_off: BACK_OFF,
            alarm,
            events: self.events,
        }
        .wait();
        proven.map_err(|unproven| match unproven {
            Unproven::Stopped => Failure::Interrupted,
            Unproven::Wrong(reason) => Failure::Unproven(reason),
            Unproven::Refused(said) => Failure::Setup(format!(
                "{url} refuses what this scenario asks: {said}; correct `request`, or `engine.external`"
            )),
            Unproven::Unusable(said) => Failure::Setup(format!(
                "{url} can't be used: {said}; or correct `engine.external.url`"
            )),
            Unproven::TooLate { last, waited } => Failure::Setup(format!(
                "{url} does not serve: {last}; waited {:.1} s (`ready.timeout` is {}): start it first, correct `engine.external.url` or `request`, or raise `ready.timeout`",
                waited.as_secs_f64(),
                ready.timeout
            )),
        })?;
        Ok(Startup::default())
    }

    /// Sends one real completion, the way load is sent, and waits for it at most so long. What a short answer failed is
    /// asked again with a whole one before it counts.
    pub(super) fn prove(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        asking: &mut Asking,
        limit: Duration,
    ) -> Proof {
        let short = !asking.whole;
        let (proof, answered) = self.ask(rules, target, alarm, asking, limit);
        match proof {
            Proof::Refused(_) | Proof::Wrong(_) if short && !alarm.raised() => {
                asking.whole = true;
                self.ask(rules, target, alarm, asking, limit).0
            }
            // It may be the shortness that it does not bear.
            Proof::NotYet(_) if answered && short => {
                asking.whole = true;
                proof
            }
            Proof::NotYet(_) if !short => {
                asking.whole = Asking::of(self.variant).whole;
                proof
            }
            proof => proof,
        }
    }

    /// One completion, and whether it was answered with a status that says that it should be whole.
    fn ask(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        asking: &mut Asking,
        limit: Duration,
    ) -> (Proof, bool) {
        asking.attempts += 1;
        let (attempt, whole) = (asking.attempts, asking.whole);
        let assessor = self.assessor(rules, 0);
        let requests = &self.variant.requests;
        let (mut proof, mut answered) = (Proof::NotYet("no answer".into()), false);
        let shape = Shape::closed(1, 1);
        let (round, path) = (self.round, requests.target());
        let body = |_| requests.proof(&self.variant.endpoint.model, (round, attempt), whole);
        let headers = |_| {
            requests.labelled_headers(&Label {
                purpose: Purpose::Readiness { round },
                index: attempt,
                conversation: attempt,
            })
        };
        let load = PhaseLoad {
            phase: 0,
            shape: &shape,
            path: &path,
            stream: requests.stream,
            body: &body,
            headers: requests.has_labelled_headers().then_some(&headers),
            timeout: requests.timeout.min(limit),
            ready: None,
            seen: &load::Seen::new(),
            patience: load::Patience::default(),
        };
        let driven = load::drive(target, &load, &cancel(alarm), &mut |exchange| {
            let judged = assessor.judge(&exchange, attempt);
            answered = exchange
                .status
                .is_some_and(|status| status == 500 || (200..300).contains(&status));
            proof = self.proven(target, &exchange, &judged);
        });
        match driven {
            Ok(_) => (proof, answered),
            Err(error) => (Proof::NotYet(error.to_string()), false),
        }
    }

    /// What a judged answer proves.
    fn proven(&self, target: &Target, exchange: &Exchange, judged: &Judged) -> Proof {
        let Some(error) = &judged.sample.error else {
            return Proof::Good;
        };
        let detail = judged.sample.detail.as_deref().unwrap_or_default();
        let name = &self.variant.name;
        let good = exchange
            .status
            .is_some_and(|status| (200..300).contains(&status));
        let breach = judged.breaches.first().map(ToString::to_string);
        let whole = match error {
            ErrorClass::MismatchedAnswer => Some(format!("{error}: {detail}")),
            // Without any part it is not an engine's answer yet.
            ErrorClass::IncompleteAnswer if judged.in_part => Some(format!("{error}: {detail}")),
            _ => None,
        };
        let waits = *error == ErrorClass::ServerError || *error == ErrorClass::Timeout;
        let wrong = whole.or(breach.filter(|_| good && !waits));
        if let Some(wrong) = wrong {
            let said = format!("{name} answers, but not as this scenario demands: {wrong}");
            return Proof::Wrong(said);
        }
        let said = match detail {
            "" => error.to_string(),
            detail => format!("{error}: {detail}"),
        };
        failed(target, exchange, said)
    }
}

/// What a failure says of the time to come.
fn failed(target: &Target, exchange: &Exchange, said: String) -> Proof {
    match exchange.status {
        Some(status) if lasts(status) => Proof::Refused(said),
        None if matches!(exchange.end, End::Connect(_)) => match target.tls_refusal(HANDSHAKE) {
            Some(why) => Proof::Unusable(why),
            None => Proof::NotYet(said),
        },
        _ => Proof::NotYet(said),
    }
}

/// Whether waiting changes nothing about a status: the server serves, and refuses such a request. A model that cannot be
/// routed to yet is a 404; what is busy says 408, 425, 429 or 5xx.
fn lasts(status: u16) -> bool {
    match status {
        404 | 408 | 425 | 429 => false,
        status => (300..500).contains(&status) || matches!(status, 501 | 505),
    }
}

#[cfg(test)]
#[path = "tests/prove.rs"]
mod tests;
