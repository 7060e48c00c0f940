//! What a phase gives cause to doubt, beside how the client itself did.

use super::client;
use super::{Doubt, Weight};
use crate::measure::server::Told;
use crate::measure::usage::Miscount;
use crate::metric::{Statistic, Timing};
use crate::plan::Until;
use crate::scenario::margin::Margin;
use crate::scenario::model::Measurement;
use crate::verify::examples::Cause;
use crate::verify::gate::PhaseResult;

/// Every doubt about a measured phase as a whole.
pub(super) fn all(phase: &PhaseResult<'_>, limits: &Measurement) -> Vec<Option<Doubt>> {
    let told = |count: fn(&Told) -> Option<u64>| phase.told.and_then(count);
    let mut all = vec![
        client::lag(phase, limits),
        client::held_back(phase),
        client::backed_off(phase),
        client::waits(phase),
        client::delay(phase, limits),
        awaited(phase),
        thin(phase),
        chunks(phase),
        client::unstamped(phase, limits),
        client::coalesced(phase, limits),
        reconnects(phase),
        client::clock_steps(phase),
        earlier(phase, limits),
        tokens(phase, limits, "output", told(|told| told.output_tokens)),
        tokens(phase, limits, "prompt", told(|told| told.prompt_tokens)),
    ];
    all.extend(unread(phase).map(Some));
    all
}

/// What of the server's own figures is missing, and why; said once for all phases.
fn unread(phase: &PhaseResult<'_>) -> impl Iterator<Item = Doubt> {
    let notes = phase.server.into_iter().flat_map(|server| &server.notes);
    notes.map(|note| Doubt {
        weight: Weight::Note,
        code: "server_metrics",
        what: note.clone(),
        figure: String::new(),
        advice: "",
    })
}

/// Lengths that were planned by the model's tokenizer and counted otherwise by the server: another tokenizer or template.
fn token_mismatch(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.token_mismatches;
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
    let e2e = phase.figures.metrics.times[Timing::E2e].as_ref()?;
    // Beyond what tables show nobody looks.
    let last = Timing::E2e.row().shown.last()?;
    let thin: Vec<Statistic> = e2e.thin().filter(|one| one.at_most(*last)).collect();
    let upward = if thin.len() > 1 { " and beyond" } else { "" };
    Some(Doubt {
        weight: Weight::Note,
        code: "thin_percentiles",
        what: "fewer than ten values lie beyond these percentiles".to_owned(),
        figure: format!("{}{upward} of {} requests", thin.first()?.name(), e2e.count),
        advice: "",
    })
}

/// A server can't have sent a token after the client had it.
fn earlier(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let grain = limits.server_ttft.as_millis_f64();
    let client = phase.figures.metrics.times[Timing::Ttft].as_ref()?;
    let server = phase.server?;
    let names = ["engine_ttft", "frontend_ttft", "nvext_ttft"];
    let (name, time) = names.iter().find_map(|name| {
        let time = server.times.get(*name)?;
        let late = time.count == client.count && time.mean > client[Statistic::Mean] + grain;
        late.then_some((name, time))
    })?;
    Some(Doubt {
        weight: Weight::Marked,
        code: "server_later_than_client",
        what: format!("the server's {name} is later in the mean than the client's first token"),
        figure: format!("{:.2} ms, not {:.2} ms", time.mean, client[Statistic::Mean]),
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

/// Every doubt about a measured phase that single requests gave cause for, with the first of them.
pub(super) fn of_requests(phase: &PhaseResult<'_>) -> Vec<(Doubt, Option<String>)> {
    let with_first = |cause, doubt: Option<Doubt>| {
        let first = phase.examples.first(cause).map(str::to_owned);
        doubt.map(|doubt| (doubt, first))
    };
    let mut all = miscounts(phase);
    let others = [
        with_first(Cause::TokenMismatch, token_mismatch(phase)),
        with_first(Cause::AtOnce, at_once(phase)),
        with_first(Cause::Empty, empty(phase)),
    ];
    all.extend(others.into_iter().flatten());
    all
}

/// Counts of tokens that contradict what came, each kind with its first example.
fn miscounts(phase: &PhaseResult<'_>) -> Vec<(Doubt, Option<String>)> {
    let sent = phase.figures.counts.sent;
    let doubt = |(kind, count, example): (Miscount, u64, &str)| {
        let what = match kind {
            Miscount::FewerThanEvents => {
                "the server counted fewer output tokens than events with text came"
            }
            Miscount::MoreThanAllowed => {
                "the server counted more output tokens than the request allowed"
            }
            Miscount::TokensWithoutText => "the server counted output tokens, and no text came",
            Miscount::TextWithoutTokens => "text came, and the server counted no output token",
            Miscount::Absurd => {
                "the server's token counts are negative, fractions, not numbers, or impossibly large"
            }
        };
        let doubt = Doubt {
            weight: Weight::Marked,
            code: "token_counts",
            what: what.to_owned(),
            figure: format!("for {count} of {sent} requests"),
            advice: "output throughput and time per token are not applicable: correct what counts the tokens",
        };
        (doubt, Some(example.to_owned()))
    };
    phase.examples.miscounts().map(doubt).collect()
}

/// Text that came at once has no time per token: a proxy that buffers, or a server that does not stream.
fn at_once(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.at_once;
    let most = n * 2 > phase.figures.counts.succeeded;
    (n > 0).then(|| Doubt {
        weight: if most { Weight::Marked } else { Weight::Note },
        code: "text_at_once",
        what: "all text of an answer came at once, though it was to stream".to_owned(),
        figure: format!("for {n} of {} requests", phase.figures.counts.sent),
        advice: "such answers have no time per token: look for a proxy that buffers",
    })
}

/// Answers in which nothing was generated. A model may end at once, but of a phase full of such answers there is nothing to
/// measure.
fn empty(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.empty;
    let most = n * 2 > phase.figures.counts.succeeded;
    (n > 0).then(|| Doubt {
        weight: if most { Weight::Invalid } else { Weight::Note },
        code: "empty_answers",
        what: "answers were empty, as their own token counts say: the model ended at once".to_owned(),
        figure: format!("{n} of {}", phase.figures.counts.sent),
        advice: if most {
            "too little was generated to be measured: check the prompts, the chat template and the model"
        } else {
            ""
        },
    })
}
