//! The embedded engine: this program, started as a separate process.

use super::args::{Flags, context_length};
use super::facts::Facts;
use super::settings::{Rules, Settings};
use super::site::{directories, temporary};
use super::{Endpoint, Error, MetricsPage, Probe, Process, Site, Stack};
use crate::value::units::Time;
use crate::value::{ArgValue, Args};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const FACTS: Facts = Facts {
    key: "sim",
    started: true,
    ready: Time::from_secs(600),
    packages: &[],
    related_packages: &[],
    own_args: &["port", "model"],
    sends_vllm_fields: false,
    counts_words: true,
    // Its metrics endpoint has the families of the server that it imitates.
    families: &[],
};

/// Largest number of sequences at once.
const SLOTS: u32 = 100_000;
/// Default context length, in tokens.
const CONTEXT: u32 = 4_096;

/// The embedded engine's timing model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sim {
    /// The server that the engine imitates.
    pub flavour: Flavour,
    /// Time from start to listening.
    pub startup: Time,
    /// Time that the frontend spends on a request before the engine gets it.
    pub frontend_delay: Time,
    /// Prompt tokens that are processed per second.
    #[schemars(range(min = 1.0))]
    pub prefill_tokens_per_s: f64,
    /// Base time of one decode step.
    pub step: Time,
    /// Time that every running sequence adds to a step.
    pub step_per_sequence: Time,
    /// Number of sequences at once. Further ones wait in a queue.
    #[schemars(range(min = 1, max = SLOTS))]
    pub slots: u32,
    /// Further arguments of `bench sim`, such as its faults.
    pub args: Args,
}

impl Default for Sim {
    fn default() -> Self {
        Self {
            flavour: Flavour::Vllm,
            startup: Time::from_millis(50),
            frontend_delay: Time::from_millis(0),
            prefill_tokens_per_s: 20_000.0,
            step: Time::from_micros(4_000),
            step_per_sequence: Time::from_micros(50),
            slots: 32,
            args: Args::new(),
        }
    }
}

/// The server that the embedded engine imitates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// Native vLLM: answers never have `nvext`.
    #[default]
    Vllm,
    /// Dynamo's frontend: answers have `nvext.timing` on request.
    Dynamo,
}

impl Settings for Sim {
    fn ports(&self) -> usize {
        1
    }

    fn build(&self, site: &Site<'_>) -> Result<Stack, Error> {
        Ok(build(self, site))
    }

    fn check(&self, rules: &mut dyn Rules) {
        if self.prefill_tokens_per_s < 1.0 {
            rules.wrong("prefill_tokens_per_s", "must be at least 1", "");
        }
        rules.count("slots", self.slots, SLOTS);
        rules.process("", &self.args, &IndexMap::new());
    }

    fn contexts(&self, _: &Args) -> Vec<Option<u32>> {
        vec![context_length(&self.args).or(Some(CONTEXT))]
    }

    fn sends_nvext(&self) -> bool {
        self.flavour == Flavour::Dynamo
    }
}

fn build(sim: &Sim, site: &Site<'_>) -> Stack {
    let port = site.ports[0];
    let model = site.served_name.unwrap_or(site.model);
    let text = |text: &str| ArgValue::Text(text.to_owned());
    let flags = Flags::new([
        ("port", ArgValue::Int(port.into())),
        ("model", text(model)),
        (
            "flavour",
            text(match sim.flavour {
                Flavour::Vllm => "vllm",
                Flavour::Dynamo => "dynamo",
            }),
        ),
        ("startup", text(&sim.startup.to_string())),
        ("frontend-delay", text(&sim.frontend_delay.to_string())),
        (
            "prefill-tokens-per-s",
            ArgValue::Number(sim.prefill_tokens_per_s),
        ),
        ("step", text(&sim.step.to_string())),
        (
            "step-per-sequence",
            text(&sim.step_per_sequence.to_string()),
        ),
        ("slots", ArgValue::Int(sim.slots.into())),
    ])
    .override_with(&sim.args);
    let mut argv = vec![site.exe.into(), "sim".into()];
    flags.append(&mut argv);
    let url = format!("http://127.0.0.1:{port}");
    Stack {
        kind: FACTS.key,
        metrics: vec![MetricsPage::new("sim", &url)],
        processes: vec![Process {
            name: "sim".into(),
            argv,
            env: vec![("TMPDIR".into(), temporary(site).into())],
            stage: 0,
            alone: false,
            probes: vec![Probe::HttpBelow {
                url: format!("{url}/health"),
                status: 300,
            }],
            ports: vec![port],
            directories: directories(site),
            grace: Duration::from_secs(2),
        }],
        endpoint: Endpoint {
            url,
            headers: Vec::new(),
            model: model.to_owned(),
        },
        versions: vec![("bench".into(), env!("CARGO_PKG_VERSION").into())],
        warnings: Vec::new(),
    }
}
