//! The processes of NVIDIA Dynamo, with the defaults of Apache Beam's embedded mode: etcd, `dynamo.frontend`, then
//! workers, all on loopback. The flags are those of ai-dynamo 1.0 to 1.6. Older versions are rejected, newer ones cause
//! a warning.

use super::{Discovery, Dynamo, FACTS, Role, Router, Worker, WorkerGroup};
use crate::engine::args::Flags;
use crate::engine::site::{directories, python_env, set_env};
use crate::engine::vllm;
use crate::engine::{Endpoint, Error, MetricsPage, Probe, Process, Python, Site, Stack};
use crate::value::ArgValue;
use std::ffi::OsString;
use std::time::Duration;

/// Newest minor version of 1.x whose flags were checked.
const NEWEST: u32 = 6;
/// `dynamo.vllm` needs about 10.6 s to end after SIGTERM, of which 5 s are Dynamo's own grace period.
const WORKER_GRACE: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(10);

/// Stages in start order. Processes stop in reverse order.
const DISCOVERY: u32 = 0;
const FRONTEND: u32 = 1;
const WORKERS: u32 = 2;

pub(super) fn build(dynamo: &Dynamo, site: &Site<'_>) -> Result<Stack, Error> {
    let engine = FACTS.key;
    let python = site.python.ok_or(Error::NoRuntime { engine })?;
    let warnings = check_version(dynamo, python)?;
    if dynamo
        .workers
        .iter()
        .any(|worker| matches!(worker, Worker::Vllm(_)))
    {
        vllm::python(site, "dynamo.vllm")?;
    }
    let mut ports = site.ports.iter().copied();
    let mut port = || ports.next().unwrap_or_default();
    let mut env = shared_env(dynamo, (port(), port()));
    let (discovery, etcd) = discovery(dynamo, site, &mut port)?;
    env.push(discovery);
    let mut processes = Vec::from_iter(etcd);
    let builder = Builder {
        dynamo,
        site,
        python,
        env: &env,
    };
    let frontend_port = port();
    processes.push(builder.frontend(frontend_port));
    let url = format!("http://127.0.0.1:{frontend_port}");
    let mut metrics = vec![MetricsPage::new("frontend", &url)];
    for (index, (worker, group)) in dynamo.processes().enumerate() {
        let system_port = port();
        let process = builder.worker(index, worker, group, system_port);
        let system = format!("http://127.0.0.1:{system_port}");
        metrics.push(MetricsPage::new(&process.name, &system));
        processes.push(process);
    }
    Ok(Stack {
        kind: engine,
        processes,
        metrics,
        endpoint: Endpoint {
            url,
            headers: Vec::new(),
            model: site.served_name.unwrap_or(site.model).to_owned(),
        },
        versions: vllm::versions(python),
        warnings,
    })
}

/// Rejects versions that do not support the flags. Returns warnings about versions that may not.
fn check_version(dynamo: &Dynamo, python: &Python) -> Result<Vec<String>, Error> {
    let package = FACTS.packages[0];
    let version = python
        .versions
        .get(package)
        .ok_or_else(|| Error::NoPackage {
            engine: FACTS.key,
            package,
            python: python.program.clone(),
        })?;
    let minor = minor(version)?;
    if matches!(dynamo.router, Router::PowerOfTwo | Router::LeastLoaded) && minor == Some(0) {
        return Err(Error::NoRouterMode {
            found: version.clone(),
            mode: router(dynamo.router).into(),
            since: "1.1",
        });
    }
    let mut warnings = Vec::new();
    if minor.is_none_or(|minor| minor > NEWEST) {
        warnings.push(format!(
            "ai-dynamo {version} is newer than 1.{NEWEST}, the latest version whose flags were checked; the flags of 1.{NEWEST} are used"
        ));
    }
    Ok(warnings)
}

/// The environment variable for discovery, and the etcd process if one is started.
fn discovery(
    dynamo: &Dynamo,
    site: &Site<'_>,
    port: &mut dyn FnMut() -> u16,
) -> Result<((String, OsString), Option<Process>), Error> {
    Ok(match (dynamo.discovery, site.etcd_endpoints) {
        (Discovery::File, _) => {
            let directory = site.scratch.join("discovery");
            (("DYN_FILE_KV".into(), directory.into()), None)
        }
        (Discovery::Etcd, Some(endpoints)) => {
            (("ETCD_ENDPOINTS".into(), endpoints.to_owned()), None)
        }
        (Discovery::Etcd, None) => {
            let (etcd, endpoint) = etcd(site, port(), port())?;
            (("ETCD_ENDPOINTS".into(), endpoint.into()), Some(etcd))
        }
    })
}

/// The minor version of 1.x. `None` for 2 and later, or for a version that cannot be parsed.
fn minor(version: &str) -> Result<Option<u32>, Error> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(0), _) => Err(Error::TooOld {
            found: version.to_owned(),
        }),
        (Some(1), minor) => Ok(minor),
        _ => Ok(None),
    }
}

/// The environment variables of every process. They keep sockets on loopback and logs free of colours (checked with
/// 1.6.1).
fn shared_env(dynamo: &Dynamo, broker: (u16, u16)) -> Vec<(String, OsString)> {
    let mut env: Vec<(String, OsString)> = [
        ("DYN_TCP_RPC_HOST", "127.0.0.1"),
        // The name of an interface: 1.1 accepts no address here, later versions accept both.
        ("DYN_TCP_RESPONSE_STREAM_HOST", "lo"),
        ("DYN_EVENT_PLANE_HOST", "127.0.0.1"),
        ("DYN_SDK_DISABLE_ANSI_LOGGING", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.into()))
    .to_vec();
    if dynamo.router != Router::Kv {
        // Event publishers listen on all addresses, unless a broker is configured, to which they only connect. Without
        // KV-aware routing, nothing reads events, so the broker does not need to exist.
        let (xsub, xpub) = broker;
        env.push((
            "DYN_ZMQ_BROKER_URL".into(),
            format!("xsub=tcp://127.0.0.1:{xsub} , xpub=tcp://127.0.0.1:{xpub}").into(),
        ));
    }
    env
}

/// A private etcd process and its endpoint.
fn etcd(site: &Site<'_>, client: u16, peer: u16) -> Result<(Process, String), Error> {
    let program = site.etcd.ok_or(Error::NoEtcd)?;
    let name = "bench";
    let (client_url, peer_url) = (
        format!("http://127.0.0.1:{client}"),
        format!("http://127.0.0.1:{peer}"),
    );
    let directory = site.scratch.join("etcd");
    let mut argv = vec![OsString::from(program)];
    for (flag, value) in [
        ("--name", name),
        ("--listen-client-urls", &client_url),
        ("--advertise-client-urls", &client_url),
        ("--listen-peer-urls", &peer_url),
        ("--initial-advertise-peer-urls", &peer_url),
        ("--initial-cluster", &format!("{name}={peer_url}")),
    ] {
        argv.extend([flag, value].map(OsString::from));
    }
    argv.extend(["--data-dir".into(), directory.into()]);
    argv.extend(["--log-level", "warn"].map(OsString::from));
    let process = Process {
        name: "etcd".into(),
        argv,
        env: Vec::new(),
        stage: DISCOVERY,
        alone: false,
        probes: vec![
            Probe::HttpBelow {
                url: format!("{client_url}/health"),
                status: 500,
            },
            Probe::EtcdLease {
                url: client_url.clone(),
            },
        ],
        ports: vec![client, peer],
        directories: directories(site),
        grace: GRACE,
    };
    Ok((process, client_url))
}

/// The flags that frontend and workers share.
fn plane_flags(dynamo: &Dynamo) -> [(&'static str, ArgValue); 3] {
    let discovery = match dynamo.discovery {
        Discovery::Etcd => "etcd",
        Discovery::File => "file",
    };
    [
        ("discovery-backend", ArgValue::Text(discovery.into())),
        ("request-plane", ArgValue::Text("tcp".into())),
        ("event-plane", ArgValue::Text("zmq".into())),
    ]
}

/// Builds the processes of the frontend and the workers.
struct Builder<'a> {
    dynamo: &'a Dynamo,
    site: &'a Site<'a>,
    python: &'a Python,
    /// Environment variables of every process.
    env: &'a [(String, OsString)],
}

impl Builder<'_> {
    fn env(&self) -> Vec<(String, OsString)> {
        let mut env = python_env(self.python, self.site);
        env.extend(self.env.iter().cloned());
        env
    }

    fn module(&self, name: &str) -> Vec<OsString> {
        vec![self.python.program.clone().into(), "-m".into(), name.into()]
    }

    fn frontend(&self, port: u16) -> Process {
        let (dynamo, site) = (self.dynamo, self.site);
        let [discovery, request, event] = plane_flags(dynamo);
        let kv = dynamo.router == Router::Kv;
        let flags = Flags::new([
            ("http-port", ArgValue::Int(port.into())),
            ("http-host", ArgValue::Text("127.0.0.1".into())),
            discovery,
            request,
            event,
            ("router-mode", ArgValue::Text(router(dynamo.router).into())),
            // KV-aware routing needs these events.
            (
                "no-router-kv-events",
                if kv {
                    ArgValue::Switch(false)
                } else {
                    ArgValue::Bare
                },
            ),
        ])
        .override_with(&dynamo.frontend.args);
        let mut argv = self.module("dynamo.frontend");
        flags.append(&mut argv);
        let mut env = self.env();
        set_env(&mut env, &dynamo.frontend.env);
        Process {
            name: "frontend".into(),
            argv,
            env,
            stage: FRONTEND,
            alone: false,
            probes: vec![Probe::HttpBelow {
                url: format!("http://127.0.0.1:{port}/live"),
                status: 300,
            }],
            ports: vec![port],
            directories: directories(site),
            grace: GRACE,
        }
    }

    fn worker(
        &self,
        index: usize,
        worker: &Worker,
        group: &WorkerGroup,
        system_port: u16,
    ) -> Process {
        let mut env = self.env();
        env.extend([
            ("DYN_SYSTEM_PORT".into(), system_port.to_string().into()),
            ("DYN_SYSTEM_HOST".into(), "127.0.0.1".into()),
        ]);
        let (module, flags, alone) = match worker {
            Worker::Vllm(_) => {
                env.extend(vllm::environment());
                set_env(&mut env, &self.site.vllm.env);
                ("dynamo.vllm", self.vllm_flags(), true)
            }
            Worker::Mocker(_) => {
                // Without this, the health of the mocker stays `notready` (seen with 1.6.1).
                env.push((
                    "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS".into(),
                    r#"["generate"]"#.into(),
                ));
                ("dynamo.mocker", self.mocker_flags(), false)
            }
        };
        set_env(&mut env, &group.env);
        let mut argv = self.module(module);
        in_role(flags, group.role)
            .override_with(&group.args)
            .append(&mut argv);
        Process {
            name: format!("worker-{index}"),
            argv,
            env,
            stage: WORKERS,
            alone,
            probes: vec![Probe::HttpBelow {
                url: format!("http://127.0.0.1:{system_port}/health"),
                status: 300,
            }],
            ports: vec![system_port],
            directories: directories(self.site),
            grace: WORKER_GRACE,
        }
    }

    fn vllm_flags(&self) -> Flags {
        let site = self.site;
        let [discovery, request, event] = plane_flags(self.dynamo);
        let flags = Flags::new([
            ("model", text(site.model)),
            discovery,
            request,
            event,
            (
                "kv-events-config",
                text(r#"{"enable_kv_cache_events": false}"#),
            ),
        ])
        .path("model", site.odd_model);
        // The served name is sent as JSON, so it cannot be a path that is not UTF-8.
        match site.served_name.or(site.odd_model.map(|_| site.model)) {
            Some(name) => flags.override_with(&[("served-model-name".into(), text(name))].into()),
            None => flags,
        }
        .override_with(&site.vllm.args)
    }

    fn mocker_flags(&self) -> Flags {
        let site = self.site;
        let [discovery, request, event] = plane_flags(self.dynamo);
        Flags::new([
            ("model-path", text(site.model)),
            ("model-name", text(site.served_name.unwrap_or(site.model))),
            discovery,
            request,
            event,
        ])
        .path("model-path", site.odd_model)
    }
}

/// Adds the role of disaggregated serving, if there is one.
fn in_role(flags: Flags, role: Option<Role>) -> Flags {
    let role = match role {
        None => return flags,
        Some(Role::Prefill) => "prefill",
        Some(Role::Decode) => "decode",
    };
    flags.override_with(&[("disaggregation-mode".into(), text(role))].into())
}

fn text(value: &str) -> ArgValue {
    ArgValue::Text(value.to_owned())
}

fn router(router: Router) -> &'static str {
    match router {
        Router::RoundRobin => "round-robin",
        Router::Random => "random",
        Router::Kv => "kv",
        Router::Direct => "direct",
        Router::PowerOfTwo => "power-of-two",
        Router::LeastLoaded => "least-loaded",
    }
}
