//! Data for the page beyond `run.json`: gathered from samples and events in one pass each. Memory use does not grow with
//! the number of requests.

use super::downsample::Downsample;
use crate::measure::spread::Spread;
use crate::measure::values::value;
use crate::metric::{PerTiming, Scope, Timing};
use crate::record::model::{PhaseRecord, Run};
use crate::record::{EventRow, Sample, SampleRow, ServerRow};
use std::collections::BTreeMap;

/// Slowest requests kept of each variant.
const SLOWEST: usize = 8;
/// Examples kept of each kind of failure.
const EXAMPLES: usize = 3;

/// Samples and events of a run, ready to be drawn. The default has none.
#[derive(Debug, Default)]
pub struct Detail {
    /// In the order of the run's variants.
    pub(crate) variants: Vec<Requests>,
    /// Every event.
    pub(crate) events: Vec<EventRow>,
}

/// One variant's requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// The last round, whose requests are drawn over time.
    pub(crate) round: u32,
    /// Its successful and its failed requests, warm-up included.
    pub(crate) drawn: [Downsample; 2],
    /// Successes of all rounds, by phase.
    pub(crate) phases: BTreeMap<u32, Successes>,
    /// The slowest successes of measured phases, slowest first.
    pub(crate) slowest: Vec<Sample>,
    /// First failures by phase and class, with how many there were.
    pub(crate) failures: BTreeMap<(u32, String), (u64, Vec<Sample>)>,
    /// Samples of its servers' metrics during the load, in order.
    pub(crate) levels: Vec<ServerRow>,
    /// Prompt and output tokens of successes, by phase.
    pub(crate) tokens: BTreeMap<u32, [Tokens; 2]>,
}

/// Statistics of token counts.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) count: u64,
    pub(crate) sum: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Tokens {
    fn add(&mut self, tokens: Option<u64>) {
        let Some(tokens) = tokens else { return };
        self.min = if self.count == 0 {
            tokens
        } else {
            self.min.min(tokens)
        };
        self.max = self.max.max(tokens);
        self.count += 1;
        self.sum += tokens;
    }
}

/// The metrics whose values are drawn by percentile and written as histograms: those of requests that tables show.
pub(crate) fn drawn() -> impl Iterator<Item = Timing> {
    let own = |timing: &Timing| {
        let row = timing.row();
        row.scope == Scope::Request && !row.shown.is_empty()
    };
    Timing::ALL.into_iter().filter(own)
}

/// A round, and nanoseconds since the load of its turn began.
type Instant = (u32, u64);

/// The successes of one phase.
#[derive(Debug, Default)]
pub(crate) struct Successes {
    /// When the first was due and when the last ended.
    pub(crate) span: Option<(Instant, Instant)>,
    /// Values of the metrics that are [`drawn`].
    pub(crate) times: PerTiming<Spread>,
}

impl Successes {
    fn add(&mut self, round: u32, sample: &Sample) {
        let (due, end) = ((round, sample.due_ns), (round, sample.end_ns));
        let (from, to) = self.span.unwrap_or((due, end));
        self.span = Some((from.min(due), to.max(end)));
        for timing in drawn() {
            if let Some(time) = value(timing, sample) {
                self.times[timing].add(time);
            }
        }
    }
}

/// One request, in nanoseconds since the load of its variant's turn began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Point {
    /// The number of requests that this one represents.
    pub(crate) each: u32,
    pub(crate) phase: u32,
    pub(crate) ok: bool,
    pub(crate) due: u64,
    pub(crate) sent: Option<u64>,
    pub(crate) ttft: Option<u64>,
    pub(crate) end: u64,
}

impl Point {
    fn new(sample: &Sample) -> Self {
        Self {
            each: 1,
            phase: sample.phase,
            ok: sample.ok(),
            due: sample.due_ns,
            sent: sample.sent_ns,
            ttft: sample.ttft(),
            end: sample.end_ns,
        }
    }

    /// First byte sent to last received.
    pub(crate) fn e2e(&self) -> Option<u64> {
        Some(self.end.saturating_sub(self.sent?))
    }
}

impl Detail {
    /// Gathers the rows that belong to variants of the run.
    pub(crate) fn gather(
        run: &Run,
        samples: impl IntoIterator<Item = SampleRow>,
        events: impl IntoIterator<Item = EventRow>,
    ) -> Self {
        let mut variants: Vec<Requests> = Vec::new();
        variants.resize_with(run.variants.len(), Requests::default);
        for row in samples {
            let owner = run.variants.iter().position(|v| v.name == row.variant);
            let Some(owner) = owner else { continue };
            let measured = usize::try_from(row.sample.phase)
                .ok()
                .and_then(|phase| run.variants[owner].phases.get(phase))
                .is_some_and(PhaseRecord::measured);
            variants[owner].add(row.round, row.sample, measured);
        }
        Self {
            variants,
            events: events.into_iter().collect(),
        }
    }
}

impl Detail {
    /// Requests of a variant's phase that failed with this class: the first few.
    pub(crate) fn failures(&self, variant: usize, phase: usize, class: &str) -> &[Sample] {
        let find = || {
            let key = (u32::try_from(phase).ok()?, class.to_owned());
            Some(self.variants.get(variant)?.failures.get(&key)?.1.as_slice())
        };
        find().unwrap_or_default()
    }

    /// Adds samples of the servers' metrics.
    #[must_use]
    pub(crate) fn with_levels(
        mut self,
        run: &Run,
        rows: impl IntoIterator<Item = ServerRow>,
    ) -> Self {
        for row in rows {
            let owner = run.variants.iter().position(|v| v.name == row.variant);
            if let Some(requests) = owner.and_then(|owner| self.variants.get_mut(owner)) {
                requests.levels.push(row);
            }
        }
        self
    }
}

impl Requests {
    /// Adds a request to those drawn over time, unless a later round has begun.
    pub(crate) fn draw(&mut self, round: u32, point: Point) {
        if round > self.round {
            self.round = round;
            self.drawn.iter_mut().for_each(Downsample::clear);
        }
        if round == self.round {
            self.drawn[usize::from(!point.ok)].add(point);
        }
    }

    fn add(&mut self, round: u32, sample: Sample, measured: bool) {
        self.draw(round, Point::new(&sample));
        if sample.ok() {
            let successes = self.phases.entry(sample.phase).or_default();
            successes.add(round, &sample);
            let [prompt, output] = self.tokens.entry(sample.phase).or_default();
            prompt.add(sample.prompt_tokens);
            output.add(sample.output_tokens);
        }
        if let Some(class) = &sample.error {
            let (count, kept) = self
                .failures
                .entry((sample.phase, class.to_string()))
                .or_default();
            *count += 1;
            if kept.len() < EXAMPLES {
                kept.push(sample);
            }
        } else if measured {
            let place = self
                .slowest
                .partition_point(|kept| kept.e2e() >= sample.e2e());
            if place < SLOWEST {
                self.slowest.insert(place, sample);
                self.slowest.truncate(SLOWEST);
            }
        }
    }
}
