//! Processes of engines: the warden that owns them, their ports, logs, readiness and end. A
//! [`Topology`] is the runner's handle on a warden. Dropping it takes everything down.

mod alarm;
mod containment;
mod handle;
mod holders;
mod kept;
pub(crate) mod leftovers;
mod link;
mod listeners;
pub(crate) mod logs;
pub(crate) mod ports;
mod probe;
mod proc;
mod process;
pub(crate) mod proof;
mod protocol;
mod raw;
pub(crate) mod ready;
pub(crate) mod registry;
pub(crate) mod scratch;
mod stalled;
pub(crate) mod supervised;
pub(crate) mod trust;
pub(crate) mod warden;

pub(crate) use alarm::{Alarm, BackOff, pause};
pub(crate) use containment::Containment;
pub(crate) use handle::{Killer, Topology};
pub(crate) use process::polite_signals;

use std::path::PathBuf;

/// Why a topology is not up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The warden could not be started or has gone.
    #[error("the warden that supervises the engines {0}")]
    Warden(String),
    /// A process could not be executed.
    #[error("{process} could not be started: {reason}")]
    Refused {
        /// Name of the process.
        process: String,
        /// The system's reason.
        reason: String,
    },
    /// A process ended although it should run.
    #[error("{process} ended with {status} {when}")]
    Died {
        /// Name of the process.
        process: String,
        /// `exit code 1`, `signal 9 (KILL)`.
        status: String,
        /// `while starting`, `under load`.
        when: &'static str,
        /// Path of its log.
        log: PathBuf,
    },
    /// A process does not answer its probe.
    #[error("{process} was not ready after {seconds} s: {last}")]
    NotReady {
        /// Name of the process, or `the topology`.
        process: String,
        /// The time limit, in seconds.
        seconds: u64,
        /// What the last probe found.
        last: String,
        /// The log of the process, or the logs of all processes.
        logs: Vec<PathBuf>,
    },
    /// Another process listens on a port that was free when it was reserved.
    #[error("port {port} of {process} is answered by {holder}, which this run did not start")]
    PortTaken {
        /// The process that the port is meant for.
        process: String,
        /// The port.
        port: u16,
        /// The process that listens, in words.
        holder: String,
    },
    /// The topology answers, but not as the scenario demands.
    #[error("{0}")]
    Unproven(String),
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// A process that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Name of the process.
    pub process: String,
    /// `exit code 1`, `signal 9 (KILL)`.
    pub status: String,
}
