//! Decides when to give up a phase: every request failed for a while, and no request that may still
//! succeed is left.

use super::{Driver, Flight};
use crate::measure::exchange::{End, Nanos};

/// Time between two checks after the first, in nanoseconds.
const CHECK_INTERVAL: Nanos = 100_000_000;

impl Driver<'_> {
    /// When to check a phase for the first time, given when it started.
    pub(super) fn first_check(&self, started: Nanos) -> Nanos {
        let limit = self.phases[self.current].patience.limit();
        limit.map_or(Nanos::MAX, |limit| started.saturating_add(limit))
    }

    /// Gives up this phase and all later ones if requests no longer succeed. Unsent requests are
    /// dropped.
    pub(super) fn give_up_if_failing(&mut self, now: Nanos) -> bool {
        let Some(limit) = self.phases[self.current].patience.limit() else {
            return false;
        };
        self.next_check = now.saturating_add(CHECK_INTERVAL.min(limit));
        let Some(since) = self.failing_since(now, limit) else {
            return false;
        };
        self.current_run().given_up = Some(now.saturating_sub(since));
        self.pass_on();
        self.end_all(|_, _| Some(End::Cancelled));
        self.finished.retain(|exchange| exchange.sent.is_some());
        self.pass_on();
        true
    }

    fn failing_since(&self, now: Nanos, limit: Nanos) -> Option<Nanos> {
        let begun = &self.phases[..=self.current];
        // A success may still be in the channel to the assessor, so wait until it has assessed all
        // of them.
        if begun.iter().map(|phase| phase.seen.assessed()).sum::<u64>() != self.ended {
            return None;
        }
        let flights = || {
            self.pool
                .slots
                .iter()
                .filter_map(|slot| slot.flight.as_ref())
        };
        let oldest_sent = flights().filter_map(|flight| flight.sent).min();
        let succeeded = begun.iter().map(|phase| phase.seen.succeeded_at()).max();
        let succeeded = succeeded.unwrap_or(0);
        let seen = self.phases[self.current].seen;
        let (since, is_stuck) = match seen.failing_for(limit, succeeded) {
            Some(since) => (since, false),
            None => (self.connecting_since(flights(), succeeded)?, true),
        };
        // A request that was sent before or soon after the failures began may still be answered. If
        // no connection can be made, no request is pending.
        let pending =
            oldest_sent.is_some_and(|sent| is_stuck || sent < since.saturating_add(limit));
        (!pending && now.saturating_sub(since) >= limit).then_some(since)
    }

    /// Since when connections have been awaited, if no request succeeded since.
    fn connecting_since<'f>(
        &self,
        flights: impl Iterator<Item = &'f Flight>,
        succeeded: Nanos,
    ) -> Option<Nanos> {
        let waiting = flights.filter(|flight| flight.sent.is_none() && flight.connect_began > 0);
        let since = waiting.map(|flight| flight.connect_began).min()?;
        (since >= succeeded).then_some(since)
    }
}
