//! What happens during a run, as typed, serialisable events. The runner and its rooms emit them; progress, the record and
//! the log consume them.

use crate::measure::lifecycle::{PhaseKind, StageKind, StopSignal};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, Sender};

/// One thing that happened. Times are milliseconds since the run began, added by the consumer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A variant's turn begins.
    VariantStarted {
        /// Its name.
        variant: String,
        /// Its engine.
        engine: String,
        /// Which round, from 1, where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
        /// Whether its engine is up from the round before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        up: bool,
    },
    /// A process was started.
    ProcessStarted {
        /// Its name.
        process: String,
        /// Its process id.
        pid: i32,
    },
    /// A stage of start-up is done: a process answered its probes, or completions proved the whole.
    StageReady {
        /// The process, or `topology`.
        process: String,
        /// What it waited for.
        stage: StageKind,
        /// How long it took, in milliseconds.
        ms: f64,
    },
    /// Something does not serve yet, and is still waited for.
    Waiting {
        /// What is waited for: an endpoint's URL, or `the topology`.
        whom: String,
        /// Why the last try failed.
        reason: String,
        /// How long it was waited for so far, in milliseconds.
        waited_ms: f64,
        /// How long it is waited for at most, in milliseconds.
        limit_ms: f64,
    },
    /// A process ended.
    ProcessExited {
        /// Its name.
        process: String,
        /// `exit code 1`, `signal 9 (KILL)`.
        status: String,
        /// Whether `bench` had asked it to stop.
        expected: bool,
    },
    /// A signal was sent to a process's group.
    Signalled {
        /// The process.
        process: String,
        /// Which.
        signal: StopSignal,
    },
    /// A phase of load begins.
    PhaseStarted {
        /// Its name.
        phase: String,
        /// Its kind; older records have none.
        #[serde(default)]
        kind: PhaseKind,
        /// Requests it will send, where that is known.
        requests: Option<u64>,
    },
    /// How far a phase is.
    PhaseProgress {
        /// Its name.
        phase: String,
        /// Requests answered or failed.
        done: u64,
        /// Requests it will send, where that is known.
        requests: Option<u64>,
        /// Of those done, how many failed.
        failed: u64,
        /// Median time to first token since the last of these, in milliseconds.
        ttft_p50_ms: Option<f64>,
    },
    /// A phase is over.
    PhaseEnded {
        /// Its name.
        phase: String,
        /// Its window in milliseconds.
        window_ms: f64,
        /// Requests that failed.
        failed: u64,
    },
    /// A phase was ended because nothing succeeded for too long, and the load with it.
    GivenUp {
        /// Its name.
        phase: String,
        /// For how long, and the last failure.
        reason: String,
    },
    /// Teardown begins.
    TeardownStarted {
        /// Why.
        reason: TeardownReason,
    },
    /// Nothing is left.
    TeardownEnded {
        /// How long it took, in milliseconds.
        ms: f64,
    },
    /// Something the reader should know that did not end the run.
    Warning {
        /// In words.
        message: String,
    },
}

/// Why everything is taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeardownReason {
    /// The work is done.
    Done,
    /// The topology or the work failed.
    Failed,
    /// The user interrupted it.
    Interrupted,
}

impl TeardownReason {
    /// Its word in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Where events are emitted to; cheap to clone and to send to other threads.
#[derive(Debug, Clone)]
pub(crate) struct Events(Sender<Event>);

impl Events {
    /// A sink, and the end that consumes.
    #[must_use]
    pub(crate) fn channel() -> (Self, Receiver<Event>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }

    /// Emits one event. A consumer that has gone away is no reason to fail a run.
    ///
    /// # Panics
    /// In a debug build, at the event that BENCH_PANIC_AT names, so that tests see what a panic leaves.
    pub(crate) fn emit(&self, event: Event) {
        #[cfg(debug_assertions)]
        panic_at(&event);
        let _ = self.0.send(event);
    }
}

#[cfg(debug_assertions)]
fn panic_at(event: &Event) {
    let Ok(name) = std::env::var("BENCH_PANIC_AT") else {
        return;
    };
    let event = serde_json::to_value(event).unwrap_or_default();
    assert!(event["event"] != *name, "ordered by BENCH_PANIC_AT={name}");
}
