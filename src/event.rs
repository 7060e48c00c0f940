//! Events of a run, typed and serialisable. The runner and its rooms emit them. Progress, the record and the log
//! consume them.

use crate::measure::lifecycle::{PhaseKind, StageKind, StopSignal};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{Receiver, Sender};

/// One event of a run. The consumer adds the time, in milliseconds since the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A variant starts.
    VariantStarted {
        /// Name of the variant.
        variant: String,
        /// Kind of its engine.
        engine: String,
        /// Number of the round, from 1, if there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
        /// Whether the engine runs since the previous round.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        up: bool,
    },
    /// A process was started.
    ProcessStarted {
        /// Name of the process.
        process: String,
        /// Id of the process.
        pid: i32,
    },
    /// A stage of the start-up ended: a process answered its probes, or completions proved the whole topology.
    StageReady {
        /// Name of the process, or `topology`.
        process: String,
        /// The kind of stage.
        stage: StageKind,
        /// Duration of the stage, in milliseconds.
        ms: f64,
    },
    /// An endpoint or the topology does not serve requests yet. The run waits for it.
    Waiting {
        /// URL of the endpoint, or `the topology`.
        whom: String,
        /// Reason why the last try failed.
        reason: String,
        /// Duration of the wait so far, in milliseconds.
        waited_ms: f64,
        /// Limit on the wait, in milliseconds.
        limit_ms: f64,
    },
    /// A process ended.
    ProcessExited {
        /// Name of the process.
        process: String,
        /// How it ended: `exit code 1`, `signal 9 (KILL)`.
        status: String,
        /// Whether `bench` had told it to stop.
        expected: bool,
    },
    /// A signal was sent to the group of a process.
    Signalled {
        /// Name of the process.
        process: String,
        /// The signal.
        signal: StopSignal,
    },
    /// A phase of the load starts.
    PhaseStarted {
        /// Name of the phase.
        phase: String,
        /// Kind of the phase. Older records have none.
        #[serde(default)]
        kind: PhaseKind,
        /// Number of requests of the phase, if known.
        requests: Option<u64>,
    },
    /// Progress of a phase.
    PhaseProgress {
        /// Name of the phase.
        phase: String,
        /// Number of requests that succeeded or failed.
        done: u64,
        /// Number of requests of the phase, if known.
        requests: Option<u64>,
        /// Number of requests that failed.
        failed: u64,
        /// Median time to first token since the previous progress event, in milliseconds.
        ttft_p50_ms: Option<f64>,
    },
    /// A phase ended.
    PhaseEnded {
        /// Name of the phase.
        phase: String,
        /// Window of the phase, in milliseconds.
        window_ms: f64,
        /// Number of requests that failed.
        failed: u64,
    },
    /// The load was given up, because no request of a phase succeeded for too long.
    GivenUp {
        /// Name of the phase.
        phase: String,
        /// How long, and the last failure.
        reason: String,
    },
    /// The teardown starts.
    TeardownStarted {
        /// Reason of the teardown.
        reason: TeardownReason,
    },
    /// The teardown ended: all processes are gone.
    TeardownEnded {
        /// Duration of the teardown, in milliseconds.
        ms: f64,
    },
    /// A warning for the user that does not end the run.
    Warning {
        /// Text of the warning.
        message: String,
    },
}

/// Reason of a teardown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeardownReason {
    /// The run is complete.
    Done,
    /// The topology or the load failed.
    Failed,
    /// The user interrupted the run.
    Interrupted,
}

impl TeardownReason {
    /// Name of the reason in records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Sender of events. It is cheap to clone and to send to other threads.
#[derive(Debug, Clone)]
pub(crate) struct Events(Sender<Event>);

impl Events {
    /// Creates a sender and its receiver.
    #[must_use]
    pub(crate) fn channel() -> (Self, Receiver<Event>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }

    /// Emits one event. A run does not fail if the consumer is gone.
    ///
    /// # Panics
    /// In a debug build, panics at the event that BENCH_PANIC_AT names, so that tests can check what a panic leaves
    /// behind.
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
    assert!(
        event["event"] != *name,
        "requested by BENCH_PANIC_AT={name}"
    );
}
