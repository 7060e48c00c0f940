//! What `bench sim` can be told. Durations carry a unit: `us`, `ms`, `s` or `m`.

use clap::{Args, ValueEnum, value_parser};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The server whose answers, errors and metrics are imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flavour {
    /// vLLM's own API server.
    Vllm,
    /// Dynamo's frontend: `nvext` when asked for, unknown fields refused.
    Dynamo,
}

/// The engine's place, pace and faults.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// TCP port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,
    /// Served model name
    #[arg(long, value_name = "NAME", default_value = "sim")]
    pub model: String,
    /// Server to behave like
    #[arg(long, value_enum, default_value_t = Flavour::Vllm)]
    pub flavour: Flavour,
    /// Time from start to listening
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub startup: Duration,
    /// Time that the front takes over a request before the engine has it
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub frontend_delay: Duration,
    /// Prompt tokens read per second
    #[arg(long, value_name = "N", default_value = "20000", value_parser = rate)]
    pub prefill_tokens_per_s: f64,
    /// Time of one decode step, whatever runs
    #[arg(long, value_name = "DURATION", default_value = "4ms", value_parser = duration)]
    pub step: Duration,
    /// Time that each running sequence adds to a step
    #[arg(long, value_name = "DURATION", default_value = "50us", value_parser = duration)]
    pub step_per_sequence: Duration,
    /// Sequences that run at once; others queue
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u32).range(1..))]
    pub slots: u32,
    /// Least time that a sequence queues, slots or not
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub queue_delay: Duration,
    /// Most tokens of prompt and answer together
    #[arg(long, value_name = "TOKENS", default_value_t = 4096, value_parser = value_parser!(u32).range(2..))]
    pub max_model_len: u32,
    /// What goes wrong.
    #[command(flatten)]
    pub faults: Faults,
    /// Another server, which keeps a timetable.
    #[command(flatten)]
    pub exact: Exact,
}

/// A timetable in place of the batching model.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Timetable (of the other options, --host, --port, --drop-token-every and --double-token-every count)"
)]
pub(crate) struct Exact {
    /// Keep a timetable instead of imitating an engine
    #[arg(long)]
    pub exact: bool,
    /// Time from a request to its first token
    #[arg(long, value_name = "DURATION", default_value = "50ms", value_parser = duration, requires = "exact")]
    pub ttft: Duration,
    /// Time from one token to the next
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = duration, requires = "exact")]
    pub gap: Duration,
    /// Tokens of an answer whose request has no `max_tokens`
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..), requires = "exact")]
    pub tokens: u32,
    /// Write when each token was sent, one JSON line an answer (CLOCK_MONOTONIC, ns)
    #[arg(long, value_name = "FILE", requires = "exact")]
    pub truth: Option<PathBuf>,
    /// Send the first token of every N-th completion too late
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..), requires = "exact")]
    pub late_every: Option<u64>,
    /// How much too late
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = duration, requires = "late_every")]
    pub late_by: Duration,
}

/// Faults to order; several may be given. Completions are counted from 1 as valid requests arrive, readiness probes
/// included.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Faults (completions count from 1, readiness probes included)")]
pub(crate) struct Faults {
    /// Exit with code 1 and a traceback on stderr after N answered completions
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub crash_after: Option<u64>,
    /// Exit with code 1 and a traceback on stderr instead of listening
    #[arg(long)]
    pub fail_start: bool,
    /// Answer completions with this HTTP status
    #[arg(long, value_name = "CODE", value_parser = value_parser!(u16).range(400..600))]
    pub error_status: Option<u16>,
    /// Limit --error-status to every N-th completion
    #[arg(long, value_name = "N", requires = "error_status", value_parser = value_parser!(u64).range(1..))]
    pub error_every: Option<u64>,
    /// Let that many completions in a row meet --error-every
    #[arg(long, value_name = "N", requires = "error_every", value_parser = value_parser!(u64).range(1..))]
    pub error_burst: Option<u64>,
    /// Close the connection in the middle of every N-th completion
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub cut_every: Option<u64>,
    /// End streams without `[DONE]`
    #[arg(long)]
    pub no_done: bool,
    /// Break the JSON of every N-th completion (of a stream, its first event)
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub bad_json_every: Option<u64>,
    /// After N answered completions, send a first token at most and then nothing, with the connection open
    #[arg(long, value_name = "N")]
    pub stall_after: Option<u64>,
    /// Ignore SIGTERM (SIGINT and SIGKILL still end it)
    #[arg(long)]
    pub ignore_term: bool,
    /// Start a child process that leaves this one's group, or its family as well
    #[arg(long, value_enum, value_name = "HOW")]
    pub leave_child: Option<Leaving>,
    /// Count one completion token too many in `usage`
    #[arg(long)]
    pub wrong_usage: bool,
    /// Leave one token's text out of every N-th completion; `usage` still counts it
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub drop_token_every: Option<u64>,
    /// Say one token's text twice in every N-th completion; `usage` counts it once
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub double_token_every: Option<u64>,
    /// List no model
    #[arg(long)]
    pub unlisted_model: bool,
    /// List the model but answer 500 to completions for this long after listening
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub not_ready_for: Option<Duration>,
    /// Answer completions with 200 and text that is not JSON
    #[arg(long)]
    pub rubbish: bool,
    /// Serve from a process of another session and end the one that was started
    #[arg(long)]
    pub daemonise: bool,
    /// Write to the log without end, as fast as it takes it
    #[arg(long)]
    pub flood_log: bool,
}

/// How a child process leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Leaving {
    /// It calls `setsid`.
    Setsid,
    /// It is the child of a child that calls `setsid` and ends.
    DoubleFork,
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("needs a unit: 100us, 4ms, 2.5s or 1m".to_owned()),
    };
    number
        .parse()
        .ok()
        .and_then(|n: f64| Duration::try_from_secs_f64(n * seconds_per_unit).ok())
        .ok_or_else(|| format!("`{number}` is not a number of {unit}"))
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if n.is_finite() && n >= 1.0 => Ok(n),
        _ => Err("must be a number, 1 or more".to_owned()),
    }
}

#[cfg(test)]
#[path = "tests/options.rs"]
mod tests;
