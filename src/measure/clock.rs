//! The one clock: CLOCK_MONOTONIC in nanoseconds, and the bridge from the kernel's receive stamps, which are
//! CLOCK_REALTIME, to it. docs/decisions/0003-clock.md says why.

use super::exchange::Nanos;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::{ClockId, clock_gettime};

/// How long an offset is trusted before it is sampled again, in nanoseconds.
const RESAMPLE_AFTER: Nanos = 1_000_000_000;
/// Both clocks are slewed together, so a change of their offset beyond the error of sampling it is a step.
const STEP: u64 = 100_000;
/// A stamp this far after the read that returned it is an error of conversion and is moved to the read.
const TOLERANCE: u64 = 50_000;
/// A stamp this far before the read that returned it is believed only after a fresh sample of the offset.
const SUSPICIOUS: u64 = 10_000_000;

/// Now, on CLOCK_MONOTONIC.
#[must_use]
pub fn now() -> Nanos {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Processor time that this process has used so far, user and system, all threads, in nanoseconds.
#[must_use]
pub fn cpu_time() -> Nanos {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        let ns = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
        u64::try_from(ns).unwrap_or(0)
    })
}

/// A kernel timestamp as nanoseconds; `None` where the kernel left it zero.
#[must_use]
pub fn stamp(time: TimeSpec) -> Option<u64> {
    u64::try_from(time.num_nanoseconds())
        .ok()
        .filter(|ns| *ns > 0)
}

fn read(clock: ClockId) -> u64 {
    // Neither clock can fail or be negative on Linux.
    clock_gettime(clock).map_or(0, |t| u64::try_from(t.num_nanoseconds()).unwrap_or(0))
}

/// CLOCK_REALTIME minus CLOCK_MONOTONIC, followed over time.
#[derive(Debug, Clone)]
pub struct Realtime {
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
    pub fn new() -> Self {
        let (offset, sampled) = sample();
        Self {
            offset,
            sampled,
            steps: 0,
        }
    }

    /// How often CLOCK_REALTIME was set while this was watched.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Samples the offset again when the last sample is a second old.
    pub fn keep(&mut self, now: Nanos) {
        if now.saturating_sub(self.sampled) >= RESAMPLE_AFTER {
            self.resample();
        }
    }

    /// Moves a receive stamp (CLOCK_REALTIME) to CLOCK_MONOTONIC. `user` is when the read returned and `since` an instant
    /// that the bytes can't precede. `None` when the stamp contradicts either: the wall clock was set meanwhile.
    pub fn to_monotonic(&mut self, stamp: u64, since: Nanos, user: Nanos) -> Option<Nanos> {
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

/// The tightest of a few brackets of one clock by the other: (offset, when).
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
