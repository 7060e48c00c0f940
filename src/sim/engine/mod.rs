//! The timing model: continuous batching on one thread. Sequences queue for slots, an admitted
//! sequence delays the step it joins by its prefill, and every step gives each running sequence one
//! token. Steps end at absolute deadlines, each counted from the previous one, so that a late
//! wake-up does not accumulate.

#[cfg(test)]
mod tests;

use super::metrics::{Figures, Metrics};
use super::options::Options;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// One sequence to generate. It leaves the engine when its receiver is dropped.
#[derive(Debug)]
pub(super) struct Job {
    /// Index of its choice in the request.
    pub(super) choice: usize,
    pub(super) prompt_tokens: u32,
    /// Tokens to generate, at least 1.
    pub(super) length: u32,
    /// Time that the frontend spent before.
    pub(super) front: Duration,
    pub(super) received: Instant,
    pub(super) tokens: UnboundedSender<Token>,
}

/// One generated token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) choice: usize,
    /// Index of the token within its choice.
    pub(super) position: u32,
    /// Sent with the last token.
    pub(super) timing: Option<Timing>,
}

/// Where a sequence's time went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    /// From the request to its receipt by the engine, spent in the frontend.
    pub(super) front: Duration,
    /// From receipt to admission.
    pub(super) wait: Duration,
    /// From admission to the first token.
    pub(super) prefill: Duration,
    /// From receipt to the last token.
    pub(super) total: Duration,
}

/// The running engine. Its thread ends once this is dropped and the last sequence is complete.
#[derive(Debug)]
pub(super) struct Engine {
    inbox: Sender<Job>,
}

impl Engine {
    pub(super) fn start(options: &Options, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (inbox, jobs) = mpsc::channel();
        let batch = Batch::new(options, metrics);
        thread::Builder::new()
            .name("sim-engine".to_owned())
            .spawn(move || batch.run(&jobs))?;
        Ok(Self { inbox })
    }

    /// Queues a sequence.
    pub(super) fn submit(&self, job: Job) {
        // The thread outlives this handle. A failed send would drop the job, which ends its answer.
        let _ = self.inbox.send(job);
    }
}

#[derive(Debug)]
struct Batch {
    prefill_tokens_per_s: f64,
    step: Duration,
    step_per_sequence: Duration,
    slots: usize,
    queue_delay: Duration,
    metrics: Arc<Metrics>,
    waiting: VecDeque<Job>,
    running: Vec<Sequence>,
    /// The planned end of the last step.
    clock: Instant,
}

#[derive(Debug)]
struct Sequence {
    job: Job,
    generated: u32,
    admitted: Instant,
    first_token: Instant,
    last_token: Instant,
}

impl Batch {
    fn new(options: &Options, metrics: Arc<Metrics>) -> Self {
        Self {
            prefill_tokens_per_s: options.prefill_tokens_per_s,
            step: options.step,
            step_per_sequence: options.step_per_sequence,
            slots: options.slots as usize,
            queue_delay: options.queue_delay,
            metrics,
            waiting: VecDeque::new(),
            running: Vec::new(),
            clock: Instant::now(),
        }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            if self.waiting.is_empty() && self.running.is_empty() {
                let Ok(job) = jobs.recv() else { return };
                self.waiting.push_back(job);
            }
            self.waiting.extend(jobs.try_iter());
            let end = self.begin_step();
            thread::sleep(end.saturating_duration_since(Instant::now()));
            self.end_step(end);
        }
    }

    /// Admits the sequences that had arrived when the step began. Returns when the step ends.
    fn begin_step(&mut self) -> Instant {
        self.waiting.retain(|job| !job.tokens.is_closed());
        if self.running.is_empty()
            && let Some(job) = self.waiting.front()
        {
            self.clock = self.clock.max(job.received + self.queue_delay);
        }
        let mut prefill = Duration::ZERO;
        while self.running.len() < self.slots
            && let Some(job) = self
                .waiting
                .pop_front_if(|job| job.received + self.queue_delay <= self.clock)
        {
            prefill +=
                Duration::from_secs_f64(f64::from(job.prompt_tokens) / self.prefill_tokens_per_s);
            self.running.push(Sequence::admit(job, self.clock));
        }
        self.metrics.update(|figures| {
            figures.running = self.running.len();
            figures.waiting = self.waiting.len();
            figures.kv_tokens = self.running.iter().map(Sequence::tokens).sum();
        });
        match u32::try_from(self.running.len()).unwrap_or(u32::MAX) {
            0 => self.clock,
            n => self.clock + prefill + self.step + self.step_per_sequence * n,
        }
    }

    /// Gives every running sequence its token.
    fn end_step(&mut self, end: Instant) {
        self.clock = end;
        self.metrics.update(|figures| {
            self.running
                .retain_mut(|sequence| sequence.advance(end, figures));
            figures.running = self.running.len();
            figures.kv_tokens = self.running.iter().map(Sequence::tokens).sum();
        });
    }
}

impl Sequence {
    fn admit(job: Job, now: Instant) -> Self {
        Self {
            job,
            generated: 0,
            admitted: now,
            first_token: now,
            last_token: now,
        }
    }

    /// Tokens that it occupies in the cache.
    fn tokens(&self) -> u64 {
        u64::from(self.job.prompt_tokens) + u64::from(self.generated)
    }

    /// Generates one token. Returns false once the sequence is complete or its receiver is gone.
    fn advance(&mut self, now: Instant, figures: &mut Figures) -> bool {
        let job = &self.job;
        if self.generated == 0 {
            self.first_token = now;
            figures.first_token(job.prompt_tokens, now - job.received, job.front);
        } else {
            figures.next_token(now - self.last_token);
        }
        self.last_token = now;
        self.generated += 1;
        let timing = (self.generated == job.length).then(|| Timing {
            front: job.front,
            wait: self.admitted - job.received,
            prefill: self.first_token - self.admitted,
            total: now - job.received,
        });
        if let Some(timing) = timing {
            figures.finished(job.prompt_tokens, job.length, timing);
        }
        let token = Token {
            choice: job.choice,
            position: self.generated - 1,
            timing,
        };
        job.tokens.send(token).is_ok() && timing.is_none()
    }
}
