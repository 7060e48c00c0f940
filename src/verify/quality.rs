//! Whether the figures can be trusted: was the client on time, and did it read what came when it came? Findings that
//! begin with `note:` inform and leave the measurement good.

use super::gate::{Measured, PhaseResult, distribution};
use super::outcome::{Finding, Quality};
use crate::plan::Shape;
use crate::scenario::gate::Timing;

/// Schedule lag at p99, in milliseconds, above which a phase is marked.
const LAG_MARKED: f64 = 1.0;
/// Schedule lag of an open loop at p99, in milliseconds, above which a phase is invalid.
const LAG_INVALID: f64 = 5.0;
/// Share of its time a slot may stand idle, between an answer and the next request, before a phase is invalid: the
/// concurrency that was asked for is then not the one that was driven (docs/decisions/0006).
const IDLE_INVALID: f64 = 0.05;
/// Client delay at p99, in milliseconds, above which a phase is marked.
const DELAY_MARKED: f64 = 5.0;
/// Client delay at p50, in milliseconds, from which reads carry several events because the client came late.
const LATE_READER: f64 = 1.0;

/// Share of reads above which a loss of detail is noted.
const SHARE_NOTED: f64 = 0.01;

/// Milliseconds by which a server's mean TTFT may exceed the client's: both clocks have their grain.
const EARLIER: f64 = 1.0;
/// Share by which a server's count of tokens may be off what its answers said.
const TOKENS_OFF: f64 = 0.01;

/// How bad one finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Note,
    Marked,
    Invalid,
}

/// Judges the measurement of all variants; measured phases only.
#[must_use]
pub fn quality(of: &[Measured<'_>]) -> Quality {
    let mut all = Vec::new();
    for variant in of {
        for phase in variant.measured() {
            let scope = variant.scope(phase);
            let found = [
                lag(phase),
                held_back(phase),
                off_plan(phase),
                waits(phase),
                delay(phase),
                thin(phase),
                chunks(phase),
                unstamped(phase),
                crowded(phase),
                reconnects(phase),
                clock_steps(phase),
                earlier(phase),
                tokens(phase, "output", phase.told.and_then(|t| t.output_tokens)),
                tokens(phase, "prompt", phase.told.and_then(|t| t.prompt_tokens)),
            ];
            for (weight, code, says) in found.into_iter().flatten() {
                let note = if weight == Weight::Note { "note: " } else { "" };
                let detail = format!("{note}{scope}: {says}");
                all.push((
                    weight,
                    Finding {
                        code: code.to_owned(),
                        detail,
                    },
                ));
            }
        }
    }
    // Worst first; in the order found otherwise.
    all.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let verdict = match all.first() {
        Some((Weight::Invalid, _)) => "invalid",
        Some((Weight::Marked, _)) => "marked",
        _ => "good",
    };
    Quality {
        verdict: verdict.to_owned(),
        findings: all.into_iter().map(|(_, finding)| finding).collect(),
    }
}

type Doubt = Option<(Weight, &'static str, String)>;

fn lag(phase: &PhaseResult<'_>) -> Doubt {
    let metrics = &phase.figures.metrics;
    let lag = distribution(Timing::ScheduleLag, metrics)?;
    if let Shape::Open { .. } = phase.plan.shape {
        return open_lag(phase, lag.p99);
    }
    let busy = distribution(Timing::E2e, metrics)?.mean;
    let idle = lag.mean / (lag.mean + busy);
    let (weight, says) = if idle > IDLE_INVALID {
        let percent = idle * 100.0;
        let says = format!(
            "slots stood idle for {percent:.1}% of the time before bench sent the next request (limit 5%)"
        );
        (Weight::Invalid, says)
    } else if lag.p99 > LAG_MARKED {
        let p99 = lag.p99;
        let says = format!("requests left {p99:.2} ms late at p99 (limit {LAG_MARKED} ms)");
        (Weight::Marked, says)
    } else {
        return None;
    };
    let advice = "give bench cores of its own, or lower the concurrency";
    Some((weight, "schedule_lag", format!("{says}; {advice}")))
}

/// In an open loop lateness is load that did not come when it should.
fn open_lag(phase: &PhaseResult<'_>, p99: f64) -> Doubt {
    // What a cap held back is late by the scenario's will, and said so there.
    if p99 <= LAG_MARKED || phase.figures.audit.held_back > 0 {
        return None;
    }
    let (weight, limit) = if p99 > LAG_INVALID {
        (Weight::Invalid, LAG_INVALID)
    } else {
        (Weight::Marked, LAG_MARKED)
    };
    let says = format!(
        "requests left {p99:.2} ms late at p99 (limit {limit} ms), so the load was not the one that was asked for; give bench cores of its own, or lower the rate"
    );
    Some((weight, "schedule_lag", says))
}

/// Lengths that were planned by the model's tokenizer and counted otherwise by the server: another tokenizer or template.
fn off_plan(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.figures.audit.off_plan;
    (n > 0).then(|| {
        let sent = phase.figures.counts.sent;
        let says = format!(
            "the server counted other tokens than were planned for {n} of {sent} requests; is `model.tokenizer` that of the served model, and does the server keep to `ignore_eos`?"
        );
        (Weight::Marked, "off_plan", says)
    })
}

fn held_back(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.figures.audit.held_back;
    let Shape::Open { max_in_flight, .. } = phase.plan.shape else {
        return None;
    };
    (n > 0).then(|| {
        let sent = phase.figures.counts.sent;
        let says = format!(
            "{n} of {sent} requests were due while {max_in_flight} were in flight and had to wait; raise `max_in_flight`, or lower the rate: the server does not keep up with it"
        );
        (Weight::Marked, "held_back", says)
    })
}

fn waits(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.figures.audit.waits;
    (n > 0).then(|| {
        let says = format!(
            "the client waited {n} times for its own assessing of answers; give bench cores of its own, or lower the load"
        );
        (Weight::Marked, "assessing", says)
    })
}

fn delay(phase: &PhaseResult<'_>) -> Doubt {
    let p99 = distribution(Timing::ClientDelay, &phase.figures.metrics)?.p99;
    (p99 > DELAY_MARKED).then(|| {
        let says = format!(
            "bytes waited {p99:.2} ms in the kernel at p99 before bench read them (limit {DELAY_MARKED} ms); give bench cores of its own"
        );
        (Weight::Marked, "client_delay", says)
    })
}

/// The smallest percentile of end to end that lacks samples, and every larger one with it.
fn thin(phase: &PhaseResult<'_>) -> Doubt {
    let e2e = distribution(Timing::E2e, &phase.figures.metrics)?;
    let thin = e2e.thin();
    let upward = if thin.len() > 1 { " and beyond" } else { "" };
    let says = format!(
        "{}{upward} of {} requests: fewer than ten values lie beyond",
        thin.first()?,
        e2e.count
    );
    Some((Weight::Note, "thin_percentiles", says))
}

fn unstamped(phase: &PhaseResult<'_>) -> Doubt {
    let share = phase.figures.audit.unstamped_share()?;
    (share > SHARE_NOTED).then(|| {
        let percent = share * 100.0;
        let says = format!(
            "the kernel gave no receive time for {percent:.1}% of reads; the client's own time stands in, later by however long it took to wake"
        );
        (Weight::Note, "unstamped_reads", says)
    })
}

/// A server can't have sent a token after the client had it.
fn earlier(phase: &PhaseResult<'_>) -> Doubt {
    let client = distribution(Timing::Ttft, &phase.figures.metrics)?;
    let server = phase.server?;
    let names = ["engine_ttft", "frontend_ttft", "nvext_ttft"];
    let (name, time) = names.iter().find_map(|name| {
        let time = server.times.get(*name)?;
        let late = time.count == client.count && time.mean > client.mean + EARLIER;
        late.then_some((name, time))
    })?;
    let says = format!(
        "the server's {name} is {:.2} ms in the mean, but the client had its first token after {:.2} ms; one of the two is wrong",
        time.mean, client.mean
    );
    Some((Weight::Marked, "server_later_than_client", says))
}

/// What the engine counted against what its answers said, where it counted the same requests.
fn tokens(phase: &PhaseResult<'_>, kind: &str, told: Option<u64>) -> Doubt {
    let (server, told) = (phase.server?, told?);
    let counted = *server.counters.get(&format!("{kind}_tokens"))?;
    let counts = &phase.figures.counts;
    let same = server.times.get("engine_e2e")?.count == counts.succeeded && counts.failed == 0;
    let off = (counted - told as f64).abs();
    (same && off > TOKENS_OFF * told as f64).then(|| {
        let says = format!(
            "the engine counted {counted} {kind} tokens, the usage of its answers says {told}; rates of tokens are doubtful"
        );
        (Weight::Marked, "token_counts_differ", says)
    })
}

/// Bytes that waited in the kernel were there before the client was; otherwise whatever sent them sent them together.
fn crowded(phase: &PhaseResult<'_>) -> Doubt {
    let share = phase.figures.audit.crowded_share()?;
    (share > SHARE_NOTED).then(|| {
        let percent = share * 100.0;
        let delay = distribution(Timing::ClientDelay, &phase.figures.metrics).map(|d| d.p50);
        let cause = if delay.is_some_and(|ms| ms > LATE_READER) {
            "bench read late: give it cores of its own"
        } else {
            "they arrived together: the server, or a proxy, sends several at once, or sends without TCP_NODELAY, so that the kernel holds small events back until the client's delayed acknowledgement (Dynamo's frontend does, up to 40 ms)"
        };
        let says = format!(
            "{percent:.1}% of reads carried several events; the gaps between those read as zero, and others as longer; {cause}"
        );
        (Weight::Note, "crowded_reads", says)
    })
}

fn reconnects(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.figures.audit.reconnects;
    (n > 0).then(|| {
        let says = format!("{n} requests were sent again, because the server had closed the connection they were to reuse");
        (Weight::Note, "reconnects", says)
    })
}

fn clock_steps(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.figures.audit.clock_steps;
    (n > 0).then(|| {
        let says = format!("the machine's clock was set {n} times; receive times around that are doubtful, run it again");
        (Weight::Marked, "clock_steps", says)
    })
}

fn chunks(phase: &PhaseResult<'_>) -> Doubt {
    let n = phase.counted_by_chunks;
    (n > 0).then(|| {
        let sent = phase.figures.counts.sent;
        let says = format!(
            "the server gave no usage for {n} of {sent} requests; their tokens are counted by chunks, which is low where a chunk carries several"
        );
        (Weight::Note, "tokens_from_chunks", says)
    })
}
