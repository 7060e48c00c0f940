//! What a phase gives cause to doubt, beside how the client itself did.

use super::client;
use super::{Doubt, Weight};
use crate::measure::server::Told;
use crate::plan::Until;
use crate::scenario::gate::Timing;
use crate::scenario::margin::Margin;
use crate::scenario::model::Measurement;
use crate::verify::gate::{PhaseResult, distribution};

/// Every doubt about a measured phase.
pub(super) fn all(phase: &PhaseResult<'_>, limits: &Measurement) -> Vec<Option<Doubt>> {
    let told = |count: fn(&Told) -> Option<u64>| phase.told.and_then(count);
    vec![
        client::lag(phase, limits),
        client::held_back(phase),
        off_plan(phase),
        client::waits(phase),
        client::delay(phase, limits),
        awaited(phase),
        thin(phase),
        chunks(phase),
        client::unstamped(phase, limits),
        client::crowded(phase, limits),
        reconnects(phase),
        client::clock_steps(phase),
        earlier(phase, limits),
        tokens(phase, limits, "output", told(|told| told.output_tokens)),
        tokens(phase, limits, "prompt", told(|told| told.prompt_tokens)),
    ]
}

/// Lengths that were planned by the model's tokenizer and counted otherwise by the server: another tokenizer or template.
fn off_plan(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.off_plan;
    (n > 0).then(|| Doubt {
        weight: Weight::Marked,
        code: "off_plan",
        what: "the server counted other tokens than were planned".to_owned(),
        figure: format!("for {n} of {} requests", phase.figures.counts.sent),
        advice: "is `model.tokenizer` that of the served model, and does the server keep to `ignore_eos`?",
    })
}

/// How a phase ended that waits for something.
pub(super) fn awaited(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let (until, awaited) = (phase.plan.until?, phase.figures.audit.awaited?);
    let sent = phase.figures.counts.sent;
    let (percentile, within) = match (until, awaited.after) {
        (Until::Steady, Some(after)) => {
            return Some(Doubt {
                weight: Weight::Note,
                code: "steady",
                what: "it ended once answers no longer got faster".to_owned(),
                figure: format!("after {after}"),
                advice: "",
            });
        }
        (Until::Steady, None) => {
            return Some(Doubt {
                weight: Weight::Marked,
                code: "steady",
                what: "answers still got faster when all requests were sent".to_owned(),
                figure: format!("{sent} requests"),
                advice: "raise `warmup.requests`",
            });
        }
        (Until::Known { percentile, within }, _) => (percentile, Margin(within)),
    };
    let known = awaited.interval.map(|interval| {
        let ms = |ns: u64| ns as f64 / 1e6;
        format!(
            "{:.2} ms, between {:.2} and {:.2} ms",
            ms(interval.value_ns),
            ms(interval.low_ns),
            ms(interval.high_ns)
        )
    });
    let known = known.unwrap_or_else(|| "with too few answers to bound it".to_owned());
    let (weight, what, figure, advice) = match awaited.after {
        Some(after) => (
            Weight::Note,
            format!("it ended once {percentile} was known to ±{within} (95% confidence)"),
            format!("{known}, after {after} answers"),
            "",
        ),
        None => (
            Weight::Marked,
            format!("{percentile} is not known to ±{within} (95% confidence)"),
            format!("{known}, when all {sent} requests were sent"),
            "raise the phase's `requests` or `duration`, or allow more",
        ),
    };
    Some(Doubt {
        weight,
        code: "precision",
        what,
        figure,
        advice,
    })
}

/// The smallest percentile of end to end that lacks samples, and every larger one with it.
fn thin(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let e2e = distribution(Timing::E2e, &phase.figures.metrics)?;
    let thin = e2e.thin();
    let upward = if thin.len() > 1 { " and beyond" } else { "" };
    Some(Doubt {
        weight: Weight::Note,
        code: "thin_percentiles",
        what: "fewer than ten values lie beyond these percentiles".to_owned(),
        figure: format!("{}{upward} of {} requests", thin.first()?, e2e.count),
        advice: "",
    })
}

/// A server can't have sent a token after the client had it.
fn earlier(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let grain = limits.server_ttft.as_millis_f64();
    let client = distribution(Timing::Ttft, &phase.figures.metrics)?;
    let server = phase.server?;
    let names = ["engine_ttft", "frontend_ttft", "nvext_ttft"];
    let (name, time) = names.iter().find_map(|name| {
        let time = server.times.get(*name)?;
        let late = time.count == client.count && time.mean > client.mean + grain;
        late.then_some((name, time))
    })?;
    Some(Doubt {
        weight: Weight::Marked,
        code: "server_later_than_client",
        what: format!("the server's {name} is later in the mean than the client's first token"),
        figure: format!("{:.2} ms, not {:.2} ms", time.mean, client.mean),
        advice: "one of the two is wrong",
    })
}

/// What the engine counted against what its answers said, where it counted the same requests.
fn tokens(
    phase: &PhaseResult<'_>,
    limits: &Measurement,
    kind: &str,
    told: Option<u64>,
) -> Option<Doubt> {
    let (server, told) = (phase.server?, told?);
    let counted = *server.counters.get(&format!("{kind}_tokens"))?;
    let counts = &phase.figures.counts;
    let same = server.times.get("engine_e2e")?.count == counts.succeeded && counts.failed == 0;
    let off = (counted - told as f64).abs();
    (same && off > limits.token_counts.0 * told as f64).then(|| Doubt {
        weight: Weight::Marked,
        code: "token_counts_differ",
        what: format!("the engine counted other {kind} tokens than the usage of its answers says"),
        figure: format!("{counted}, not {told}"),
        advice: "rates of tokens are doubtful",
    })
}

fn reconnects(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.reconnects;
    (n > 0).then(|| Doubt {
        weight: Weight::Note,
        code: "reconnects",
        what: "requests were sent again, because the server had closed the connection they were to reuse".to_owned(),
        figure: n.to_string(),
        advice: "",
    })
}

fn chunks(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.counted_by_chunks;
    (n > 0).then(|| Doubt {
        weight: Weight::Note,
        code: "tokens_from_chunks",
        what: "the server gave no usage".to_owned(),
        figure: format!("for {n} of {} requests", phase.figures.counts.sent),
        advice: "their tokens are counted by chunks, which is low where a chunk carries several",
    })
}
