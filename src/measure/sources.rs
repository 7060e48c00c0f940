//! Where figures are read.

use super::distribution::Distribution;
use super::server::ServerWindow;
use super::summary::{Counts, Metrics, share};
use crate::metric::{Figure, Number, Timing};

/// What is known of one phase of a variant, and of its topology. What is absent has no figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// How many requests went how.
    pub counts: Option<&'a Counts>,
    /// What the client measured.
    pub metrics: Option<&'a Metrics>,
    /// What the server said of itself.
    pub server: Option<&'a ServerWindow>,
    /// Milliseconds until the topology was ready.
    pub ready_ms: Option<f64>,
    /// Milliseconds until nothing was left of it.
    pub teardown_ms: Option<f64>,
}

impl<'a> Sources<'a> {
    /// One figure in the unit of its metric, shares from 0 to 1; `None` where it does not apply.
    #[must_use]
    pub fn figure(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Timing(statistic, timing) => Some(self.distribution(timing)?[statistic]),
            Figure::Number(number) => self.number(number),
        }
    }

    /// Whether it is a percentile with fewer than ten values beyond it.
    #[must_use]
    pub fn is_thin(&self, figure: Figure) -> bool {
        match figure {
            Figure::Timing(statistic, timing) => {
                let found = self.distribution(timing);
                found.is_some_and(|found| found.is_thin(statistic))
            }
            Figure::Number(_) => false,
        }
    }

    /// Whether tables print it: beyond p99 only with enough values.
    #[must_use]
    pub fn is_printed(&self, figure: Figure) -> bool {
        match figure {
            Figure::Timing(statistic, _) => statistic.is_printed_thin() || !self.is_thin(figure),
            Figure::Number(_) => true,
        }
    }

    fn distribution(&self, timing: Timing) -> Option<&'a Distribution> {
        self.metrics?.times[timing].as_ref()
    }

    fn number(&self, number: Number) -> Option<f64> {
        let key = number.row().key;
        match number {
            Number::OutputThroughput => self.metrics?.output_tokens_per_s,
            Number::RequestThroughput => self.metrics?.requests_per_s,
            Number::Goodput => self.metrics?.goodput.map(|good| good.share),
            Number::ErrorRate => share(self.counts?.failed, self.counts?.sent),
            Number::Startup => self.ready_ms,
            Number::Teardown => self.teardown_ms,
            Number::PrefixHitRate => self.server?.prefix_hit_rate,
            Number::KvCacheUsage => self.server?.gauges.get(key).map(|gauge| gauge.max),
            Number::Preemptions => self.server?.counters.get(key).copied(),
            Number::Running | Number::Waiting => {
                self.server?.gauges.get(key).map(|gauge| gauge.mean)
            }
            Number::Queue
            | Number::Prefill
            | Number::Decode
            | Number::EngineTtft
            | Number::FrontendTtft
            | Number::NvextTtft => self.server?.mean(key),
        }
    }
}
