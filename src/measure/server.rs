//! The server's own figures over one phase: from its metrics endpoints, and from its answers. Times
//! are means of what its histograms gained between two readings. docs/metrics.md defines the names.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One phase as the server saw it. Missing figures are absent, never zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerWindow {
    /// From the reading before the phase to the one after it, in milliseconds.
    pub window_ms: f64,
    /// Times by name: `queue`, `prefill`, `decode`, `engine_ttft`, `frontend_ttft`, `nvext_ttft`, ...
    #[serde(default)]
    pub times: IndexMap<String, ServerTime>,
    /// Gains of counters by name: `output_tokens`, `preemptions`, ...
    #[serde(default)]
    pub counters: IndexMap<String, f64>,
    /// Levels sampled during the phase, by name: `running`, `waiting`, `kv_cache_usage`, ...
    #[serde(default)]
    pub gauges: IndexMap<String, Gauge>,
    /// Share of looked-up prompt tokens that the prefix cache contained, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_hit_rate: Option<f64>,
    /// What is missing: endpoints that did not answer, counters that were reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A time that the server measures, over one phase, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerTime {
    /// Number of values.
    pub count: u64,
    /// Mean: exact, sum divided by count.
    pub mean: f64,
    /// Median, estimated within its bucket, if there are buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 99th percentile, estimated in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
}

/// A sampled level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// Number of samples.
    pub count: u64,
    /// Mean of the samples.
    pub mean: f64,
    /// Largest sample.
    pub max: f64,
}

/// One sample of a server's levels and counters: a row of `server.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSample {
    /// Nanoseconds since the variant's load began, as in `samples.jsonl`.
    pub at_ns: u64,
    /// Levels by name.
    pub gauges: IndexMap<String, f64>,
    /// Counters by name, as absolute values.
    pub counters: IndexMap<String, f64>,
}

impl ServerWindow {
    /// The mean of a time, in milliseconds.
    #[must_use]
    pub fn mean(&self, name: &str) -> Option<f64> {
        self.times.get(name).map(|time| time.mean)
    }
}

impl Gauge {
    /// Takes one more sample.
    pub fn add(&mut self, value: f64) {
        self.max = if self.count == 0 {
            value
        } else {
            self.max.max(value)
        };
        self.count += 1;
        self.mean += (value - self.mean) / self.count as f64;
    }
}

/// What successful answers themselves say about a phase: the sum of their `usage` and
/// `nvext.timing`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    /// Prompt tokens, if every answer reported them.
    pub prompt_tokens: Option<u64>,
    /// Output tokens by `usage`, if every answer reported them.
    pub output_tokens: Option<u64>,
    answers: u64,
    timing: [ServerTime; TIMING.len()],
}

/// Keys of `nvext.timing` and the names of their means.
const TIMING: [(&str, &str); 4] = [
    ("ttft_ms", "nvext_ttft"),
    ("prefill_wait_time_ms", "nvext_wait"),
    ("prefill_time_ms", "nvext_prefill"),
    ("total_time_ms", "nvext_total"),
];

impl Told {
    /// Adds one successful answer.
    pub(crate) fn add(&mut self, prompt: Option<u64>, output: Option<u64>, timing: Option<&Value>) {
        let sum = |known: Option<u64>, more: Option<u64>| match self.answers {
            0 => more,
            _ => Some(known? + more?),
        };
        self.prompt_tokens = sum(self.prompt_tokens, prompt);
        self.output_tokens = sum(self.output_tokens, output);
        self.answers += 1;
        for (mean, (key, _)) in self.timing.iter_mut().zip(TIMING) {
            if let Some(ms) = timing.and_then(|t| t.get(key)).and_then(Value::as_f64) {
                mean.count += 1;
                mean.mean += (ms - mean.mean) / mean.count as f64;
            }
        }
    }

    /// The reported times, by name.
    pub(crate) fn times(&self) -> impl Iterator<Item = (String, ServerTime)> {
        let told = TIMING.iter().zip(self.timing);
        told.filter(|(_, time)| time.count > 0)
            .map(|((_, name), time)| ((*name).to_owned(), time))
    }
}

#[cfg(test)]
#[path = "tests/server.rs"]
mod tests;
