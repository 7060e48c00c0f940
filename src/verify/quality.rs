//! Whether the figures can be trusted: was the client on time, and did it read what came when it came? Findings that
//! begin with `note:` inform and leave the measurement good.

use super::gate::{Measured, PhaseResult, distribution};
use super::outcome::{Finding, Quality};
use crate::measure::server::Told;
use crate::plan::{Shape, Until};
use crate::scenario::gate::Timing;
use crate::scenario::margin::Margin;
use crate::scenario::model::Measurement;

/// Client delay at p50, in milliseconds, from which reads carry several events because the client came late.
const LATE_READER: f64 = 1.0;

/// How bad one finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Note,
    Marked,
    Invalid,
}

/// Judges the measurement of all variants; of a warm-up only whether it ended as it was to.
#[must_use]
pub fn quality(of: &[Measured<'_>], limits: &Measurement) -> Quality {
    let mut all = Vec::new();
    for variant in of {
        for phase in variant.phases {
            let scope = variant.scope(phase);
            let found = if phase.plan.measured {
                doubts(phase, limits)
            } else {
                vec![awaited(phase)]
            };
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

fn doubts(phase: &PhaseResult<'_>, limits: &Measurement) -> Vec<Doubt> {
    let told = |count: fn(&Told) -> Option<u64>| phase.told.and_then(count);
    vec![
        lag(phase, limits),
        held_back(phase),
        off_plan(phase),
        waits(phase),
        delay(phase, limits),
        awaited(phase),
        thin(phase),
        chunks(phase),
        unstamped(phase, limits),
        crowded(phase, limits),
        reconnects(phase),
        clock_steps(phase),
        earlier(phase, limits),
        tokens(phase, limits, "output", told(|told| told.output_tokens)),
        tokens(phase, limits, "prompt", told(|told| told.prompt_tokens)),
    ]
}

fn lag(phase: &PhaseResult<'_>, limits: &Measurement) -> Doubt {
    let metrics = &phase.figures.metrics;
    let lag = distribution(Timing::ScheduleLag, metrics)?;
    if let Shape::Open { .. } = phase.plan.shape {
        return open_lag(phase, lag.p99, limits);
    }
    let busy = distribution(Timing::E2e, metrics)?.mean;
    let idle = lag.mean / (lag.mean + busy);
    let marked = limits.schedule_lag.as_millis_f64();
    let (weight, says) = if idle > limits.idle.0 {
        let percent = idle * 100.0;
        let says = format!(
            "slots stood idle for {percent:.1}% of the time before bench sent the next request (limit {})",
            limits.idle
        );
        (Weight::Invalid, says)
    } else if lag.p99 > marked {
        let p99 = lag.p99;
        let says = format!("requests left {p99:.2} ms late at p99 (limit {marked} ms)");
        (Weight::Marked, says)
    } else {
        return None;
    };
    let advice = "give bench cores of its own, or lower the concurrency";
    Some((weight, "schedule_lag", format!("{says}; {advice}")))
}

/// In an open loop lateness is load that did not come when it should.
fn open_lag(phase: &PhaseResult<'_>, p99: f64, limits: &Measurement) -> Doubt {
    let marked = limits.schedule_lag.as_millis_f64();
    let invalid = limits.schedule_lag_invalid.as_millis_f64();
    // What a cap held back is late by the scenario's will, and said so there.
    if p99 <= marked || phase.figures.audit.held_back > 0 {
        return None;
    }
    let (weight, limit) = if p99 > invalid {
        (Weight::Invalid, invalid)
    } else {
        (Weight::Marked, marked)
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

fn delay(phase: &PhaseResult<'_>, limits: &Measurement) -> Doubt {
    let limit = limits.client_delay.as_millis_f64();
    let p99 = distribution(Timing::ClientDelay, &phase.figures.metrics)?.p99;
    (p99 > limit).then(|| {
        let says = format!(
            "bytes waited {p99:.2} ms in the kernel at p99 before bench read them (limit {limit} ms); give bench cores of its own"
        );
        (Weight::Marked, "client_delay", says)
    })
}

/// How a phase ended that waits for something.
fn awaited(phase: &PhaseResult<'_>) -> Doubt {
    let (until, awaited) = (phase.plan.until?, phase.figures.audit.awaited?);
    let sent = phase.figures.counts.sent;
    let (percentile, within) = match (until, awaited.after) {
        (Until::Steady, Some(after)) => {
            let says = format!("it ended after {after} answers, which no longer got faster");
            return Some((Weight::Note, "steady", says));
        }
        (Until::Steady, None) => {
            let says = format!(
                "answers still got faster when all {sent} requests were sent; raise `warmup.requests`"
            );
            return Some((Weight::Marked, "steady", says));
        }
        (Until::Known { percentile, within }, _) => (percentile, Margin(within)),
    };
    let known = awaited.interval.map(|interval| {
        let ms = |ns: u64| ns as f64 / 1e6;
        format!(
            "{percentile} is {:.2} ms and known to be between {:.2} and {:.2} ms (95% confidence)",
            ms(interval.value_ns),
            ms(interval.low_ns),
            ms(interval.high_ns)
        )
    });
    let known = known.unwrap_or_else(|| format!("too few answers came to bound {percentile}"));
    let (weight, says) = match awaited.after {
        Some(after) => (
            Weight::Note,
            format!("{known}; it ended after {after} answers"),
        ),
        None => (
            Weight::Marked,
            format!(
                "{known}, not to ±{within}, when all {sent} requests were sent; raise the phase's `requests` or `duration`, or allow more"
            ),
        ),
    };
    Some((weight, "precision", says))
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

fn unstamped(phase: &PhaseResult<'_>, limits: &Measurement) -> Doubt {
    let share = phase.figures.audit.unstamped_share()?;
    (share > limits.unstamped.0).then(|| {
        let percent = share * 100.0;
        let says = format!(
            "the kernel gave no receive time for {percent:.1}% of reads; the client's own time stands in, later by however long it took to wake"
        );
        (Weight::Note, "unstamped_reads", says)
    })
}

/// A server can't have sent a token after the client had it.
fn earlier(phase: &PhaseResult<'_>, limits: &Measurement) -> Doubt {
    let grain = limits.server_ttft.as_millis_f64();
    let client = distribution(Timing::Ttft, &phase.figures.metrics)?;
    let server = phase.server?;
    let names = ["engine_ttft", "frontend_ttft", "nvext_ttft"];
    let (name, time) = names.iter().find_map(|name| {
        let time = server.times.get(*name)?;
        let late = time.count == client.count && time.mean > client.mean + grain;
        late.then_some((name, time))
    })?;
    let says = format!(
        "the server's {name} is {:.2} ms in the mean, but the client had its first token after {:.2} ms; one of the two is wrong",
        time.mean, client.mean
    );
    Some((Weight::Marked, "server_later_than_client", says))
}

/// What the engine counted against what its answers said, where it counted the same requests.
fn tokens(phase: &PhaseResult<'_>, limits: &Measurement, kind: &str, told: Option<u64>) -> Doubt {
    let (server, told) = (phase.server?, told?);
    let counted = *server.counters.get(&format!("{kind}_tokens"))?;
    let counts = &phase.figures.counts;
    let same = server.times.get("engine_e2e")?.count == counts.succeeded && counts.failed == 0;
    let off = (counted - told as f64).abs();
    (same && off > limits.token_counts.0 * told as f64).then(|| {
        let says = format!(
            "the engine counted {counted} {kind} tokens, the usage of its answers says {told}; rates of tokens are doubtful"
        );
        (Weight::Marked, "token_counts_differ", says)
    })
}

/// Bytes that waited in the kernel were there before the client was; otherwise whatever sent them sent them together.
fn crowded(phase: &PhaseResult<'_>, limits: &Measurement) -> Doubt {
    let share = phase.figures.audit.crowded_share()?;
    (share > limits.crowded.0).then(|| {
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
