//! Data for the page beyond `run.json`: gathered from samples and events in one pass each. Memory use does not grow with
//! the number of requests.

use super::downsample::Downsample;
use crate::measure::spread::Spread;
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
    pub(in crate::report) variants: Vec<Requests>,
    /// Every event.
    pub(in crate::report) events: Vec<EventRow>,
}

/// One variant's requests.
#[derive(Debug, Default)]
pub(in crate::report) struct Requests {
    /// The last round, whose requests are drawn over time.
    pub(super) round: u32,
    /// Its successful and its failed requests, warm-up included.
    pub(super) drawn: [Downsample; 2],
    /// Successes of all rounds, by phase.
    pub(in crate::report) phases: BTreeMap<u32, Successes>,
    /// The slowest successes of measured phases, slowest first.
    pub(super) slowest: Vec<Sample>,
    /// First failures by phase and class, with how many there were.
    pub(super) failures: BTreeMap<(u32, String), (u64, Vec<Sample>)>,
    /// Samples of its servers' metrics during the load, in order.
    pub(super) levels: Vec<ServerRow>,
    /// Prompt and output tokens of successes, by phase.
    pub(in crate::report) tokens: BTreeMap<u32, [Tokens; 2]>,
}

/// Statistics of token counts.
#[derive(Debug, Default)]
pub(in crate::report) struct Tokens {
    pub(in crate::report) count: u64,
    pub(in crate::report) sum: u64,
    pub(in crate::report) min: u64,
    pub(in crate::report) max: u64,
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

/// A round, and nanoseconds since the load of its turn began.
type Instant = (u32, u64);

/// The successes of one phase.
#[derive(Debug, Default)]
pub(in crate::report) struct Successes {
    /// When the first was due and when the last ended.
    pub(in crate::report) span: Option<(Instant, Instant)>,
    pub(in crate::report) ttft: Spread,
    pub(in crate::report) tpot: Spread,
    pub(in crate::report) e2e: Spread,
}

impl Successes {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time per token is a small whole number of nanoseconds"
    )]
    fn add(&mut self, round: u32, sample: &Sample) {
        let (due, end) = ((round, sample.due_ns), (round, sample.end_ns));
        let (from, to) = self.span.unwrap_or((due, end));
        self.span = Some((from.min(due), to.max(end)));
        let tpot = sample.tpot().map(|ns| ns.round() as u64);
        let times = [sample.ttft(), tpot, sample.e2e()];
        for (all, time) in [&mut self.ttft, &mut self.tpot, &mut self.e2e]
            .into_iter()
            .zip(times)
        {
            time.into_iter().for_each(|time| all.add(time));
        }
    }
}

/// One request, in nanoseconds since the load of its variant's turn began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Point {
    /// The number of requests that this one represents.
    pub(super) each: u32,
    pub(super) phase: u32,
    pub(super) ok: bool,
    pub(super) due: u64,
    pub(super) sent: Option<u64>,
    pub(super) ttft: Option<u64>,
    pub(super) end: u64,
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
    pub(super) fn e2e(&self) -> Option<u64> {
        Some(self.end.saturating_sub(self.sent?))
    }
}

impl Detail {
    /// Gathers the rows that belong to variants of the run.
    pub fn gather(
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
    pub(super) fn failures(&self, variant: usize, phase: usize, class: &str) -> &[Sample] {
        let find = || {
            let key = (u32::try_from(phase).ok()?, class.to_owned());
            Some(self.variants.get(variant)?.failures.get(&key)?.1.as_slice())
        };
        find().unwrap_or_default()
    }

    /// Adds samples of the servers' metrics.
    #[must_use]
    pub fn with_levels(mut self, run: &Run, rows: impl IntoIterator<Item = ServerRow>) -> Self {
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
    pub(super) fn draw(&mut self, round: u32, point: Point) {
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
