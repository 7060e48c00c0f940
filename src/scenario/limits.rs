//! How much a scenario may ask for. The schema and the checks read the same numbers.

use super::units::Time;
pub(super) use crate::engine::PROCESSES;

/// Requests in flight at once; each is a connection.
pub(super) const CONCURRENCY: u32 = 10_000;
/// Requests of one phase, and of the warm-up.
pub(super) const REQUESTS: u64 = 10_000_000;
/// How long one phase may last.
pub(crate) const PHASE: Time = Time::from_secs(24 * 3600);
/// Batches of one phase.
pub(super) const BATCHES: u32 = 1_000_000;
/// Rounds of one comparison.
pub(super) const ROUNDS: u32 = 100;
/// Fewer rounds than this leave nothing to estimate noise from.
pub(super) const FEWEST_ROUNDS: u32 = 4;
/// Metrics that one comparison may judge.
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
