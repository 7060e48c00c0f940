//! Upper limits of the values in a scenario. The schema and the checks read the same numbers.

use super::units::Time;
pub(super) use crate::engine::PROCESSES;

/// Requests in flight at once. Each needs a connection.
pub(super) const CONCURRENCY: u32 = 10_000;
/// Requests of one phase, and of the warm-up.
pub(super) const REQUESTS: u64 = 10_000_000;
/// Longest duration of one phase.
pub(crate) const PHASE: Time = Time::from_secs(24 * 3600);
/// Batches of one phase.
pub(super) const BATCHES: u32 = 1_000_000;
/// Rounds of one comparison.
pub(super) const ROUNDS: u32 = 100;
/// Smallest number of rounds from which noise can be estimated.
pub(super) const FEWEST_ROUNDS: u32 = 4;
/// Metrics that one comparison judges.
pub(super) const JUDGED: usize = 4;
/// Prompts in one request.
pub(super) const PROMPTS_PER_REQUEST: u32 = 1_024;
/// Completions that prove readiness.
pub(super) const COMPLETIONS: u32 = 100;
/// Characters in the name of a scenario, variant or phase.
pub(super) const NAME: usize = 64;
/// Tokens of one prompt or answer.
pub(crate) const TOKENS: u32 = 10_000_000;
/// Groups of prompts that share a prefix.
pub(super) const GROUPS: u32 = 1_000_000;
/// Turns of one conversation.
pub(super) const TURNS: u32 = 1_000;
