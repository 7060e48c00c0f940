//! The metrics that reports show and comparisons hold side by side: one list, so that both say the same.

use crate::record::model::{
    Distribution, PhaseRecord, RoundRecord, Startup, Teardown, VariantRecord,
};

/// The phase under which start-up and teardown are compared.
pub const TOPOLOGY: &str = "topology";

/// One metric of a phase.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in records: `ttft_ms.p50`.
    pub key: &'static str,
    /// Its name in reports, with its unit.
    pub label: &'static str,
    from: Source,
}

/// Where a metric is found.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// One percentile of a distribution, by its name and by its value.
    Spread(
        fn(&PhaseRecord) -> &Option<Distribution>,
        &'static str,
        fn(&Distribution) -> f64,
    ),
    Number(fn(&PhaseRecord) -> Option<f64>),
}

impl Metric {
    /// Its value in a phase; `None` where it is not applicable.
    #[must_use]
    pub fn of(&self, phase: &PhaseRecord) -> Option<f64> {
        match self.from {
            // What an importer was not told is not a number.
            Source::Spread(spread, _, pick) => {
                spread(phase).as_ref().map(pick).filter(|n| n.is_finite())
            }
            Source::Number(get) => get(phase),
        }
    }

    /// Whether it is a percentile with fewer than ten values beyond it in this phase.
    #[must_use]
    pub fn thin(&self, phase: &PhaseRecord) -> bool {
        match self.from {
            Source::Spread(spread, stat, _) => spread(phase)
                .as_ref()
                .is_some_and(|d| d.thin().contains(&stat)),
            Source::Number(_) => false,
        }
    }
}

/// The three percentiles of one distribution.
macro_rules! percentiles {
    ($label:literal, $field:ident) => {
        [
            percentile!($label, $field, p50),
            percentile!($label, $field, p95),
            percentile!($label, $field, p99),
        ]
    };
}

/// One percentile of one distribution.
macro_rules! percentile {
    ($label:literal, $field:ident, $stat:ident) => {
        Metric {
            key: concat!(stringify!($field), ".", stringify!($stat)),
            label: concat!($label, " ", stringify!($stat), " (ms)"),
            from: Source::Spread(
                |phase| &phase.metrics.$field,
                stringify!($stat),
                |d| d.$stat,
            ),
        }
    };
}

const fn number(
    key: &'static str,
    label: &'static str,
    get: fn(&PhaseRecord) -> Option<f64>,
) -> Metric {
    let from = Source::Number(get);
    Metric { key, label, from }
}

const TTFT: [Metric; 3] = percentiles!("TTFT", ttft_ms);
const TPOT: [Metric; 3] = percentiles!("TPOT", tpot_ms);
const GAP: [Metric; 3] = percentiles!("chunk gap", chunk_gap_ms);
const E2E: [Metric; 3] = percentiles!("end to end", e2e_ms);
const BATCH: [Metric; 3] = percentiles!("batch time", batch_ms);

/// All metrics of a phase, in the order shown.
pub const METRICS: [Metric; 19] = [
    TTFT[0],
    TTFT[1],
    TTFT[2],
    TPOT[0],
    TPOT[1],
    TPOT[2],
    GAP[0],
    GAP[1],
    GAP[2],
    E2E[0],
    E2E[1],
    E2E[2],
    BATCH[0],
    BATCH[1],
    BATCH[2],
    number("output_tokens_per_s", "output (tokens/s)", |phase| {
        phase.metrics.output_tokens_per_s
    }),
    number("requests_per_s", "throughput (requests/s)", |phase| {
        phase.metrics.requests_per_s
    }),
    number("goodput.share", "goodput (% of requests)", |phase| {
        phase.metrics.goodput.map(|g| g.share * 100.0)
    }),
    number("error_rate", "errors (% of requests)", error_percent),
];

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn error_percent(phase: &PhaseRecord) -> Option<f64> {
    let counts = &phase.counts;
    (counts.sent > 0).then(|| counts.failed as f64 * 100.0 / counts.sent as f64)
}

/// What a variant or one round of it measured.
pub(super) struct Measured<'a> {
    startup: Option<&'a Startup>,
    phases: &'a [PhaseRecord],
    teardown: Option<&'a Teardown>,
}

impl<'a> From<&'a VariantRecord> for Measured<'a> {
    fn from(variant: &'a VariantRecord) -> Self {
        Self {
            startup: variant.startup.as_ref(),
            phases: &variant.phases,
            teardown: variant.teardown.as_ref(),
        }
    }
}

impl<'a> From<&'a RoundRecord> for Measured<'a> {
    fn from(round: &'a RoundRecord) -> Self {
        Self {
            startup: round.startup.as_ref(),
            phases: &round.phases,
            teardown: round.teardown.as_ref(),
        }
    }
}

/// How a metric of a topology is found.
pub(super) type OfTopology = fn(&Measured<'_>) -> Option<f64>;

/// The metrics of a topology.
pub(super) const OF_TOPOLOGY: [(&str, OfTopology); 2] = [
    ("ready_ms", |measured| {
        measured.startup.map(|startup| startup.ready_ms)
    }),
    ("teardown_ms", |measured| {
        measured.teardown.map(|teardown| teardown.ms)
    }),
];

/// Where one row of a comparison is found.
pub(super) enum Of<'a> {
    /// A metric of the phase of this name.
    Phase(&'a Metric, &'a str),
    Topology(OfTopology),
}

impl Of<'_> {
    pub(super) fn value(&self, measured: &Measured<'_>) -> Option<f64> {
        match self {
            Self::Phase(metric, name) => {
                let phase = measured.phases.iter().find(|phase| phase.name == *name)?;
                metric.of(phase)
            }
            Self::Topology(get) => get(measured),
        }
    }
}

/// Whether more of it is better.
#[must_use]
pub fn more_is_better(key: &str) -> bool {
    key.ends_with("_per_s") || key.starts_with("goodput")
}

/// Milliseconds until ready, where it came up.
#[must_use]
pub fn ready_ms(variant: &VariantRecord) -> Option<f64> {
    variant.startup.as_ref().map(|startup| startup.ready_ms)
}

/// Milliseconds until nothing was left, where it was taken down.
#[must_use]
pub fn teardown_ms(variant: &VariantRecord) -> Option<f64> {
    variant.teardown.as_ref().map(|teardown| teardown.ms)
}
