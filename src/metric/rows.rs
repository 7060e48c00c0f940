//! The rows. A new metric is a row here and the code in `measure` that reads its value, which the compiler asks for.

use super::row::{Better, Limit, Need, Row, Scope, Unit};
use super::statistic::Statistic;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// A type with one variant a row.
macro_rules! metrics {
    ($(#[$about:meta])* $name:ident: $($metric:ident = $row:expr,)+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($metric,)+
        }

        impl $name {
            /// Every one, in the order of records and reports.
            pub const ALL: [Self; [$(stringify!($metric)),+].len()] = [$(Self::$metric),+];

            /// What is known of it.
            #[must_use]
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$metric => {
                        const ROW: Row = $row;
                        &ROW
                    })+
                }
            }

            /// The one of this name in gates.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.row().name == name)
            }
        }
    };
}

/// What tables show of most times.
const USUAL: &[Statistic] = &[Statistic::P50, Statistic::P95, Statistic::P99];

/// What most times of requests have alike.
const TIME: Row = Row {
    name: "",
    key: "",
    label: "",
    title: "",
    unit: Unit::Ms,
    better: Better::Lower,
    scope: Scope::Request,
    needs: &[],
    above_zero: false,
    within: None,
    shown: &[],
    definition: "",
};

/// A number of a phase.
const PHASE: Row = Row {
    scope: Scope::Phase,
    ..TIME
};

/// A time of a topology.
const TOPOLOGY: Row = Row {
    scope: Scope::Topology,
    ..TIME
};

/// A time that the server keeps.
const SERVER: Row = Row {
    scope: Scope::Server,
    ..TIME
};

metrics! {
    /// A metric with many values a phase, which statistics sum up. Its value of a request is read in `measure::values`.
    Timing:
    Ttft = Row {
        name: "ttft",
        key: "ttft_ms",
        label: "TTFT",
        title: "Time to first token (TTFT)",
        needs: &[Need::Stream],
        above_zero: true,
        within: Some(Limit::Request),
        shown: USUAL,
        definition: "first text event - sent",
        ..TIME
    },
    TtftFromDue = Row {
        name: "ttft_from_due",
        key: "ttft_from_due_ms",
        label: "TTFT from due",
        title: "Time to first token, from when the request was due",
        needs: &[Need::Stream],
        above_zero: true,
        shown: &[Statistic::P99_9],
        definition: "first text event - due",
        ..TIME
    },
    FirstChunk = Row {
        name: "first_chunk",
        key: "first_chunk_ms",
        label: "first chunk",
        title: "Time to first chunk",
        needs: &[Need::Stream],
        above_zero: true,
        within: Some(Limit::Request),
        definition: "first chunk - sent",
        ..TIME
    },
    Tpot = Row {
        name: "tpot",
        key: "tpot_ms",
        label: "TPOT",
        title: "Time per output token (TPOT)",
        needs: &[Need::Stream, Need::Pace, Need::Tokens],
        within: Some(Limit::Request),
        shown: USUAL,
        definition: "(last text event - first text event) / (output tokens - 1)",
        ..TIME
    },
    Ntpot = Row {
        name: "ntpot",
        key: "ntpot_ms",
        label: "NTPOT",
        title: "Normalized time per output token (NTPOT)",
        needs: &[Need::Tokens],
        above_zero: true,
        within: Some(Limit::Request),
        definition: "(end - sent) / output tokens",
        ..TIME
    },
    ChunkGap = Row {
        name: "chunk_gap",
        key: "chunk_gap_ms",
        label: "chunk gap",
        title: "Gap between chunks",
        scope: Scope::Chunk,
        needs: &[Need::Stream, Need::Pace],
        within: Some(Limit::Request),
        shown: USUAL,
        definition: "time between consecutive text events of the same choice, which others call ITL",
        ..TIME
    },
    LongestGap = Row {
        name: "longest_gap",
        key: "longest_gap_ms",
        label: "longest gap",
        title: "Longest gap between chunks of a request",
        needs: &[Need::Stream, Need::Pace],
        within: Some(Limit::Request),
        shown: &[Statistic::P50, Statistic::P99],
        definition: "longest time between consecutive text events of the same choice, the worst stall of the answer",
        ..TIME
    },
    E2e = Row {
        name: "e2e",
        key: "e2e_ms",
        label: "end to end",
        title: "End to end",
        above_zero: true,
        within: Some(Limit::Request),
        shown: USUAL,
        definition: "end - sent",
        ..TIME
    },
    E2eFromDue = Row {
        name: "e2e_from_due",
        key: "e2e_from_due_ms",
        label: "end to end from due",
        title: "End to end, from when the request was due",
        above_zero: true,
        definition: "end - due",
        ..TIME
    },
    Batch = Row {
        name: "batch",
        key: "batch_ms",
        label: "batch time",
        title: "Batch time",
        scope: Scope::Batch,
        needs: &[Need::Batches],
        above_zero: true,
        shown: USUAL,
        definition: "first sent to last end of one batch, without batches in which a request failed",
        ..TIME
    },
    ClientDelay = Row {
        name: "client_delay",
        key: "client_delay_ms",
        label: "client delay",
        title: "Client delay",
        scope: Scope::Read,
        definition: "when the client read bytes - when the kernel received them",
        ..TIME
    },
    ScheduleLag = Row {
        name: "schedule_lag",
        key: "schedule_lag_ms",
        label: "schedule lag",
        title: "Schedule lag",
        scope: Scope::Attempt,
        definition: "sent - due - connect: how late the client itself was",
        ..TIME
    },
    Connect = Row {
        name: "connect",
        key: "connect_ms",
        label: "connect",
        title: "Connect",
        scope: Scope::Connection,
        definition: "connect, of every connection that was opened in or for the phase",
        ..TIME
    },
}

metrics! {
    /// A metric that is one number a phase, topology or server. Its value is read in `measure::sources`.
    Number:
    OutputThroughput = Row {
        name: "output_throughput",
        key: "output_tokens_per_s",
        label: "output",
        title: "Output throughput",
        unit: Unit::TokensPerS,
        better: Better::Higher,
        needs: &[Need::Tokens],
        definition: "output tokens of successes / window",
        ..PHASE
    },
    RequestThroughput = Row {
        name: "request_throughput",
        key: "requests_per_s",
        label: "throughput",
        title: "Request throughput",
        unit: Unit::RequestsPerS,
        better: Better::Higher,
        definition: "successes / window",
        ..PHASE
    },
    Goodput = Row {
        name: "goodput",
        key: "goodput.share",
        label: "goodput",
        title: "Goodput",
        unit: Unit::Share("requests"),
        better: Better::Higher,
        needs: &[Need::Objectives],
        definition: "requests that succeed and meet every objective / all requests, failures included",
        ..PHASE
    },
    ErrorRate = Row {
        name: "error_rate",
        key: "error_rate",
        label: "errors",
        title: "Error rate",
        unit: Unit::Share("requests"),
        definition: "failed requests / all requests",
        ..PHASE
    },
    Startup = Row {
        name: "startup",
        key: "ready_ms",
        label: "ready after",
        title: "Start-up",
        within: Some(Limit::Ready),
        definition: "start of the first process until the whole topology was proven ready",
        ..TOPOLOGY
    },
    Teardown = Row {
        name: "teardown",
        key: "teardown_ms",
        label: "teardown",
        title: "Teardown",
        definition: "first signal until no process was left",
        ..TOPOLOGY
    },
    PrefixHitRate = Row {
        name: "server.prefix_hit_rate",
        key: "prefix_hit_rate",
        label: "prefix hit rate",
        title: "Prefix cache hit rate",
        unit: Unit::Share("looked-up prompt tokens"),
        better: Better::Higher,
        definition: "prompt tokens that the prefix cache held / prompt tokens that were looked up",
        ..SERVER
    },
    KvCacheUsage = Row {
        name: "server.kv_cache_usage",
        key: "kv_cache_usage",
        label: "KV cache usage",
        title: "KV cache usage",
        unit: Unit::Share("the KV cache"),
        definition: "share of the KV cache in use, the largest sample",
        ..SERVER
    },
    Preemptions = Row {
        name: "server.preemptions",
        key: "preemptions",
        label: "preemptions",
        title: "Preemptions",
        unit: Unit::Count,
        definition: "requests that the engine preempted",
        ..SERVER
    },
    Running = Row {
        name: "server.running",
        key: "running",
        label: "running",
        title: "Running requests",
        unit: Unit::Count,
        definition: "requests that the engine was running, mean of the samples",
        ..SERVER
    },
    Waiting = Row {
        name: "server.waiting",
        key: "waiting",
        label: "waiting",
        title: "Waiting requests",
        unit: Unit::Count,
        definition: "requests that waited in the engine, mean of the samples",
        ..SERVER
    },
    Queue = Row {
        name: "server.queue",
        key: "queue",
        label: "queue",
        title: "Queue time",
        definition: "arrival at the engine's core to scheduled, mean",
        ..SERVER
    },
    Prefill = Row {
        name: "server.prefill",
        key: "prefill",
        label: "prefill",
        title: "Prefill time",
        definition: "scheduled to the first token, mean",
        ..SERVER
    },
    Decode = Row {
        name: "server.decode",
        key: "decode",
        label: "decode",
        title: "Decode time",
        definition: "first to last token, mean",
        ..SERVER
    },
    EngineTtft = Row {
        name: "server.engine_ttft",
        key: "engine_ttft",
        label: "engine TTFT",
        title: "Time to first token in the engine",
        definition: "time to first token by the engine's own clock, mean",
        ..SERVER
    },
    FrontendTtft = Row {
        name: "server.frontend_ttft",
        key: "frontend_ttft",
        label: "frontend TTFT",
        title: "Time to first token in the frontend",
        definition: "time to first token by the frontend's own clock, mean",
        ..SERVER
    },
    NvextTtft = Row {
        name: "server.nvext_ttft",
        key: "nvext_ttft",
        label: "nvext TTFT",
        title: "Time to first token by nvext.timing",
        definition: "`nvext.timing.ttft_ms` of the answers, mean",
        ..SERVER
    },
}

/// One `T` for each metric with many values.
#[derive(Debug, Clone, PartialEq)]
pub struct PerTiming<T>([T; Timing::ALL.len()]);

impl<T> PerTiming<T> {
    /// From a function of the metric.
    pub fn from_fn(mut of: impl FnMut(Timing) -> T) -> Self {
        Self(Timing::ALL.map(&mut of))
    }
}

impl<T: Default> Default for PerTiming<T> {
    fn default() -> Self {
        Self::from_fn(|_| T::default())
    }
}

impl<T> Index<Timing> for PerTiming<T> {
    type Output = T;

    fn index(&self, timing: Timing) -> &T {
        &self.0[timing as usize]
    }
}

impl<T> IndexMut<Timing> for PerTiming<T> {
    fn index_mut(&mut self, timing: Timing) -> &mut T {
        &mut self.0[timing as usize]
    }
}

/// A map by the keys of records; what does not apply is `null`.
impl<T: Serialize> Serialize for PerTiming<Option<T>> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(Timing::ALL.map(|timing| (timing.row().key, &self[timing])))
    }
}

/// Absent keys do not apply; keys that this version does not know are ignored.
impl<'de, T: DeserializeOwned> Deserialize<'de> for PerTiming<Option<T>> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut values = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
        let mut all = Self::default();
        for timing in Timing::ALL {
            if let Some(value) = values.remove(timing.row().key) {
                all[timing] = serde_json::from_value(value).map_err(D::Error::custom)?;
            }
        }
        Ok(all)
    }
}
