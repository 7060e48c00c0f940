//! Whether a topology serves: real completions that carry what the scenario demands.

use super::Failure;
use super::drive::cancel;
use super::variant::Turn;
use crate::load::{self, PhaseLoad, Target};
use crate::measure::answer::assemble;
use crate::measure::lifecycle::Startup;
use crate::plan::{Purpose, Shape};
use crate::topology::Alarm;
use crate::topology::ready::Proof;
use crate::verify::Rules;
use std::sync::atomic::AtomicBool;

/// What a server that serves says to a request that it never will take; a model that is not routable yet is a 404.
const REFUSED: [u16; 4] = [400, 401, 403, 422];

impl Turn<'_> {
    /// Proves an endpoint that is not ours to start.
    pub(super) fn prove_external(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
    ) -> Result<Startup, Failure> {
        for attempt in 1..=self.variant.ready.completions {
            match self.prove(rules, target, alarm, attempt.into()) {
                Proof::Good => {}
                _ if alarm.raised() => return Err(Failure::Interrupted),
                Proof::Refused(said) => {
                    return Err(Failure::Setup(format!(
                        "{} refuses what this scenario asks: {said}; correct `request`, or `engine.external`",
                        self.variant.endpoint.url
                    )));
                }
                Proof::NotYet(reason) => {
                    return Err(Failure::Setup(format!(
                        "{} does not serve: {reason}; start it first, or correct `engine.external.url`",
                        self.variant.endpoint.url
                    )));
                }
                Proof::Wrong(reason) => return Err(Failure::Unproven(reason)),
            }
        }
        Ok(Startup::default())
    }

    /// Sends one real completion, the way load is sent.
    pub(super) fn prove(
        &self,
        rules: &Rules,
        target: &Target,
        alarm: &Alarm,
        attempt: u64,
    ) -> Proof {
        let assessor = self.assessor(rules, 0);
        let mut proof = Proof::NotYet("no answer".into());
        let shape = Shape::closed(1, 1);
        let body = |_| self.body(Purpose::Readiness, attempt);
        let load = PhaseLoad {
            phase: 0,
            shape: &shape,
            path: self.variant.requests.path(),
            stream: self.variant.requests.stream,
            body: &body,
            timeout: self.variant.requests.timeout,
            ready: None,
            enough: &AtomicBool::new(false),
        };
        let driven = load::drive(target, &load, &cancel(alarm), &mut |exchange| {
            let (sample, _, breaches) = assessor.judge(&exchange);
            proof = match (&sample.error, breaches.first()) {
                (None, _) => self.of_model(&assemble(&exchange).body),
                (Some(_), Some(breach)) if exchange.status.is_some_and(|status| status < 300) => {
                    Proof::Wrong(format!(
                        "{} answers, but not as this scenario demands: {breach}",
                        self.variant.name
                    ))
                }
                (Some(error), _) => {
                    let said = match &sample.detail {
                        Some(detail) => format!("{error}: {detail}"),
                        None => error.to_string(),
                    };
                    match exchange.status {
                        Some(status) if REFUSED.contains(&status) => Proof::Refused(said),
                        _ => Proof::NotYet(said),
                    }
                }
            };
        });
        match driven {
            Ok(_) => proof,
            Err(error) => Proof::NotYet(error.to_string()),
        }
    }

    /// Whether an answer is one, and of the model asked for. Hosted models answer with a dated name, and a hub's id may lose
    /// its owner, so that one name within the other is the same.
    fn of_model(&self, body: &serde_json::Value) -> Proof {
        // Of completions and chats, of embeddings, of responses.
        let filled = |part: &str| body[part].as_array().is_some_and(|part| !part.is_empty());
        if !["choices", "data", "output"].into_iter().any(filled) {
            return Proof::NotYet("the answer is empty: no choices, no data, no output".into());
        }
        let wanted = self.variant.endpoint.model.as_str();
        match body["model"].as_str() {
            Some(found) if !found.contains(wanted) && !wanted.contains(found) => {
                Proof::Wrong(format!(
                    "{} answers as model `{found}`, not `{wanted}`; correct `model`, or what serves it",
                    self.variant.name
                ))
            }
            _ => Proof::Good,
        }
    }
}
