//! Turns samples into the figures of a phase, defined in docs/metrics.md. Pure.

use super::distribution::Distributions;
use super::enough::{Awaited, Interval};
use super::failures::{Failure, Failures};
use super::sample::Sample;
use super::server::ServerWindow;
use super::sources::Sources;
use super::spread::{Spread, ms};
use super::values::value;
use crate::metric::{PerTiming, Percentile, Timing};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The metrics of a phase. `None` means "not applicable", never zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Metrics with many values, by their keys.
    #[serde(flatten)]
    pub times: Distributions,
    /// Output tokens of successes / window.
    pub output_tokens_per_s: Option<f64>,
    /// Successful requests / window.
    pub requests_per_s: Option<f64>,
    /// Share of all requests that succeed and meet every SLO, and their rate.
    pub goodput: Option<Goodput>,
}

/// Requests that succeed and meet every objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// Share of all requests, failures counted as bad; 0 to 1.
    pub share: f64,
    /// Good requests a second over the window.
    pub requests_per_s: f64,
}

/// Numbers of requests by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests attempted, including those that never got a connection.
    pub sent: u64,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// Objectives in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Time to first token.
    pub ttft: Option<u64>,
    /// Time per output token.
    pub tpot: Option<u64>,
    /// End to end.
    pub e2e: Option<u64>,
}

/// The client's record of its own work in a phase. The quality verdict uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAudit {
    /// Reads that carried bytes of a body.
    pub reads: u64,
    /// Of these, reads without a usable kernel timestamp.
    pub unstamped_reads: u64,
    /// Reads that delivered the end of more than one event with text. The gaps between those events
    /// are unknown.
    #[serde(rename = "crowded_reads")]
    pub coalesced_reads: u64,
    /// Events, without comments.
    pub events: u64,
    /// Requests sent twice because the server had closed the reused connection.
    pub reconnects: u64,
    /// Requests that were due while the limit on requests in flight was reached.
    #[serde(default)]
    pub held_back: u64,
    /// How often a slot or a batch was delayed because its last request or batch had failed.
    #[serde(default, skip_serializing_if = "is_none")]
    pub backed_off: u64,
    /// Answers with another number of tokens than planned, according to the server.
    #[serde(default, rename = "off_plan")]
    pub token_mismatches: u64,
    /// Successes whose token counts contradict the answer. If there is one, output throughput is
    /// absent.
    #[serde(default)]
    pub miscounted: u64,
    /// Successes whose text of several tokens arrived at once, so that they have no time per token.
    #[serde(default)]
    pub at_once: u64,
    /// Successes of completions, chats and responses without generated output: the model ended at
    /// once.
    #[serde(default)]
    pub empty: u64,
    /// How often the driver had to wait for the assessor.
    #[serde(default)]
    pub waits: u64,
    /// The condition that the phase waited for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Awaited>,
    /// How often the wall clock was set during the phase. Receive timestamps around that time are
    /// doubtful.
    #[serde(default)]
    pub clock_steps: u32,
    /// CPU time of this process during the phase, in nanoseconds, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl ClientAudit {
    /// Share of reads without a kernel timestamp, 0 to 1.
    #[must_use]
    pub fn unstamped_share(&self) -> Option<f64> {
        share(self.unstamped_reads, self.reads)
    }

    /// Share of reads with several events with text, 0 to 1.
    #[must_use]
    pub fn coalesced_share(&self) -> Option<f64> {
        share(self.coalesced_reads, self.reads)
    }

    /// CPU time of the client per event, in microseconds.
    #[must_use]
    pub fn cpu_us_per_event(&self) -> Option<f64> {
        share(self.cpu_ns?, self.events).map(|ns| ns / 1e3)
    }
}

/// `None` where the whole is nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Collects a phase's figures sample by sample in bounded memory.
#[derive(Debug, Default)]
pub struct Summary {
    objectives: Objectives,
    counts: Counts,
    errors: IndexMap<String, u64>,
    failures: Failures,
    audit: ClientAudit,
    first_due: Option<u64>,
    last_end: u64,
    output_tokens: Option<u64>,
    good: u64,
    spreads: PerTiming<Spread>,
    /// Batches that are not complete.
    batches: BTreeMap<u32, BatchSpan>,
}

/// From the first send of a batch to its last answer; `None` once one of its requests failed.
type BatchSpan = Option<(u64, u64)>;

/// Batches follow one another, so no answers are expected for batches older than this many.
const OPEN_BATCHES: usize = 64;

/// The complete figures of a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseFigures {
    /// First due to last answer, in milliseconds.
    pub window_ms: f64,
    /// How many.
    pub counts: Counts,
    /// Failures by class, as [`ErrorClass`](super::sample::ErrorClass) prints.
    pub errors: IndexMap<String, u64>,
    /// The same, each with the message of the first.
    pub failures: Vec<Failure>,
    /// The numbers.
    pub metrics: Metrics,
    /// The client's record of its own work.
    pub audit: ClientAudit,
}

impl PhaseFigures {
    /// Where its figures are read, with what the server said.
    #[must_use]
    pub fn sources<'a>(&'a self, server: Option<&'a ServerWindow>) -> Sources<'a> {
        Sources {
            counts: Some(&self.counts),
            metrics: Some(&self.metrics),
            server,
            ..Sources::default()
        }
    }
}

impl Summary {
    /// Creates an empty summary with these `objectives`.
    #[must_use]
    pub fn new(objectives: Objectives) -> Self {
        Self {
            objectives,
            ..Self::default()
        }
    }

    /// Adds one request: its row, the gaps between its text events, and the delay of each read, all in nanoseconds.
    pub fn add(&mut self, sample: &Sample, gaps: &[u64], delays: &[u64]) {
        self.counts.sent += 1;
        self.first_due = Some(self.first_due.unwrap_or(u64::MAX).min(sample.due_ns));
        self.last_end = self.last_end.max(sample.end_ns);
        let audit = &mut self.audit;
        audit.reads += u64::from(sample.reads.all);
        audit.unstamped_reads += u64::from(sample.reads.unstamped);
        audit.coalesced_reads += u64::from(sample.reads.coalesced);
        audit.events += u64::from(sample.reads.events);
        audit.reconnects += u64::from(sample.reconnected);
        for timing in Timing::ALL {
            self.spreads[timing].add_all(value(timing, sample));
        }
        self.spreads[Timing::ClientDelay].add_all(delays.iter().copied());
        self.batch(sample);
        if let Some(class) = &sample.error {
            self.counts.failed += 1;
            let class = class.to_string();
            let message = sample.detail.as_deref().unwrap_or_default();
            self.failures.add(&class, message);
            *self.errors.entry(class).or_default() += 1;
            return;
        }
        self.counts.succeeded += 1;
        self.good += u64::from(self.meets_objectives(sample));
        self.audit.miscounted += u64::from(sample.miscounted.is_some());
        self.audit.at_once += u64::from(sample.pace_unknown());
        if let Some(tokens) = sample.output_tokens {
            *self.output_tokens.get_or_insert(0) += tokens;
        }
        // If all text arrived at once, its gaps say nothing about the server.
        let gaps = if sample.at_once() { &[] } else { gaps };
        self.spreads[Timing::ChunkGap].add_all(gaps.iter().copied());
    }

    /// Adds the time taken to open a connection ahead of requests.
    pub fn connected(&mut self, took: u64) {
        self.spreads[Timing::Connect].add(took);
    }

    /// A percentile of one of the times of successful requests, with its confidence interval.
    #[must_use]
    pub fn interval(&self, timing: Timing, rank: Percentile) -> Option<Interval> {
        self.spreads[timing].interval(rank)
    }

    /// The figures so far.
    #[must_use]
    pub fn finish(&self) -> PhaseFigures {
        let window = self.last_end.saturating_sub(self.first_due.unwrap_or(0));
        let rate = |n: u64| share(n, window).map(|per_ns| per_ns * 1e9);
        let wanted = self.objectives != Objectives::default();
        let goodput = || {
            Some(Goodput {
                share: share(self.good, self.counts.sent)?,
                requests_per_s: rate(self.good)?,
            })
        };
        let mut times = PerTiming::from_fn(|timing| self.spreads[timing].finish());
        let mut batches = self.spreads[Timing::Batch].clone();
        batches.add_all(self.batches.values().filter_map(span));
        times[Timing::Batch] = batches.finish();
        PhaseFigures {
            window_ms: ms(window as f64),
            counts: self.counts.clone(),
            errors: self.errors.clone(),
            failures: self.failures.finish(),
            metrics: Metrics {
                times,
                output_tokens_per_s: self
                    .output_tokens
                    .filter(|_| self.audit.miscounted == 0)
                    .and_then(rate),
                requests_per_s: rate(self.counts.succeeded),
                goodput: wanted.then(goodput).flatten(),
            },
            audit: self.audit,
        }
    }

    /// An unknown time does not meet its objective. An answer of one token has no time per token
    /// and meets that objective.
    fn meets_objectives(&self, sample: &Sample) -> bool {
        let within = |limit: Option<u64>, value: Option<u64>| {
            limit.is_none_or(|limit| value.is_some_and(|value| value <= limit))
        };
        let tpot = match (self.objectives.tpot, sample.tpot()) {
            (Some(limit), Some(tpot)) => tpot <= limit as f64,
            (Some(_), None) => {
                let single = sample.output_tokens <= Some(u64::from(sample.choices.unwrap_or(1)));
                sample.first_text_ns.is_some() && sample.miscounted.is_none() && single
            }
            (None, _) => true,
        };
        tpot && within(self.objectives.ttft, sample.ttft())
            && within(self.objectives.e2e, sample.e2e())
    }

    fn batch(&mut self, sample: &Sample) {
        let Some(index) = sample.batch else { return };
        let own = sample.sent_ns.filter(|_| sample.ok());
        let own: BatchSpan = own.map(|sent| (sent, sample.end_ns));
        self.batches
            .entry(index)
            .and_modify(|known| {
                *known = known.zip(own).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
            })
            .or_insert(own);
        if self.batches.len() > OPEN_BATCHES
            && let Some((_, oldest)) = self.batches.pop_first()
        {
            self.spreads[Timing::Batch].add_all(span(&oldest));
        }
    }
}

fn span(batch: &BatchSpan) -> Option<u64> {
    batch.map(|(sent, end)| end.saturating_sub(sent))
}

#[cfg(test)]
#[path = "tests/summary.rs"]
mod tests;
