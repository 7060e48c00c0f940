//! What a row says about its metric.

use super::Statistic;

/// What is known of a metric, whatever is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Name in gates and other scenario keys: `ttft`.
    pub name: &'static str,
    /// Key in `run.json` and in exports: `ttft_ms`.
    pub key: &'static str,
    /// Short name in tables, without statistic and unit: `TTFT`.
    pub label: &'static str,
    /// Name in full, as charts show it.
    pub title: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Which direction is better.
    pub better: Better,
    /// What has one value each.
    pub scope: Scope,
    /// What a phase or an answer must have for the metric to apply.
    pub needs: &'static [Need],
    /// Whether every value is above 0.
    pub above_zero: bool,
    /// The time limit that no value exceeds.
    pub within: Option<Limit>,
    /// The statistics that tables show, charts draw and comparisons judge; empty for metrics that only the record keeps.
    pub shown: &'static [Statistic],
    /// What it is, in one sentence without a full stop.
    pub definition: &'static str,
}

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// A share from 0 to 1 of what is named; reports print percent.
    Share(&'static str),
    /// Output tokens per second.
    TokensPerS,
    /// Requests per second.
    RequestsPerS,
    /// A count or a level.
    Count,
}

/// Which direction is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// What has one value each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A request that succeeded.
    Request,
    /// A request, whether it succeeded or not.
    Attempt,
    /// A connection that was opened.
    Connection,
    /// A read that the kernel stamped, of any request.
    Read,
    /// Two consecutive chunks of a request that succeeded.
    Chunk,
    /// A batch without failures.
    Batch,
    /// A phase.
    Phase,
    /// A start of a variant's engines.
    Topology,
    /// A phase, as the server tells it.
    Server,
}

/// What a metric needs to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Answers that stream.
    Stream,
    /// Text that does not come all at once.
    Pace,
    /// Token counts that do not contradict the answer.
    Tokens,
    /// Objectives (`slo`).
    Objectives,
    /// A phase of batches.
    Batches,
}

/// A time limit of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `request.timeout`.
    Request,
    /// `ready.timeout`, and one request.
    Ready,
}

impl Row {
    /// Whether the metric needs this.
    #[must_use]
    pub fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }
}

impl Unit {
    /// The unit in table headings: `ms`, `% of requests`.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Ms => "ms".to_owned(),
            Self::Share(of) => format!("% of {of}"),
            Self::TokensPerS => "tokens/s".to_owned(),
            Self::RequestsPerS => "requests/s".to_owned(),
            Self::Count => "count".to_owned(),
        }
    }

    /// A value as reports and comparisons give it: shares in percent.
    #[must_use]
    pub fn reported(self, value: f64) -> f64 {
        match self {
            Self::Share(_) => value * 100.0,
            Self::Ms | Self::TokensPerS | Self::RequestsPerS | Self::Count => value,
        }
    }

    /// A value with its unit: `12.500 ms`.
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Ms => format!("{value:.3} ms"),
            Self::Share(_) => format!("{:.3}%", self.reported(value)),
            Self::TokensPerS => format!("{value:.2} tokens/s"),
            Self::RequestsPerS => format!("{value:.3} requests/s"),
            Self::Count => format!("{value:.2}"),
        }
    }
}

impl Scope {
    /// What has a value each, in words: `request`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Attempt => "request, failed ones included",
            Self::Connection => "connection",
            Self::Read => "read",
            Self::Chunk => "chunk",
            Self::Batch => "batch",
            Self::Phase => "phase",
            Self::Topology => "topology",
            Self::Server => "server",
        }
    }
}
