//! Shows the progress of a run: one line on stderr for each relevant event, and on a terminal also the current
//! activities ([`Live`]).

mod live;

pub(crate) use live::Live;

use crate::event::{Event, TeardownReason};
use crate::measure::lifecycle::{StageKind, StopSignal};
use std::io::Write;

/// Renders an event as a line. `None` if the event is not shown.
#[must_use]
pub(crate) fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::VariantStarted {
            variant,
            engine,
            round,
            up,
        } => {
            let round = round.map_or(String::new(), |round| format!(", round {round}"));
            let starting = if *up { "with" } else { "starting" };
            format!("{variant}{round}: {starting} {engine}")
        }
        Event::ProcessStarted { process, pid } => format!("  {process} started (pid {pid})"),
        Event::StageReady { process, stage, ms } => match stage {
            StageKind::Completions => {
                format!("  {process} proven by real completions in {}", time(*ms))
            }
            StageKind::Probe => format!("  {process} ready in {}", time(*ms)),
        },
        Event::Waiting {
            whom,
            reason,
            waited_ms,
            limit_ms,
        } => {
            let (waited, limit) = (time(*waited_ms), time(*limit_ms));
            format!("  waiting for {whom} ({waited} of at most {limit}): {reason}")
        }
        Event::ProcessExited {
            process,
            status,
            expected: false,
        } => format!("  {process} ended with {status}"),
        Event::PhaseStarted {
            phase, requests, ..
        } => match requests {
            Some(requests) => format!("  {phase}: {requests} requests"),
            None => format!("  {phase}: starts"),
        },
        Event::PhaseProgress {
            phase,
            done,
            requests,
            failed,
            ..
        } => format!(
            "  {phase}: {}{}",
            progress(*done, *requests),
            failures(*failed)
        ),
        Event::PhaseEnded {
            phase,
            window_ms,
            failed,
        } => format!(
            "  {phase}: done in {}{}",
            time(*window_ms),
            failures(*failed)
        ),
        Event::GivenUp { phase, reason } => format!("  {phase}: given up: {reason}"),
        Event::TeardownStarted { reason } => match reason {
            TeardownReason::Done => return None,
            TeardownReason::Failed | TeardownReason::Interrupted => {
                format!("  taking everything down ({})", reason.word())
            }
        },
        Event::TeardownEnded { ms } => format!("  all processes gone in {}", time(*ms)),
        Event::Signalled { process, signal } => match signal {
            StopSignal::Kill => format!("  {process} did not stop in time: KILL"),
            StopSignal::Term => return None,
        },
        Event::Warning { message } => format!("warning: {message}"),
        Event::ProcessExited { expected: true, .. } => return None,
    };
    Some(line)
}

/// Writes the line of an event. A run does not fail if stderr is closed.
pub(crate) fn tell(event: &Event, to: &mut impl Write) {
    if let Some(line) = line(event) {
        let _ = writeln!(to, "{line}");
    }
}

fn time(ms: f64) -> String {
    if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1e3)
    }
}

/// `12/400`, or `12 requests` where the total is unknown.
fn progress(done: u64, requests: Option<u64>) -> String {
    match requests {
        Some(requests) => format!("{done}/{requests}"),
        None => format!("{done} requests"),
    }
}

fn failures(failed: u64) -> String {
    if failed == 0 {
        String::new()
    } else {
        format!(", {failed} failed")
    }
}
