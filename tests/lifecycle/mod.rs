//! What a run starts, and that nothing of it is left, however it ends.

mod answers;
mod asked;
mod compared;
mod echoed;
mod escaped;
mod failures;
mod faults;
mod full_disk;
mod hostile;
mod imported;
mod incomplete;
mod interrupts;
pub(crate) mod kills;
mod lies;
mod limits;
mod odd;
mod others;
mod output;
mod passes;
mod prompts;
mod records;
mod rounds;
mod secrets;
mod secure;
mod stopped;
mod streams;
mod supervised;
mod terminal;
mod tiers;
mod until;
mod up;
mod waiting;
mod watch;
mod where_from;

/// A small scenario on the embedded engine; `sim` and `rest` are put into it.
pub(super) fn scenario(sim: &str, rest: &str) -> String {
    format!(
        "version: 1
name: lifecycle
model: {{id: m}}
engine: {{sim: {{{sim}}}}}
prompts: {{inline: [one, two, three]}}
request: {{params: {{max_tokens: 8, temperature: 0}}, timeout: 20s}}
ready: {{timeout: 60s}}
{rest}
"
    )
}

/// A load of a second or so.
pub(super) const LOAD: &str = "load: {phases: [{closed: {concurrency: 4, requests: 40}}]}
verify: {every_response: [{status: 200}], gates: [error_rate == 0]}";

/// A load that lasts until it is interrupted.
pub(super) const LONG_LOAD: &str = "load: {phases: [{closed: {concurrency: 4, requests: 1000000}}]}
verify: {every_response: [{status: 200}]}";
