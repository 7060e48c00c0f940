//! Whether the client kept up: what it sent late, and what it read late.

use super::{Doubt, Weight};
use crate::metric::{Statistic, Timing};
use crate::plan::Shape;
use crate::scenario::model::Measurement;
use crate::verify::gate::PhaseResult;

/// Client delay at p50, in milliseconds, from which reads carry several events because the client came late.
const LATE_READER: f64 = 1.0;

/// Requests that left late: in an open loop load that did not come when it should, otherwise slots that stood idle.
pub(super) fn lag(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let metrics = &phase.figures.metrics;
    let lag = metrics.times[Timing::ScheduleLag].as_ref()?;
    if let Shape::Open { .. } = phase.plan.shape {
        return open_lag(phase, lag[Statistic::P99], limits);
    }
    let busy = metrics.times[Timing::E2e].as_ref()?[Statistic::Mean];
    let idle = lag[Statistic::Mean] / (lag[Statistic::Mean] + busy);
    let marked = limits.schedule_lag.as_millis_f64();
    let (weight, what, figure) = if idle > limits.idle.0 {
        let what = format!(
            "slots stood idle before bench sent the next request (limit {} of the time)",
            limits.idle
        );
        (Weight::Invalid, what, format!("{:.1}%", idle * 100.0))
    } else if lag[Statistic::P99] > marked {
        (
            Weight::Marked,
            late(marked),
            format!("{:.2} ms", lag[Statistic::P99]),
        )
    } else {
        return None;
    };
    Some(Doubt {
        weight,
        code: "schedule_lag",
        what,
        figure,
        advice: "give bench cores of its own, or lower the concurrency",
    })
}

fn late(limit: f64) -> String {
    format!("requests left late (p99, limit {limit} ms)")
}

fn open_lag(phase: &PhaseResult<'_>, p99: f64, limits: &Measurement) -> Option<Doubt> {
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
    Some(Doubt {
        weight,
        code: "schedule_lag",
        what: late(limit),
        figure: format!("{p99:.2} ms"),
        advice: "the load was not the one that was asked for: give bench cores of its own, or lower the rate",
    })
}

pub(super) fn held_back(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.held_back;
    let Shape::Open { max_in_flight, .. } = phase.plan.shape else {
        return None;
    };
    (n > 0).then(|| Doubt {
        weight: Weight::Marked,
        code: "held_back",
        what: format!("requests were due while {max_in_flight} were in flight, and had to wait"),
        figure: format!("{n} of {}", phase.figures.counts.sent),
        advice: "raise `max_in_flight`, or lower the rate: the server does not keep up with it",
    })
}

/// Slots that stood still because their requests failed: the load was lower than planned.
pub(super) fn backed_off(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.backed_off;
    (n > 0).then(|| Doubt {
        weight: Weight::Marked,
        code: "backed_off",
        what: "slots waited before their next request because the one before had failed".to_owned(),
        figure: format!("{n} times"),
        advice: "the load was lower than planned: see why requests failed",
    })
}

pub(super) fn waits(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.waits;
    (n > 0).then(|| Doubt {
        weight: Weight::Marked,
        code: "assessing",
        what: "the client waited for its own assessing of answers".to_owned(),
        figure: format!("{n} times"),
        advice: "give bench cores of its own, or lower the load",
    })
}

pub(super) fn delay(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let limit = limits.client_delay.as_millis_f64();
    let p99 = phase.figures.metrics.times[Timing::ClientDelay].as_ref()?[Statistic::P99];
    (p99 > limit).then(|| Doubt {
        weight: Weight::Marked,
        code: "client_delay",
        what: format!("bytes waited in the kernel before bench read them (p99, limit {limit} ms)"),
        figure: format!("{p99:.2} ms"),
        advice: "give bench cores of its own",
    })
}

pub(super) fn unstamped(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let share = phase.figures.audit.unstamped_share()?;
    (share > limits.unstamped.0).then(|| Doubt {
        weight: Weight::Note,
        code: "unstamped_reads",
        what: "the kernel gave no receive time for some reads".to_owned(),
        figure: format!("{:.1}%", share * 100.0),
        advice: "the client's own time stands in, later by however long it took to wake",
    })
}

/// Bytes that waited in the kernel were there before the client was; otherwise whatever sent them sent them together.
pub(super) fn coalesced(phase: &PhaseResult<'_>, limits: &Measurement) -> Option<Doubt> {
    let share = phase.figures.audit.coalesced_share()?;
    let delay = phase.figures.metrics.times[Timing::ClientDelay]
        .as_ref()
        .map(|d| d[Statistic::P50]);
    (share > limits.coalesced.0).then(|| Doubt {
        weight: Weight::Note,
        code: "crowded_reads",
        what: "reads carried several events, the gaps between which read as zero".to_owned(),
        figure: format!("{:.1}%", share * 100.0),
        advice: if delay.is_some_and(|ms| ms > LATE_READER) {
            "bench read late: give it cores of its own"
        } else {
            "whatever sent them sent them together, or without TCP_NODELAY (as Dynamo's frontend does)"
        },
    })
}

pub(super) fn clock_steps(phase: &PhaseResult<'_>) -> Option<Doubt> {
    let n = phase.figures.audit.clock_steps;
    (n > 0).then(|| Doubt {
        weight: Weight::Marked,
        code: "clock_steps",
        what: "the machine's clock was set".to_owned(),
        figure: format!("{n} times"),
        advice: "receive times around that are doubtful: run it again",
    })
}
