//! What happens to an answer, off the hot path: it is assembled, held against the rules, written down and added up.

use crate::event::{Event, Events};
use crate::measure::answer::assemble;
use crate::measure::exchange::{Exchange, Nanos};
use crate::measure::sample::{Judgement, Sample, TokenSource};
use crate::measure::summary::{Objectives, PhaseFigures, Summary};
use crate::plan::PhasePlan;
use crate::record::{self, Writer};
use crate::verify::{Breach, Rules, Tally};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(500);

/// What assessing needs to know of a variant.
pub(super) struct Assessor<'a> {
    /// The variant's name.
    pub(super) variant: &'a str,
    /// Its rules.
    pub(super) rules: &'a Rules,
    /// Its objectives.
    pub(super) objectives: Objectives,
    /// Whether texts are kept for comparison.
    pub(super) keep_text: bool,
    /// When its load began.
    pub(super) zero: Nanos,
    /// Where rows go.
    pub(super) writer: &'a Writer,
    /// Who is told.
    pub(super) events: &'a Events,
}

/// What came of one phase.
#[derive(Debug)]
pub(super) struct Assessed {
    /// Its figures.
    pub(super) figures: PhaseFigures,
    /// Successes whose tokens the server did not count.
    pub(super) counted_by_chunks: u64,
}

impl Assessor<'_> {
    /// Takes every exchange of a phase until its sender hangs up.
    ///
    /// # Errors
    /// When rows can't be written; the rest of the exchanges is then dropped.
    pub(super) fn phase(
        &self,
        phase: &PhasePlan,
        exchanges: &Receiver<Exchange>,
        tally: &mut Tally,
    ) -> Result<Assessed, record::Error> {
        let mut summary = Summary::new(self.objectives);
        let mut counted_by_chunks = 0;
        let (mut done, mut failed) = (0, 0);
        let mut told = Instant::now();
        let mut ttfts: Vec<Nanos> = Vec::new();
        for exchange in exchanges {
            let (sample, gaps, breaches) = self.judge(&exchange);
            if phase.measured && answered(&exchange) {
                tally.add(&phase.name, sample.index, &breaches);
            }
            summary.add(&sample, &gaps, &exchange.delays());
            self.writer.sample(self.variant, &sample)?;
            done += 1;
            ttfts.extend(sample.ttft().filter(|_| sample.ok()));
            failed += u64::from(!sample.ok());
            counted_by_chunks +=
                u64::from(sample.ok() && sample.tokens_from == Some(TokenSource::Chunks));
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.events.emit(Event::PhaseProgress {
                    phase: phase.name.clone(),
                    done,
                    requests: phase.requests(),
                    failed,
                    ttft_p50_ms: median(&mut ttfts).map(|ns| ns as f64 / 1e6),
                });
                ttfts.clear();
            }
        }
        Ok(Assessed {
            figures: summary.finish(),
            counted_by_chunks,
        })
    }

    /// One exchange's row, the gaps between its events, and the rules it breaks.
    #[must_use]
    pub(super) fn judge(&self, exchange: &Exchange) -> (Sample, Vec<Nanos>, Vec<Breach>) {
        let answer = assemble(exchange);
        let breaches = if answered(exchange) {
            self.rules.check(&answer)
        } else {
            Vec::new()
        };
        let judgement = Judgement {
            status_accepted: self.rules.accept_status(answer.status),
            failure: breaches.first().map(ToString::to_string),
        };
        let sample = Sample::new(exchange, &answer, self.zero, judgement, self.keep_text);
        (sample, answer.timeline.gaps(), breaches)
    }
}

fn median(values: &mut [Nanos]) -> Option<Nanos> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable(middle).1)
}

/// Whether there is an answer to hold rules against.
fn answered(exchange: &Exchange) -> bool {
    exchange.status.is_some()
}
