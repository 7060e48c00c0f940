//! The embedded engine: this program again, as a process of its own.

use super::args::Flags;
use super::{Endpoint, MetricsPage, Probe, Process, Site, Stack, directories, temporary};
use crate::scenario::model::{ArgValue, Flavour, Sim};
use std::time::Duration;

pub(super) fn build(sim: &Sim, site: &Site<'_>) -> Stack {
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
    .over(&sim.args);
    let mut argv = vec![site.exe.into(), "sim".into()];
    flags.append(&mut argv);
    let url = format!("http://127.0.0.1:{port}");
    Stack {
        kind: "sim",
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
