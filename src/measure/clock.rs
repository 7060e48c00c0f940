//! The only clock: CLOCK_MONOTONIC in nanoseconds. Also converts the kernel's receive timestamps,
//! which are CLOCK_REALTIME. docs/decisions/0003-clock.md gives the reasons.

use super::exchange::Nanos;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::{ClockId, clock_gettime};

/// Time after which the offset is sampled again, in nanoseconds.
const RESAMPLE_AFTER: Nanos = 1_000_000_000;
/// Both clocks are slewed together, so a change of their offset beyond the sampling error is a step
/// of the wall clock.
const STEP: u64 = 100_000;
/// A timestamp that is at most this much later than its read is a conversion error, and becomes the
/// time of the read.
const TOLERANCE: u64 = 50_000;
/// A timestamp that is this much earlier than its read is accepted only after sampling the offset
/// again.
const SUSPICIOUS: u64 = 10_000_000;

/// Now, on CLOCK_MONOTONIC.
#[must_use]
pub(crate) fn now() -> Nanos {
    read(ClockId::CLOCK_MONOTONIC)
}

/// CPU time that this process has used so far, user and system, all threads, in nanoseconds.
#[must_use]
pub(crate) fn cpu_time() -> Nanos {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        let ns = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
        u64::try_from(ns).unwrap_or(0)
    })
}

/// A kernel timestamp in nanoseconds; `None` if the kernel left it zero.
#[must_use]
pub(crate) fn stamp(time: TimeSpec) -> Option<u64> {
    u64::try_from(time.num_nanoseconds())
        .ok()
        .filter(|ns| *ns > 0)
}

fn read(clock: ClockId) -> u64 {
    // On Linux, neither clock can fail or be negative.
    clock_gettime(clock).map_or(0, |t| u64::try_from(t.num_nanoseconds()).unwrap_or(0))
}

/// CLOCK_REALTIME minus CLOCK_MONOTONIC, tracked over time.
#[derive(Debug, Clone)]
pub(crate) struct Realtime {
    offset: i64,
    sampled: Nanos,
    steps: u32,
}

impl Default for Realtime {
    fn default() -> Self {
        Self::new()
    }
}

impl Realtime {
    /// Samples the offset now.
    #[must_use]
    pub(crate) fn new() -> Self {
        let (offset, sampled) = sample();
        Self {
            offset,
            sampled,
            steps: 0,
        }
    }

    /// How often CLOCK_REALTIME was set during tracking.
    #[must_use]
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// Samples the offset again if the last sample is older than a second.
    pub(crate) fn keep(&mut self, now: Nanos) {
        if now.saturating_sub(self.sampled) >= RESAMPLE_AFTER {
            self.resample();
        }
    }

    /// Converts a receive timestamp (CLOCK_REALTIME) to CLOCK_MONOTONIC. `user` is when the read
    /// returned, `since` a time before which the bytes cannot have arrived. `None` if the timestamp
    /// contradicts either, because the wall clock was set meanwhile.
    pub(crate) fn monotonic_of(&mut self, stamp: u64, since: Nanos, user: Nanos) -> Option<Nanos> {
        self.keep(user);
        let mut at = self.shift(stamp);
        if user.saturating_sub(at) > SUSPICIOUS || at > user + TOLERANCE {
            self.resample();
            at = self.shift(stamp);
        }
        let possible = at <= user + TOLERANCE && at + TOLERANCE >= since;
        possible.then(|| at.clamp(since.min(user), user))
    }

    fn shift(&self, stamp: u64) -> Nanos {
        u64::try_from(i128::from(stamp) - i128::from(self.offset)).unwrap_or(0)
    }

    fn resample(&mut self) {
        let (offset, sampled) = sample();
        self.adopt(offset, sampled);
    }

    fn adopt(&mut self, offset: i64, sampled: Nanos) {
        if offset.abs_diff(self.offset) > STEP {
            self.steps += 1;
        }
        self.offset = offset;
        self.sampled = sampled;
    }
}

/// The tightest of several readings of one clock between two readings of the other: (offset, time).
fn sample() -> (i64, Nanos) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..4 {
        let before = now();
        let real = read(ClockId::CLOCK_REALTIME);
        let after = now();
        let width = after.saturating_sub(before);
        if width < best.0 {
            let middle = before + width / 2;
            best = (width, real.cast_signed() - middle.cast_signed(), after);
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
#[path = "tests/clock.rs"]
mod tests;
