//! Whether the figures can be trusted: was the client on time, and did it read what came when it came? Findings that
//! begin with `note:` inform and leave the measurement good.

use super::gate::{Measured, PhaseResult, distribution, samples_wanted};
use super::outcome::{Finding, Quality};
use crate::scenario::gate::{Stat, Timing};

/// Schedule lag at p99, in milliseconds, above which a phase is marked.
const LAG_MARKED: f64 = 1.0;
/// Schedule lag at p99, in milliseconds, above which a phase is invalid.
const LAG_INVALID: f64 = 5.0;
/// Client delay at p99, in milliseconds, above which a phase is marked.
const DELAY_MARKED: f64 = 5.0;

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
            let found = [lag(phase), delay(phase), thin(phase), chunks(phase)];
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
    let p99 = distribution(Timing::ScheduleLag, &phase.figures.metrics)?.p99;
    let (weight, limit) = match p99 {
        lag if lag > LAG_INVALID => (Weight::Invalid, LAG_INVALID),
        lag if lag > LAG_MARKED => (Weight::Marked, LAG_MARKED),
        _ => return None,
    };
    let says = format!(
        "requests left {p99:.2} ms late at p99 (limit {limit} ms); give bench cores of its own, or lower the concurrency"
    );
    Some((weight, "schedule_lag", says))
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
    let metrics = &phase.figures.metrics;
    let count = distribution(Timing::E2e, metrics)?.count;
    let names = [
        (Stat::P50, "p50"),
        (Stat::P90, "p90"),
        (Stat::P95, "p95"),
        (Stat::P99, "p99"),
    ];
    let (stat, name) = names
        .into_iter()
        .find(|(stat, _)| count < samples_wanted(*stat))?;
    let upward = if stat == Stat::P99 { "" } else { " and beyond" };
    let wanted = samples_wanted(stat);
    let says = format!("{name}{upward} of {count} requests is thin; {name} wants {wanted}");
    Some((Weight::Note, "thin_percentiles", says))
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
