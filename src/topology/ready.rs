//! Brings a topology up, stage by stage, until real completions prove that it serves. A model
//! listing proves nothing: Dynamo lists a model before requests can be routed to it (dynamo#11855).

use super::proof::{Proof, Unproven, Waiting};
use super::{Alarm, Error, Topology, pause};
use crate::engine::{Probe, Process};
use crate::event::{Event, Events};
use crate::measure::lifecycle::{Stage, StageKind, Startup};
use crate::tls;
use serde_json::Value;
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Pause between two tries of a probe.
const INTERVAL: Duration = Duration::from_millis(50);
/// Limit on one try of a probe.
const TRY: Duration = Duration::from_secs(5);
/// What [`bring_up`] needs besides the processes.
pub struct Launch<'a> {
    /// The whole environment of a process.
    pub environment: &'a dyn Fn(&Process) -> Vec<(OsString, OsString)>,
    /// First line of a process's log.
    pub header: &'a dyn Fn(&Process) -> String,
    /// Sends one real completion, which may take so long.
    pub prove: &'a mut dyn FnMut(Duration) -> Proof,
    /// How many in a row prove the topology.
    pub completions: u32,
    /// Limit on all of it.
    pub timeout: Duration,
    /// Raised when waiting is pointless.
    pub alarm: &'a Alarm,
    /// Told of every stage.
    pub events: &'a Events,
}

/// Starts `processes` stage by stage and proves that they serve.
///
/// # Errors
/// The first thing that stands in the way; what was started is still running and is the caller's to stop.
pub fn bring_up(
    topology: &mut Topology,
    processes: &[Process],
    launch: &mut Launch<'_>,
) -> Result<Startup, Error> {
    let began = Instant::now();
    let deadline = began + launch.timeout;
    let agent = tls::agent(TRY, false);
    let mut startup = Startup::default();
    let mut stages: Vec<u32> = processes.iter().map(|process| process.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    for stage in stages {
        let members: Vec<&Process> = processes.iter().filter(|p| p.stage == stage).collect();
        let mut waiting = Vec::new();
        for process in members {
            let started = Instant::now();
            topology.start(
                process,
                (launch.environment)(process),
                &(launch.header)(process),
            )?;
            waiting.push((process, started));
            if process.alone {
                await_all(
                    topology,
                    &agent,
                    &mut waiting,
                    launch,
                    deadline,
                    began,
                    &mut startup,
                )?;
            }
        }
        await_all(
            topology,
            &agent,
            &mut waiting,
            launch,
            deadline,
            began,
            &mut startup,
        )?;
    }
    prove(topology, processes, launch, began, &mut startup)?;
    startup.ready_ms = millis(began.elapsed());
    Ok(startup)
}

/// Waits for every process's probes; they were started together, so the order of looking does not matter.
fn await_all(
    topology: &Topology,
    agent: &ureq::Agent,
    waiting: &mut Vec<(&Process, Instant)>,
    launch: &Launch<'_>,
    deadline: Instant,
    began: Instant,
    startup: &mut Startup,
) -> Result<(), Error> {
    for (process, started) in waiting.drain(..) {
        for probe in &process.probes {
            while let Err(last) = look(agent, probe) {
                check_on(topology, launch)?;
                if Instant::now() >= deadline {
                    return Err(Error::NotReady {
                        process: process.name.clone(),
                        seconds: launch.timeout.as_secs(),
                        last,
                        logs: vec![topology.log(&process.name)],
                    });
                }
                pause(launch.alarm, INTERVAL);
            }
        }
        check_on(topology, launch)?;
        if let Some((port, holder)) = topology.stranger(process) {
            return Err(Error::PortTaken {
                process: process.name.clone(),
                port,
                holder,
            });
        }
        finish(
            startup,
            launch.events,
            &process.name,
            StageKind::Probe,
            started,
            began,
        );
    }
    Ok(())
}

fn prove(
    topology: &Topology,
    processes: &[Process],
    launch: &mut Launch<'_>,
    began: Instant,
    startup: &mut Startup,
) -> Result<(), Error> {
    let started = Instant::now();
    let proven = Waiting {
        whom: "the topology",
        prove: launch.prove,
        completions: launch.completions,
        began,
        timeout: launch.timeout,
        longest_pause: INTERVAL,
        alarm: launch.alarm,
        events: launch.events,
    }
    .wait();
    check_on(topology, launch)?;
    proven.map_err(|unproven| match unproven {
        Unproven::Stopped => Error::Interrupted,
        Unproven::Wrong(reason) => Error::Unproven(reason),
        Unproven::Refused(said) | Unproven::Unusable(said) => Error::Unproven(format!(
            "the engine serves, but refuses what this scenario asks: {said}; correct `request`"
        )),
        Unproven::TooLate { last, .. } => Error::NotReady {
            process: "the topology".into(),
            seconds: launch.timeout.as_secs(),
            last,
            logs: processes.iter().map(|p| topology.log(&p.name)).collect(),
        },
    })?;
    finish(
        startup,
        launch.events,
        "topology",
        StageKind::Completions,
        started,
        began,
    );
    Ok(())
}

fn check_on(topology: &Topology, launch: &Launch<'_>) -> Result<(), Error> {
    if !launch.alarm.raised() {
        return Ok(());
    }
    Err(topology
        .death("while starting")
        .unwrap_or(Error::Interrupted))
}

fn finish(
    startup: &mut Startup,
    events: &Events,
    process: &str,
    stage: StageKind,
    started: Instant,
    began: Instant,
) {
    let ms = millis(started.elapsed());
    events.emit(Event::StageReady {
        process: process.into(),
        stage,
        ms,
    });
    startup.stages.push(Stage {
        process: process.into(),
        stage,
        start_ms: millis(started.duration_since(began)),
        ms,
    });
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Tries a probe once.
fn look(agent: &ureq::Agent, probe: &Probe) -> Result<(), String> {
    match probe {
        Probe::HttpBelow { url, status } => {
            let answer = agent
                .get(url)
                .call()
                .map_err(|error| format!("GET {url}: {error}"))?;
            let found = answer.status().as_u16();
            (found < *status)
                .then_some(())
                .ok_or_else(|| format!("GET {url} answered {found}"))
        }
        Probe::EtcdLease { url } => etcd_lease(agent, url),
        Probe::ModelListed { url, model } => {
            let url = format!("{url}/v1/models");
            let body = json(agent.get(&url).call(), &url)?;
            let listed: Vec<&str> = body["data"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|entry| entry["id"].as_str())
                .collect();
            listed
                .contains(&model.as_str())
                .then_some(())
                .ok_or_else(|| format!("GET {url} lists {listed:?}, not {model}"))
        }
    }
}

/// Grants a lease, puts a key under it, reads it back and revokes the lease, which removes the key.
/// etcd's v3 JSON gateway takes keys and values in base64.
fn etcd_lease(agent: &ureq::Agent, url: &str) -> Result<(), String> {
    // base64 of `bench/probe` and `ok`
    const KEY: &str = "YmVuY2gvcHJvYmU=";
    const VALUE: &str = "b2s=";
    let call = |path: &str, body: Value| {
        let url = format!("{url}/v3/{path}");
        json(agent.post(&url).send_json(&body), &url)
    };
    let lease = call("lease/grant", serde_json::json!({"TTL": 10}))?["ID"]
        .as_str()
        .map(str::to_owned)
        .ok_or("etcd granted a lease without an id")?;
    let proven = call(
        "kv/put",
        serde_json::json!({"key": KEY, "value": VALUE, "lease": lease}),
    )
    .and_then(|_| call("kv/range", serde_json::json!({"key": KEY})))
    .and_then(|found| {
        (found["kvs"][0]["value"] == VALUE)
            .then_some(())
            .ok_or_else(|| format!("etcd at {url} does not give back what was put"))
    });
    let revoked = call("lease/revoke", serde_json::json!({"ID": lease}));
    proven.and(revoked.map(|_| ()))
}

fn json(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    url: &str,
) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| format!("{url}: {error}"))?;
    let status = answer.status().as_u16();
    let body: Value = answer
        .body_mut()
        .read_json()
        .map_err(|error| format!("{url} answered {status} without JSON: {error}"))?;
    if status >= 400 {
        return Err(format!("{url} answered {status}: {body}"));
    }
    Ok(body)
}
