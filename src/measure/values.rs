//! What a row of `samples.jsonl` tells of each metric that has one value a request.

use super::sample::Sample;
use crate::metric::{Scope, Timing};

/// The value of one request, in nanoseconds; `None` where the metric does not apply to it. Latencies are of requests that
/// succeeded.
#[must_use]
pub(crate) fn value(timing: Timing, sample: &Sample) -> Option<u64> {
    if timing.row().scope == Scope::Request && !sample.ok() {
        return None;
    }
    let since = |start: Option<u64>, end: Option<u64>| Some(end?.saturating_sub(start?));
    match timing {
        Timing::Ttft => sample.ttft(),
        Timing::TtftFromDue => since(Some(sample.due_ns), sample.first_text_ns),
        Timing::FirstChunk => since(sample.sent_ns, sample.first_chunk_ns),
        Timing::Tpot => sample.tpot().map(nearest),
        Timing::Ntpot => sample.ntpot().map(nearest),
        Timing::LongestGap => sample.longest_gap(),
        Timing::E2e => sample.e2e(),
        Timing::E2eFromDue => since(Some(sample.due_ns), Some(sample.end_ns)),
        Timing::ScheduleLag => sample.lag(),
        Timing::Connect => sample.connect_ns,
        // Many values a request, or one of several requests: `Summary` adds them.
        Timing::ChunkGap | Timing::Batch | Timing::ClientDelay => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quotient of times is positive and far below 2^64"
)]
fn nearest(ns: f64) -> u64 {
    ns.round() as u64
}
