//! Reads the metrics endpoints of a running topology: before and after a phase, and periodically
//! during it, on threads that drive no load.

use super::gpu::Gpus;
use super::reading::{Reading, Unread, window};
use crate::measure::clock;
use crate::measure::server::{Gauge, ServerSample, ServerWindow, Told};
use crate::tls;
use indexmap::IndexMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Interval of samples during a phase.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of one reading.
const LIMIT: Duration = Duration::from_secs(2);
/// Consecutive timeouts after which an endpoint is no longer read, because each one delays the run.
const PATIENCE: u32 = 2;
/// Largest text that is read, in bytes. vLLM's and Dynamo's have about 100 KB.
const LARGEST: u64 = 16 << 20;
/// How long the last counts of a phase may take to appear, and the interval between readings.
const SETTLE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// The metrics endpoints of one topology.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    agent: ureq::Agent,
    limit: Duration,
    pages: Vec<Page>,
}

/// One metrics endpoint.
#[derive(Debug, Clone)]
struct Page {
    /// Name of its process.
    source: String,
    url: String,
    /// Consecutive timeouts.
    silent: Arc<AtomicU32>,
    /// Why the first reading failed. Later failures repeat it, so that the user hears of each
    /// endpoint once.
    why: Arc<OnceLock<String>>,
}

/// Tells a watch how far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchSignal {
    /// One phase was followed by the next.
    HandedOver,
    /// The phases have ended.
    Ended,
}

/// What was observed during one of several phases.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// The reading at the end of the previous phase.
    pub from: Option<Reading>,
    /// Its sampled levels.
    pub gauges: IndexMap<String, Gauge>,
}

impl Pages {
    /// Creates the endpoints from these addresses, by process.
    #[must_use]
    pub(crate) fn new(pages: Vec<(String, String)>) -> Self {
        Self::within(LIMIT, pages)
    }

    fn within(limit: Duration, pages: Vec<(String, String)>) -> Self {
        let secure = pages.iter().any(|(_, url)| url.starts_with("https:"));
        let page = |(source, url)| Page {
            source,
            url,
            silent: Arc::default(),
            why: Arc::default(),
        };
        Self {
            agent: tls::agent(limit, secure),
            limit,
            pages: pages.into_iter().map(page).collect(),
        }
    }

    /// Reads every endpoint now, in parallel: one that hangs delays no other.
    #[must_use]
    pub(crate) fn read(&self) -> Reading {
        let mut reading = Reading::new(clock::now());
        let texts: Vec<Result<String, Unread>> = match &self.pages[..] {
            [page] => vec![self.fetch(page)],
            pages => thread::scope(|scope| {
                let fetch = |page| {
                    let thread = thread::Builder::new();
                    let beside = thread.spawn_scoped(scope, move || self.fetch(page));
                    (page, beside)
                };
                let all: Vec<_> = pages.iter().map(fetch).collect();
                let joined = all.into_iter().map(|(page, beside)| match beside {
                    Ok(beside) => beside.join(),
                    // If no more threads can be started, read one after the other.
                    Err(_) => Ok(self.fetch(page)),
                });
                joined
                    .map(|text| text.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            }),
        };
        for (page, text) in self.pages.iter().zip(texts) {
            match text {
                Ok(text) => reading.add(&page.source, &text),
                Err(unread) => reading.failed.push(unread),
            }
        }
        reading
    }

    /// Reads every endpoint until the counters stand still: engines count a request a moment after
    /// its last byte.
    #[must_use]
    pub(crate) fn settled(&self) -> Reading {
        let mut last = self.read();
        let first = last.at;
        while last.failed.is_empty() && Duration::from_nanos(last.at - first) < SETTLE {
            std::thread::sleep(LOOK);
            let next = self.read();
            let still = next.same_counters(&last);
            last = next;
            if still {
                break;
            }
        }
        last
    }

    /// Samples levels, including those of the GPUs, until told to end. The phases change
    /// `handed_over` times. Passes each sample to `row`, with the index of its phase.
    pub(crate) fn watch(
        &self,
        signals: &Receiver<WatchSignal>,
        handed_over: usize,
        zero: u64,
        mut row: impl FnMut(usize, &ServerSample),
    ) -> Vec<Watched> {
        let mut all = vec![Watched::default()];
        let gpus = Gpus::open();
        let mut wait = INTERVAL / 2;
        loop {
            let signal = signals.recv_timeout(wait);
            if matches!(
                signal,
                Ok(WatchSignal::Ended) | Err(RecvTimeoutError::Disconnected)
            ) {
                break;
            }
            let began = clock::now();
            let reading = self.read();
            let mut sample = reading.sample(zero);
            sample.gauges.extend(gpus.levels());
            if signal.is_ok() && all.len() <= handed_over {
                all.push(Watched {
                    from: Some(reading),
                    ..Watched::default()
                });
            }
            let phase = all.len() - 1;
            for (name, value) in &sample.gauges {
                let gauges = &mut all[phase].gauges;
                gauges.entry(name.clone()).or_default().add(*value);
            }
            if !(sample.gauges.is_empty() && sample.counters.is_empty()) {
                row(phase, &sample);
            }
            wait = INTERVAL.saturating_sub(Duration::from_nanos(clock::now() - began));
        }
        all.resize_with(handed_over + 1, Watched::default);
        all
    }

    /// What changed between two readings, combined with what the answers reported; `None` if
    /// nothing is known.
    #[must_use]
    pub(crate) fn window(
        &self,
        before: &Reading,
        after: &Reading,
        gauges: IndexMap<String, Gauge>,
        told: &Told,
    ) -> Option<ServerWindow> {
        let mut window = window(before, after, gauges);
        window.times.extend(told.times());
        let failed = before.failed.iter().chain(&after.failed);
        let known = [
            window.times.is_empty(),
            window.counters.is_empty(),
            window.gauges.is_empty(),
            failed.clone().all(|unread| unread.missing),
        ];
        known.contains(&false).then_some(window)
    }

    /// Reads one endpoint, unless it timed out too often.
    fn fetch(&self, page: &Page) -> Result<String, Unread> {
        let Page {
            source,
            url,
            silent,
            why: first,
        } = page;
        let unread = |missing, why: String| {
            let said = || format!("no metrics of {source}: GET {url} {why}");
            let why = first.get_or_init(said).clone();
            Unread { why, missing }
        };
        let hangs = || {
            unread(
                false,
                format!("did not answer within {} s", self.limit.as_secs_f64()),
            )
        };
        if silent.load(Relaxed) >= PATIENCE {
            return Err(hangs());
        }
        let failed = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => {
                silent.fetch_add(1, Relaxed);
                hangs()
            }
            error => unread(false, format!("failed: {error}")),
        };
        let mut answer = self.agent.get(url).call().map_err(failed)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(unread(status == 404, format!("answered {status}")));
        }
        let body = answer.body_mut().with_config().limit(LARGEST);
        let text = body.lossy_utf8(true).read_to_string().map_err(failed)?;
        silent.store(0, Relaxed);
        Ok(text)
    }
}

#[cfg(test)]
#[path = "tests/scrape.rs"]
mod tests;
