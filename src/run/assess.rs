//! What happens to an answer, off the hot path: it is assembled, held against the rules, written down and added up.

use crate::event::{Event, Events};
use crate::load::{BufferPool, PhaseRun, Seen};
use crate::measure::answer::{Answer, assemble};
use crate::measure::curve::CurvePoint;
use crate::measure::enough::{Awaited, Precision, Steady};
use crate::measure::exchange::{End, Exchange, Nanos};
use crate::measure::sample::{Judgement, Sample, TokenSource};
use crate::measure::server::{ServerWindow, Told};
use crate::measure::summary::{Objectives, PhaseFigures, Summary};
use crate::measure::usage::Miscount;
use crate::plan::{PhasePlan, Requests, Until};
use crate::prompts::conversations::Conversations;
use crate::record::{self, Writer};

use crate::scenario::model::{ApiEndpoint, Percentile};
use crate::verify::counts::{came, miscounted};
use crate::verify::examples::{Cause, Examples};
use crate::verify::{Asked, Breach, Rules, Tally};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(500);

/// Most bytes of bodies that wait to be assessed.
const WAITING: usize = 256 << 20;

/// The bytes that wait between who reads answers and who assesses them. A reader that is further ahead than [`WAITING`] is
/// held up, which shows as lateness: better than memory without end.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    /// Whether nobody assesses any more.
    abandoned: AtomicBool,
    /// What was seen of every phase.
    pub(super) seen: Vec<Seen>,
    /// Where assessed exchanges go.
    buffer_pool: Arc<BufferPool>,
}

impl Backlog {
    /// Of so many phases.
    pub(super) fn of(phases: usize, buffer_pool: Arc<BufferPool>) -> Self {
        Self {
            buffer_pool,
            seen: (0..phases).map(|_| Seen::new()).collect(),
            ..Self::default()
        }
    }

    /// Lets an exchange in, once there is room; whether it had to wait.
    pub(super) fn enter(&self, exchange: &Exchange) -> bool {
        let mut waited = false;
        while self.bytes.load(Relaxed) > WAITING && !self.abandoned.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
            waited = true;
        }
        self.bytes.fetch_add(exchange.body.len(), Relaxed);
        waited
    }
}

/// Who assesses; however it ends, the reader is held up no longer.
struct Assessing<'a>(&'a Backlog);

impl Assessing<'_> {
    /// Says that an exchange is done with.
    fn done(&self, exchange: Exchange) {
        self.0.bytes.fetch_sub(exchange.body.len(), Relaxed);
        self.0.buffer_pool.give_back(exchange);
    }
}

impl Drop for Assessing<'_> {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Relaxed);
    }
}

/// What assessing needs to know of a variant.
pub(super) struct Assessor<'a> {
    /// The variant's name.
    pub(super) variant: &'a str,
    /// What it is asked.
    pub(super) requests: &'a Requests,
    /// The model that is asked, where a prompt names none.
    pub(super) model: &'a str,
    /// The round of it.
    pub(super) round: u32,
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
    /// The first requests that gave cause for findings.
    pub(super) examples: Examples,
    /// What its answers told of the server.
    pub(super) told: Told,
    /// What the server said of itself.
    pub(super) server: Option<ServerWindow>,
    /// What a search tried.
    pub(super) curve: Vec<CurvePoint>,
    /// What it found.
    pub(super) found: Option<f64>,
    /// Why it was given up before its end.
    pub(super) given_up: Option<String>,
}

/// What is gathered of one phase as its answers come.
pub(super) struct Gathered {
    summary: Summary,
    counted_by_chunks: u64,
    examples: Examples,
    /// Successes whose tokens were not as planned.
    token_mismatches: u64,
    /// Successes in which nothing was generated.
    empty: u64,
    told: Told,
    done: u64,
    failed: u64,
    /// Why the last request failed that did.
    last_failure: Option<String>,
    /// Times to first token since progress was last told.
    ttfts: Vec<Nanos>,
    waiting: Waiting,
    /// After how many answers what was waited for came.
    came: Option<u64>,
}

/// What ends a phase before its time.
enum Waiting {
    Nothing,
    Steady(Steady),
    Known(Precision, Percentile),
}

impl Waiting {
    fn of(phase: &PhasePlan) -> Self {
        match phase.until {
            None => Self::Nothing,
            Some(Until::Steady) => Self::Steady(Steady::new(phase.shape.most_in_flight())),
            Some(Until::Known { percentile, within }) => {
                Self::Known(Precision::new(within), percentile)
            }
        }
    }
}

impl Gathered {
    /// Keeps the first requests that give cause for findings.
    fn note(&mut self, phase: &PhasePlan, judged: &Judged) {
        let sample = &judged.sample;
        let mut example = |cause, what: &dyn Fn() -> String| {
            self.examples.add(cause, &phase.name, sample.index, what);
        };
        if let Some((kind, what)) = &judged.miscount {
            example(Cause::Miscounted(*kind), &|| what.clone());
        }
        if sample.ok() && sample.pace_unknown() {
            let events = sample.chunks;
            example(Cause::AtOnce, &|| {
                format!("{events} events with text came at once")
            });
        }
        if sample.ok() && !judged.generated {
            example(Cause::Empty, &|| "nothing was generated".to_owned());
            self.empty += 1;
        }
    }

    /// Counts a request whose row is written.
    fn count(&mut self, sample: &Sample) {
        self.done += 1;
        if let Some(error) = &sample.error {
            self.failed += 1;
            self.last_failure = Some(match &sample.detail {
                Some(detail) => format!("{error}: {detail}"),
                None => error.to_string(),
            });
        }
        if sample.ok() {
            let usage = sample.tokens_from == Some(TokenSource::Usage);
            let output = sample.output_tokens.filter(|_| usage);
            let timing = sample.nvext_timing.as_ref();
            self.told.add(sample.prompt_tokens, output, timing);
            self.ttfts.extend(sample.ttft());
            let chunks = sample.tokens_from == Some(TokenSource::Chunks);
            self.counted_by_chunks += u64::from(chunks);
        }
    }

    /// The figures, with what the client says of itself.
    pub(super) fn finish(mut self, run: &PhaseRun, waits: u64) -> Assessed {
        for took in &run.prepared {
            self.summary.connected(*took);
        }
        let mut figures = self.summary.finish();
        figures.audit.cpu_ns = Some(run.cpu);
        figures.audit.clock_steps = run.clock_steps;
        figures.audit.held_back = run.held_back;
        figures.audit.waits = waits;
        figures.audit.backed_off = run.backed_off;
        figures.audit.token_mismatches = self.token_mismatches;
        figures.audit.empty = self.empty;
        figures.audit.awaited = match self.waiting {
            Waiting::Nothing => None,
            Waiting::Steady(_) => Some(None),
            Waiting::Known(_, percentile) => {
                Some(self.summary.interval(percentile.timing, percentile.rank))
            }
        }
        .map(|interval| Awaited {
            after: self.came,
            interval,
        });
        Assessed {
            figures,
            counted_by_chunks: self.counted_by_chunks,
            examples: self.examples,
            told: self.told,
            server: None,
            curve: Vec::new(),
            found: None,
            given_up: run.given_up.map(|ns| {
                let last = self.last_failure.as_deref();
                format!(
                    "no request succeeded for {:.1} s, so nothing more was sent; the last failure: {}",
                    ns as f64 / 1e9,
                    last.unwrap_or("no connection")
                )
            }),
        }
    }

    /// Whether what is waited for has come with this answer, the first time that it has.
    fn enough(&mut self, sample: &Sample) -> bool {
        let has = sample.ok()
            && match &mut self.waiting {
                Waiting::Nothing => false,
                Waiting::Steady(steady) => {
                    let took = sample.ttft().or(sample.e2e());
                    took.is_some_and(|took| steady.add(took))
                }
                Waiting::Known(precision, of) => precision.reached(self.done - self.failed, || {
                    self.summary.interval(of.timing, of.rank)
                }),
            };
        let first = has && self.came.is_none();
        if first {
            self.came = Some(self.done);
        }
        first
    }
}

impl Assessor<'_> {
    /// Takes every exchange of phases that are driven together, the first of which is number `first`, until their sender
    /// hangs up.
    ///
    /// # Errors
    /// When rows can't be written; the rest of the exchanges is then dropped.
    pub(super) fn phases(
        &self,
        first: usize,
        phases: &[PhasePlan],
        conversations: &[Option<Conversations<'_>>],
        exchanges: &Receiver<Exchange>,
        backlog: &Backlog,
        tally: &mut Tally,
    ) -> Result<Vec<Gathered>, record::Error> {
        let assessing = Assessing(backlog);
        let mut all: Vec<Gathered> = phases.iter().map(|phase| self.nothing(phase)).collect();
        let mut current = 0;
        let mut told = Instant::now();
        self.began(&phases[0]);
        for exchange in exchanges {
            let number = usize::try_from(exchange.id.phase).unwrap_or(first);
            let at = number.saturating_sub(first).min(phases.len() - 1);
            // Of the phase before, a few answers may still come.
            if at > current {
                self.ended(&phases[current], &all[current]);
                self.began(&phases[at]);
                current = at;
            }
            let (phase, gathered) = (&phases[at], &mut all[at]);
            let seen = &backlog.seen[at];
            let failed = gathered.failed;
            if self.take(
                phase,
                conversations[at].as_ref(),
                gathered,
                &exchange,
                tally,
            )? {
                seen.enough();
            }
            let ok = gathered.failed == failed;
            seen.note(ok, exchange.sent.unwrap_or(exchange.due), exchange.ended);
            assessing.done(exchange);
            if told.elapsed() >= PROGRESS && at == current {
                told = Instant::now();
                self.progress(phase, gathered);
            }
        }
        self.ended(&phases[current], &all[current]);
        Ok(all)
    }

    fn nothing(&self, phase: &PhasePlan) -> Gathered {
        Gathered {
            waiting: Waiting::of(phase),
            came: None,
            summary: Summary::new(self.objectives),
            counted_by_chunks: 0,
            examples: Examples::default(),
            token_mismatches: 0,
            empty: 0,
            told: Told::default(),
            done: 0,
            failed: 0,
            last_failure: None,
            ttfts: Vec::new(),
        }
    }

    /// Takes one exchange; whether the phase has now seen enough.
    fn take(
        &self,
        phase: &PhasePlan,
        conversations: Option<&Conversations<'_>>,
        into: &mut Gathered,
        exchange: &Exchange,
        tally: &mut Tally,
    ) -> Result<bool, record::Error> {
        let answer = assemble(exchange);
        let asked = Asked::of(self.requests, self.model, exchange.id.index);
        let judged = self.judge_answer(exchange, &answer, &asked);
        into.note(phase, &judged);
        let Judged {
            mut sample,
            breaches,
            ..
        } = judged;
        if let Some(conversations) = conversations {
            let turn = conversations.answered(exchange, sample.ok().then_some(&answer));
            (sample.conversation, sample.turn) = turn.unzip();
        } else if let Some(differs) = self.token_mismatch(&sample) {
            let differs = || differs.clone();
            into.examples
                .add(Cause::TokenMismatch, &phase.name, sample.index, differs);
            into.token_mismatches += 1;
        }
        if phase.measured && answered(exchange) {
            tally.add(&phase.name, sample.index, &breaches);
        }
        into.summary
            .add(&sample, &answer.timeline.gaps, &exchange.delays());
        self.writer.sample(self.variant, self.round, &sample)?;
        into.count(&sample);
        Ok(into.enough(&sample))
    }

    fn began(&self, phase: &PhasePlan) {
        self.events.emit(Event::PhaseStarted {
            phase: phase.name.clone(),
            kind: phase.kind,
            requests: phase.requests(),
        });
    }

    fn progress(&self, phase: &PhasePlan, gathered: &mut Gathered) {
        self.events.emit(Event::PhaseProgress {
            phase: phase.name.clone(),
            done: gathered.done,
            requests: phase.requests(),
            failed: gathered.failed,
            ttft_p50_ms: median(&mut gathered.ttfts).map(|ns| ns as f64 / 1e6),
        });
        gathered.ttfts.clear();
    }

    fn ended(&self, phase: &PhasePlan, gathered: &Gathered) {
        let figures = gathered.summary.finish();
        self.events.emit(Event::PhaseEnded {
            phase: phase.name.clone(),
            window_ms: figures.window_ms,
            failed: figures.counts.failed,
        });
    }

    /// The row of an exchange that proves readiness with the prompt of request `index`, and what is wrong with its answer.
    #[must_use]
    pub(super) fn judge(&self, exchange: &Exchange, index: u64) -> Judged {
        let asked = Asked::of(self.requests, self.model, index);
        self.judge_answer(exchange, &assemble(exchange), &asked)
    }

    /// How the server counted other tokens than were planned, where it did.
    fn token_mismatch(&self, sample: &Sample) -> Option<String> {
        if !sample.ok() || sample.tokens_from != Some(TokenSource::Usage) {
            return None;
        }
        let (input, output) = self.requests.planned(sample.index);
        let differs = |what: &str, planned: Option<u64>, counted: Option<u64>| {
            let planned = planned.filter(|planned| Some(*planned) != counted)?;
            let counted = counted.map_or_else(|| "none".to_owned(), |n| n.to_string());
            Some(format!(
                "{counted} {what} tokens counted, {planned} planned"
            ))
        };
        differs("prompt", input, sample.prompt_tokens)
            .or_else(|| differs("output", output, sample.output_tokens))
    }

    fn judge_answer(&self, exchange: &Exchange, answer: &Answer, asked: &Asked<'_>) -> Judged {
        let good = (200..300).contains(&answer.status);
        let whole = good && exchange.end == End::Complete;
        let miscount = whole.then(|| miscounted(asked, answer)).flatten();
        let breaches = if answered(exchange) {
            self.rules.check(exchange, answer, asked)
        } else {
            Vec::new()
        };
        let judgement = Judgement {
            status_accepted: self.rules.accept_status(answer.status),
            fault: good.then(|| asked.fault(answer)).flatten(),
            miscounted: miscount.as_ref().map(|(kind, _)| *kind),
            breach: breaches.first().map(ToString::to_string),
        };
        Judged {
            sample: Sample::new(exchange, answer, self.zero, judgement, self.keep_text),
            in_part: !answer.texts.is_empty() || answer.body.get("data").is_some(),
            generated: asked.api == ApiEndpoint::Embeddings || came(&answer.body),
            miscount,
            breaches,
        }
    }
}

/// One answer, judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// Its row.
    pub(super) sample: Sample,
    /// Whether it holds any part of an answer.
    pub(super) in_part: bool,
    /// Whether a model generated anything of it.
    generated: bool,
    /// How its token counts contradict what came.
    miscount: Option<(Miscount, String)>,
    /// The rules it breaks.
    pub(super) breaches: Vec<Breach>,
}

fn median(values: &mut [Nanos]) -> Option<Nanos> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable(middle).1)
}

/// Whether there is an answer to hold rules against.
fn answered(exchange: &Exchange) -> bool {
    exchange.status.is_some()
}
